#!/usr/bin/env bats
# Quantised models on a Vulkan device (in CI a software driver): they stay quantised there, and give the tokens and
# codes that they give on the CPU.

load golden
load talker

setup() {
    T=$BATS_TEST_TMPDIR
    driver_leaks
    cd "$T" || return
}

# same_on_both NAME STREAM COMMAND...: COMMAND --precise, fed with STREAM, gives the same tensors NAME on both devices.
# The validation layer watches.
same_on_both() {
    local name=$1 stream=$2
    shift 2
    "$@" -d cpu --precise <"$stream" >"$T/cpu"
    OMNI_VULKAN_VALIDATE=${OMNI_VULKAN_VALIDATE-1} timeout 240 "$@" -d vulkan --precise -v <"$stream" \
        >"$T/vulkan" 2>"$T/err" || { cat "$T/err" && return 1; }
    omni-inspect -x "$name" "$T/cpu" >"$T/cpu.npy"
    omni-inspect -x "$name" "$T/vulkan" | cmp - "$T/cpu.npy"
}

@test "q8_0 and q4_0: a thinker's tokens, a talker's codes, a code predictor's" {
    local type
    for type in q8_0 q4_0; do
        omni-quantize --thinker $type --talker $type --predictor $type --force "$GOLDEN/tiny" "$T/$type" 2>err
        OMNI_MODEL=$T/$type same_on_both tokens "$GOLDEN/stream/tiny-thinker-turns.in" omni-thinker -n 16
        OMNI_MODEL=$T/$type same_on_both codes "$GOLDEN/stream/tiny-talker-turns.in" omni-talker --temp 0 -n 12
        OMNI_MODEL=$T/$type OMNI_RESIDENT=1 same_on_both codes "$GOLDEN/stream/tiny-codepred.in" omni-codepred --temp 0
    done
}

# A thinker whose rows are blocks of 256, with random weights.
wide_thinker() {
    python3 - "$GOLDEN/tiny/config.json" >config.json <<'END'
import json
import sys

config = json.load(open(sys.argv[1]))
text = config["thinker_config"]["text_config"]
text |= dict(hidden_size=256, moe_intermediate_size=256, num_hidden_layers=4)
for part in "audio_config", "vision_config":
    config["thinker_config"].get(part, {}).update(output_dim=256, out_hidden_size=256)
config["talker_config"]["thinker_hidden_size"] = 256
json.dump(config, sys.stdout)
END
    "$BUILD/tests/bench/random_model" wide config.json thinker
    cp "$GOLDEN"/tiny/{vocab.json,merges.txt,tokenizer_config.json} wide
    omni-tokenize -m wide 'What is this?' 'And what is that, of which nobody has said anything yet?' >questions
}

# The MB of weights that -v says in $T/err.
weights_of() {
    sed -n 's/.* weights \([0-9.]*\) MB on .*/\1/p' "$T/err"
}

@test "q4_k_m, q5_k, q6_k: a thinker's tokens; its memory is that of the quantised weights" {
    local type full part
    wide_thinker
    OMNI_MODEL=$T/wide same_on_both tokens questions omni-thinker -n 4
    full=$(weights_of)
    for type in q4_k_m q5_k q6_k; do
        omni-quantize --thinker $type "$T/wide" "$T/$type" 2>err
        OMNI_MODEL=$T/$type same_on_both tokens questions omni-thinker -n 16
        part=$(weights_of)
        echo "$type: $part of $full MB"
        awk -v part="$part" -v full="$full" 'BEGIN { exit part <= 0 || part > 0.55 * full }'
    done
}

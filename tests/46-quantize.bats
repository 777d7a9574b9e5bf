#!/usr/bin/env bats
# omni-quantize: a checkpoint as GGUF files that give the same answers, or nearly the same.

load golden

setup() {
    T=$BATS_TEST_TMPDIR
    MODELS=$T/models
    mkdir -p "$MODELS"
}

@test "in bf16 the GGUF files give what the checkpoint gives, in all stages" {
    for model in tiny odd; do
        omni-quantize --thinker bf16 --talker bf16 "$GOLDEN/$model" "$MODELS/$model" 2>"$T/err"
        [ ! -s "$T/err" ]
        [ "$(cd "$MODELS/$model" && echo *)" = "mmproj.gguf speech.gguf thinker.gguf" ]
        omni-inspect "$MODELS/$model" >"$T/list"
        [ "$(grep -c '"state":"complete"' "$T/list")" -eq 5 ]
        [ "$(grep -c '"problem"' "$T/list")" -eq 0 ]
    done
    for tool in omni-tokenize omni-encode-audio omni-thinker omni-talker omni-codepred omni-code2wav sh; do
        run_cases "$tool" >"$T/log" 2>&1 || { cat "$T/log" && return 1; }
    done
}

@test "the stages of a GGUF model and of its checkpoint know each other" {
    omni-quantize --thinker bf16 --talker bf16 "$GOLDEN/tiny" "$MODELS/q"
    omni-tokenize -m "$MODELS/q" 'Hello' | omni-thinker -m "$GOLDEN/tiny" -n 8 |
        omni-talker -m "$MODELS/q" -n 8 | omni-code2wav -m "$GOLDEN/tiny" >"$T/wav" 2>"$T/err"
    [ ! -s "$T/err" ]
    [ -s "$T/wav" ]
}

@test "the default types; what has one dimension, routers and convolutions stay f32" {
    omni-quantize "$GOLDEN/tiny" "$MODELS/q"
    omni-inspect "$MODELS/q" >"$T/list"
    grep -q '"component":"thinker".*"dtypes":{"Q8_0":114,"F32":21}' "$T/list"
    grep -q '"component":"audio".*"dtypes":{"F32":30,"BF16":15}' "$T/list"
    grep -q '"component":"talker".*"Q8_0":' "$T/list"
    grep -q '"component":"codepred".*"dtypes":{"BF16":20,"F32":9}' "$T/list"
    grep -q '"component":"code2wav".*"dtypes":{"F32":164}' "$T/list"
    omni-tokenize -m "$MODELS/q" 'Hello' | omni-thinker -m "$MODELS/q" -n 8 |
        omni-talker -m "$MODELS/q" -n 8 | omni-code2wav -m "$MODELS/q" >"$T/wav"
    [ "$(stat -c %s "$T/wav")" -gt 2000 ]
}

@test "types that spoil the voice need --force, and are warned of" {
    fails_with 64 omni-quantize --predictor q8_0 "$GOLDEN/tiny" "$MODELS/q"
    grep -q -- "--force" "$T/err"
    [ ! -e "$MODELS/q" ]
    fails_with 64 omni-quantize --code2wav f16 "$GOLDEN/tiny" "$MODELS/q"
    omni-quantize --predictor q8_0 --force "$GOLDEN/tiny" "$MODELS/q" 2>"$T/err"
    grep -qx "omni-quantize: codepred in q8_0: speech gets audibly worse" "$T/err"
    omni-inspect "$MODELS/q" | grep -q '"component":"codepred".*"Q8_0"'
    omni-quantize --code2wav bf16 "$GOLDEN/tiny" "$MODELS/q" 2>"$T/err" # as exact as the checkpoint
    [ ! -s "$T/err" ]
}

@test "q4_k_m keeps q6_K where llama.cpp does; rows of other lengths fall back" {
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" "$T/wide" \
        '{"thinker": {"hidden_size": 256, "moe_intermediate_size": 256, "num_hidden_layers": 8,
                      "num_experts": 4, "num_experts_per_tok": 2, "vocab_size": 151680}}' thinker >"$T/log"
    omni-quantize --thinker q4_k_m "$T/wide" "$MODELS/q" 2>"$T/err"
    grep -q "has no tokenizer" "$T/err"
    omni-inspect "$MODELS/q" >"$T/list"
    # 8 layers: 0, 3, 6 and 7 are delicate: 4 values, 4 times 4 last matrices, and the output
    grep -q '"component":"thinker","state":"complete".*"Q6_K":21[,}]' "$T/list"
    grep -q '"Q4_K":' "$T/list"
    omni-quantize --thinker q4_k_m "$GOLDEN/tiny" "$MODELS/small"
    omni-inspect "$MODELS/small" | grep -q '"component":"thinker".*"dtypes":{"Q8_0":114,"F32":21}'
}

@test "a checkpoint without a talker gives two files; one of single components, theirs" {
    mkdir "$T/captioner" "$T/speech"
    ln -s "$GOLDEN"/tiny/* "$T/captioner"
    rm "$T/captioner/config.json"
    sed 's/"enable_audio_output": true/"enable_audio_output": false/' "$GOLDEN/tiny/config.json" \
        >"$T/captioner/config.json"
    omni-quantize "$T/captioner" "$MODELS/c"
    [ "$(cd "$MODELS/c" && echo *)" = "mmproj.gguf thinker.gguf" ]
    fails_with 78 omni-talker -m "$MODELS/c" </dev/null
    grep -q "the model has no talker" "$T/err"
}

@test "a missing tensor, a number that is none, or no checkpoint at all: no file is left" {
    python3 - "$GOLDEN/tiny" "$T/broken" <<'PY'
import json, pathlib, struct, sys
source, out = map(pathlib.Path, sys.argv[1:])
out.mkdir()
for name in "config.json", "vocab.json", "merges.txt":
    (out / name).write_bytes((source / name).read_bytes())
raw = bytearray((source / "model.safetensors").read_bytes())
length = struct.unpack("<Q", raw[:8])[0]
begin = json.loads(raw[8:8 + length])["thinker.lm_head.weight"]["data_offsets"][0]
raw[8 + length + begin:8 + length + begin + 2] = b"\xc0\x7f"
(out / "model.safetensors").write_bytes(raw)
PY
    fails_with 65 omni-quantize "$T/broken" "$MODELS/q"
    grep -q "thinker.lm_head.weight': 1 of its numbers are not finite" "$T/err"
    [ -z "$(ls "$MODELS/q")" ]
    fails_with 66 omni-quantize "$T/nowhere" "$MODELS/q"
    fails_with 64 omni-quantize "$GOLDEN/tiny"
    fails_with 64 omni-quantize --thinker q3 "$GOLDEN/tiny" "$MODELS/q"
    fails_with 73 omni-quantize "$GOLDEN/tiny" /dev/null/q
    touch "$T/file"
    fails_with 73 omni-quantize "$GOLDEN/tiny" "$T/file"
}

@test "killed at work: no half file has a name, and the next run goes through" {
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" "$T/wide" \
        '{"thinker": {"hidden_size": 256, "moe_intermediate_size": 256, "num_hidden_layers": 8,
                      "num_experts": 64, "num_experts_per_tok": 2, "vocab_size": 151680}}' thinker
    omni-quantize --thinker q4_k_m "$T/wide" "$MODELS/q" 2>/dev/null &
    for _ in $(seq 200); do
        [ ! -e "$MODELS/q/thinker.gguf.part" ] || break
        sleep .02
    done
    kill -KILL $!
    wait $! || true
    [ ! -e "$MODELS/q/thinker.gguf" ]
    omni-quantize "$T/wide" "$MODELS/q" 2>/dev/null
    [ "$(cd "$MODELS/q" && echo *)" = "thinker.gguf" ]
    omni-inspect "$MODELS/q" | grep -q '"component":"thinker","state":"complete"'
}

@test "interrupted or terminated: it ends as others do, and its file is removed" {
    local signal code
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" "$T/wide" \
        '{"thinker": {"hidden_size": 512, "moe_intermediate_size": 512, "num_hidden_layers": 8,
                      "num_experts": 64, "num_experts_per_tok": 2, "vocab_size": 151680}}' thinker
    for signal in INT TERM HUP; do
        env --default-signal=$signal omni-quantize --thinker q4_k_m "$T/wide" "$MODELS/q" 2>"$T/err" &
        for _ in $(seq 1000); do
            [ ! -e "$MODELS/q/thinker.gguf.part" ] || break
            sleep .01
        done
        kill -$signal $!
        code=0
        wait $! || code=$?
        [ "$code" -eq $((128 + $(kill -l $signal))) ]
        [ -z "$(ls "$MODELS/q")" ]
        [ "$(grep -vc "has no tokenizer" "$T/err")" -eq 0 ]
    done
    # One that is ignored when it starts, as behind nohup, is so till the end.
    (trap '' HUP && exec omni-quantize "$T/wide" "$MODELS/q") 2>/dev/null &
    until [ -e "$MODELS/q/thinker.gguf.part" ]; do sleep .01; done
    kill -HUP $!
    wait $!
    [ "$(ls "$MODELS/q")" = thinker.gguf ]
}

@test "half precision is taken as it is, and out of its range refused" {
    python3 - "$GOLDEN/tiny" "$T/half" "$T/infinite" <<'PY'
import json, pathlib, struct, sys
source, *outs = map(pathlib.Path, sys.argv[1:])
raw = (source / "model.safetensors").read_bytes()
length = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + length])
words = struct.unpack(f"<{(len(raw) - 8 - length) // 2}H", raw[8 + length:])
numbers = struct.unpack(f"<{len(words)}f", struct.pack(f"<{len(words)}I", *(w << 16 for w in words)))
for out in outs:
    out.mkdir()
    for name in "config.json", "vocab.json", "merges.txt", "tokenizer_config.json":
        (out / name).write_bytes((source / name).read_bytes())
    text = json.dumps({k: v | {"dtype": "F16"} if "dtype" in v else v for k, v in head.items()}).encode()
    text += b" " * (-len(text) % 8)
    data = bytearray(struct.pack(f"<{len(numbers)}e", *numbers))
    if out.name == "infinite":
        at = head["thinker.lm_head.weight"]["data_offsets"][0]
        data[at:at + 2] = b"\x00\x7c"
    (out / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
PY
    omni-quantize "$T/half" "$MODELS/half"
    omni-quantize "$GOLDEN/tiny" "$MODELS/whole"
    for name in thinker.lm_head.weight talker.codec_head.weight code2wav.code_embedding.weight; do
        omni-inspect -x $name "$MODELS/half" >"$T/a.npy"
        omni-inspect -x $name "$MODELS/whole" >"$T/b.npy"
        # Of random numbers a few are too small for half precision to have all their digits.
        python3 - "$T/a.npy" "$T/b.npy" <<'PY'
import array, sys
a, b = (array.array("f", open(f, "rb").read()[128:]) for f in sys.argv[1:])
assert len(a) == len(b) > 1000 and max(abs(x - y) for x, y in zip(a, b)) < 2e-3 * max(b)
PY
    done
    fails_with 65 omni-quantize "$T/infinite" "$MODELS/q"
    grep -q "thinker.lm_head.weight': 1 of its numbers are not finite" "$T/err"
}

@test "on a terminal a bar tells how far it is; else it is silent" {
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" "$T/wide" \
        '{"thinker": {"hidden_size": 512, "moe_intermediate_size": 512, "num_hidden_layers": 8,
                      "num_experts": 64, "num_experts_per_tok": 2, "vocab_size": 151680}}' thinker
    script -qec "$(command -v omni-quantize) --thinker q4_k_m '$T/wide' '$MODELS/q'" /dev/null >"$T/tty" </dev/null
    # Of all files together: it grows, and it is full once.
    tr '\r' '\n' <"$T/tty" | grep -o 'gguf \[[#.]*\] *[0-9]* %.*GB.*left' >"$T/lines"
    grep -q '^gguf \[#\+\.\+\] ' "$T/lines"
    [ "$(grep -c '^gguf \[#\{24\}\] 100 %' "$T/lines")" -eq 1 ]
    grep -o '[0-9]* %' "$T/lines" | sort -nc
    omni-quantize "$GOLDEN/tiny" "$MODELS/q" >"$T/out" 2>&1
    [ ! -s "$T/out" ]
    omni-quantize -v "$GOLDEN/tiny" "$MODELS/q" 2>&1 | grep -q 'thinker.gguf: 51 tensors, .* GB, .* s'
}

@test "the examples of omni-quantize(1) run" {
    OMNI_MODEL=$GOLDEN/tiny run_examples omni-quantize.1
}

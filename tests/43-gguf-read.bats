#!/usr/bin/env bats
# GGUF files as llama.cpp writes them, and damaged ones.

load golden

setup() {
    T=$BATS_TEST_TMPDIR
    MODELS=$T/models
    mkdir -p "$MODELS/tiny"
}

# file COMPONENT [TYPE]: that component of the tiny model as llama.cpp has it.
file() {
    python3 "$ROOT/tests/weights/gguf.py" "$GOLDEN/tiny" "$MODELS/tiny/$1.gguf" "$@"
}

@test "llama.cpp's thinker and audio encoder are read: the goldens' results" {
    file thinker bf16
    file audio
    run_cases omni-tokenize 'tiny-*'
    run_cases omni-encode-audio 'tiny-audio-1*'

    run_cases omni-thinker 'tiny-thinker-[slv][ite][lmr]*'
    run_cases omni-thinker tiny-thinker-stop
}

@test "a single GGUF file is a model" {
    file thinker f32
    file audio bf16
    from=$GOLDEN/stream
    omni-thinker -m "$MODELS/tiny/thinker.gguf" --precise -n 64 --trace 'thinker.*' \
        <"$from/tiny-thinker-stop.in" >"$T/out"
    same_stream "$from/tiny-thinker-stop.out" "$T/out" 1e-4
    omni-tokenize -m "$MODELS/tiny/thinker.gguf" 'Hello, how are you?' >"$T/out"
    same_stream "$from/tiny-tokenize-user.out" "$T/out" 0
    omni-encode-audio -m "$MODELS/tiny/audio.gguf" --precise "$GOLDEN/wav/137.wav" >"$T/out"
    omni-encode-audio -m "$GOLDEN/tiny" --precise "$GOLDEN/wav/137.wav" >"$T/all"
    omni-inspect -c "$T/all" --tol 1e-3 "$T/out" # conv weights are f16 here
}

@test "a split GGUF file is a model by any of its parts, if all are there" {
    file thinker bf16 3
    from=$GOLDEN/stream
    for part in 1 3; do
        omni-thinker -m "$MODELS/tiny/thinker-0000$part-of-00003.gguf" --precise -n 64 --trace 'thinker.*' \
            <"$from/tiny-thinker-stop.in" >"$T/out"
        same_stream "$from/tiny-thinker-stop.out" "$T/out" 1e-4
    done
    rm "$MODELS/tiny/thinker-00002-of-00003.gguf"
    fails_with 66 omni-thinker -m "$MODELS/tiny/thinker-00001-of-00003.gguf" </dev/null
    grep -q "thinker-00002-of-00003.gguf" "$T/err"
}

@test "parts of a split GGUF file must be all there and each once, whatever their names say" {
    file thinker bf16 3
    part() { echo "$MODELS/tiny/thinker-0000$1-of-00003.gguf"; }
    fail_in() { # SAYS
        fails_with 65 omni-thinker -m "$T/parts" </dev/null
        grep -q "$1" "$T/err" || { cat "$T/err" && return 1; }
    }
    mkdir "$T/parts"
    cp "$(part 1)" "$(part 3)" "$T/parts"
    fail_in "part 2 of its 3 is missing"
    cp "$(part 3)" "$T/parts/thinker-00002-of-00003.gguf"
    fail_in "part 2 of its 3 is missing"
    cp "$(part 2)" "$T/parts/thinker-00002-of-00003.gguf"
    cp "$(part 2)" "$T/parts/again.gguf"
    fail_in "part 2 of its 3 is there more than once"
    rm -r "$T/parts"
    mkdir "$T/parts"
    cp "$(part 1)" "$T/parts/thinker.gguf"
    fails_with 65 omni-thinker -m "$T/parts/thinker.gguf" </dev/null
    grep -q "part 2 of its 3 is missing" "$T/err"
}

@test "a GGUF file whose name is no part's is a model by itself" {
    file thinker bf16
    for name in model-00003-of-00002 model-00000-of-00001 model-0001-of-00002; do
        cp "$MODELS/tiny/thinker.gguf" "$T/$name.gguf"
        omni-tokenize -r -m "$T/$name.gguf" hello >"$T/out"
        whole_stream "$T/out"
    done
}

@test "what llama.cpp's files lack is said: in a note, and by the stages that lack it" {
    file thinker bf16
    omni-thinker -v -m "$MODELS/tiny/thinker.gguf" -n 2 <"$GOLDEN/stream/tiny-thinker-stop.in" 2>"$T/err" |
        omni-inspect >"$T/list"
    grep -q '"kind":"note".*"assumed":".*released model' "$T/list"
    grep -q 'omni-thinker: the GGUF files have no omni.\* keys' "$T/err"
    for stage in omni-talker omni-codepred omni-code2wav omni-encode-audio; do
        fails_with 78 "$stage" -m "$MODELS/tiny/thinker.gguf" "$GOLDEN/wav/137.wav" </dev/null ||
            fails_with 78 "$stage" -m "$MODELS/tiny/thinker.gguf" </dev/null
        grep -q 'thinker.gguf: no .* in it: .*omni-quantize\|has no audio encoder' "$T/err"
    done
    # Of several files it is their directory that lacks it.
    file audio
    for stage in omni-talker omni-codepred omni-code2wav; do
        fails_with 78 "$stage" -m "$MODELS/tiny" </dev/null
        grep -q "models/tiny: no .* in it: make GGUF files of all components with omni-quantize" "$T/err"
    done
    fails_with 66 omni-tokenize -m "$MODELS/tiny/audio.gguf" hello
    grep -q 'no tokenizer in it' "$T/err"
    fails_with 78 omni-thinker -m "$MODELS/tiny/audio.gguf" </dev/null
}

@test "half precision is used where it lies: the same numbers as f32, in half the memory" {
    local how
    file thinker f16
    # The same numbers, widened.
    python3 - "$GOLDEN/tiny" "$T/wide" <<'PY'
import json, pathlib, struct, sys
source, out = map(pathlib.Path, sys.argv[1:])
raw = (source / "model.safetensors").read_bytes()
length = struct.unpack("<Q", raw[:8])[0]
words = struct.unpack(f"<{(len(raw) - 8 - length) // 2}H", raw[8 + length:])
numbers = struct.unpack(f"<{len(words)}f", struct.pack(f"<{len(words)}I", *(w << 16 for w in words)))
halves = struct.unpack(f"<{len(words)}e", struct.pack(f"<{len(words)}e", *numbers))
head = {k: v | {"dtype": "F32", "data_offsets": [2 * x for x in v["data_offsets"]]} if "dtype" in v else v
        for k, v in json.loads(raw[8:8 + length]).items()}
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
out.mkdir()
for name in "config.json", "vocab.json", "merges.txt", "tokenizer_config.json":
    (out / name).write_bytes((source / name).read_bytes())
(out / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + struct.pack(f"<{len(halves)}f", *halves))
PY
    for how in "" --precise; do
        for model in "$MODELS/tiny/thinker.gguf" "$T/wide"; do
            # shellcheck disable=SC2086 # no word where it is empty
            omni-thinker -d cpu -m "$model" $how -n 8 --trace 'thinker.*' \
                <"$GOLDEN/stream/tiny-thinker-stop.in" >"$T/${model##*/}.out"
        done
        omni-inspect --subset -c "$T/wide.out" --tol 1e-5 "$T/thinker.gguf.out"
    done
    # What is mapped is not in the arenas.
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" "$T/half" \
        '{"thinker": {"num_hidden_layers": 1, "num_experts": 8, "vocab_size": 151936}}' thinker gguf f16
    omni-tokenize -m "$T/half" hello | omni-thinker -d cpu -v -m "$T/half" -n 1 2>"$T/err" >"$T/out"
    resident=$(sed -n 's/.*at most \([0-9]*\).* MB resident.*/\1/p' "$T/err")
    echo "$resident MB"
    [ "$resident" -lt 900 ] # lm_head 622 MB, 19 M numbers of attention and 38 M of experts
}

@test "quantised weights: a thinker of q8_0 says what the checkpoint says, nearly" {
    file thinker q8_0
    local how
    omni-thinker -m "$GOLDEN/tiny" --precise -n 1 --trace thinker.logits \
        <"$GOLDEN/stream/tiny-thinker-stop.in" >"$T/bf16"
    omni-inspect -x thinker.logits "$T/bf16" >"$T/bf16.npy"
    # With f32 numbers, with int8 ones, and on a GPU.
    driver_leaks
    for how in "-d cpu --precise" "-d cpu" "-d vulkan --precise"; do
        # shellcheck disable=SC2086 # words
        omni-thinker -m "$MODELS/tiny/thinker.gguf" $how -n 1 --trace thinker.logits \
            <"$GOLDEN/stream/tiny-thinker-stop.in" >"$T/q8"
        omni-inspect -x thinker.logits "$T/q8" >"$T/q8.npy"
        python3 - "$T/bf16.npy" "$T/q8.npy" <<'PY'
import struct, sys
a, b = (struct.unpack("<512f", open(f, "rb").read()[-2048:]) for f in sys.argv[1:])
error = (sum((x - y) ** 2 for x, y in zip(a, b)) / sum(x * x for x in a)) ** .5
print(error)
assert 1e-5 < error < .05
PY
    done
    omni-inspect -x thinker.lm_head.weight "$MODELS/tiny/thinker.gguf" >"$T/head.npy"
    [ "$(stat -c %s "$T/head.npy")" -eq $((128 + 512 * 64 * 4)) ]
}

@test "omni-inspect: components, types and sizes of GGUF files" {
    file thinker q8_0
    file audio
    omni-inspect "$MODELS/tiny" >"$T/list"
    grep -q '"component":"thinker","state":"complete","tensors":135,"expected":135.*"Q8_0":11' "$T/list"
    grep -q '"component":"audio","state":"complete"' "$T/list"
    grep -q '"component":"talker","state":"absent"' "$T/list"
    omni-inspect "$MODELS/tiny/audio.gguf" >"$T/list"
    grep -q '"component":"audio","state":"complete"' "$T/list"
    grep -q '"model":"audio.gguf",.*"tensors":45,' "$T/list" # the vision encoder is passed over
    cp "$MODELS/tiny/thinker.gguf" "$MODELS/tiny/again.gguf"
    fails_with 65 omni-inspect "$MODELS/tiny"
    grep -q "is in .*gguf too" "$T/err"
}

@test "a matrix whose rows would be parts of blocks is refused" {
    PYTHONPATH=$ROOT/tests/weights python3 - "$GOLDEN/tiny" "$T/thin.gguf" <<'PY'
import json, pathlib, sys
import gguf
source = pathlib.Path(sys.argv[1])
found = {}
for name, (shape, values) in gguf.load(source).items():
    if name.startswith(("thinker.model.", "thinker.lm_head.")):
        to, expert = gguf.rename(name)
        found.setdefault(to, {})[expert] = (shape, values)
tensors = {}
for name, slices in found.items():
    shape, values = slices.get(None) or slices[0]
    kind = "f32"
    if None not in slices: # experts one number wide, but for the last matrix, which leaves out that size
        n, width = len(slices), 64
        shape, kind = [n, width] if "down" in name else [n, 1, width], "q8_0"
        values = [0.5] * n * width
    tensors[name] = (shape, kind, gguf.encode(values, kind))
metadata = gguf.thinker(source, json.loads((source / "config.json").read_text()))
gguf.write(sys.argv[2], metadata | {"qwen3vlmoe.expert_feed_forward_length": 1}, tensors)
PY
    fails_with 65 omni-thinker -m "$T/thin.gguf" -n 1 <"$GOLDEN/stream/tiny-thinker-stop.in"
    grep -q "experts.0.down_proj.weight' is \[64\], expected \[64, 1\]" "$T/err"
}

@test "every damaged GGUF file is refused in one line" {
    python3 "$ROOT/tests/weights/broken_gguf.py" "$T/broken" >"$T/cases"
    [ "$(wc -l <"$T/cases")" -gt 90 ]
    while IFS=$'\t' read -r name tool code words; do
        fails_with "$code" "$tool" -m "$T/broken/$name" </dev/null || { echo "case $name" && return 1; }
        grep -qF -- "$words" "$T/err" || { echo "case $name: $(cat "$T/err")" && return 1; }
    done <"$T/cases"
}

@test "a GGUF file cut at any byte of its head is refused" {
    python3 "$ROOT/tests/weights/broken_gguf.py" "$T/broken" >/dev/null
    size=$(stat -c %s "$T/broken/good.gguf")
    for ((n = 4; n < size; n += 3)); do
        head -c "$n" "$T/broken/good.gguf" >"$T/cut.gguf"
        fails_with 65 omni-inspect -m "$T/cut.gguf" || { echo "cut at byte $n" && return 1; }
    done
}

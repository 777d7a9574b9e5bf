#!/usr/bin/env bats
# Checkpoints and configs: what is right is read, what is wrong is refused in one line.

setup() {
    load lib
    W=$BUILD/tests/weights
    T=$BATS_TEST_TMPDIR
}

# values DTYPE NAME DIR: NAME holds the six values of dtypes.py.
values() {
    local got want
    got=$("$W/get" "$3" "$2" 2 3 | tr '\n' ' ')
    want="$1 0 1 -2.5 ${4:-65504 5.96046448e-08} inf "
    echo "got  $got"
    echo "want $want"
    [ "$got" = "$want" ]
}

@test "the released config gives 28,010 tensors and 35,259,818,545 parameters" {
    run "$W/expect" "$ROOT/tests/weights/released.json"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "thinker 18867 30532646912" ]
    [ "${lines[1]}" = "audio 525 647927168" ]
    [ "${lines[2]}" = "vision 351 538631408" ]
    [ "${lines[3]}" = "talker 7951 3183026176" ]
    [ "${lines[4]}" = "codepred 86 141570304" ]
    [ "${lines[5]}" = "code2wav 230 216016577" ]
    [ "${lines[6]}" = "all 28010 35259818545" ]
}

@test "f32, bf16 and f16 are read, aligned in the file or not" {
    for shift in 0 1 2 5; do
        python3 "$ROOT/tests/weights/dtypes.py" "$T/$shift" "$shift"
        values f32 f32 "$T/$shift"
        values f32 f16 "$T/$shift"
        values bf16 bf16 "$T/$shift" "65280 5.96046448e-08"
    done
}

@test "a tensor of another shape, dtype or name is refused by name" {
    python3 "$ROOT/tests/weights/dtypes.py" "$T/m" 0
    fails_with 65 "$W/get" "$T/m" f32 3 2
    grep -qF "model.safetensors: tensor 'f32' is [2, 3], expected [3, 2]" "$T/err"
    fails_with 65 "$W/get" "$T/m" f32 2 3 1
    fails_with 65 "$W/get" "$T/m" f32 6
    fails_with 65 "$W/get" "$T/m" none 0 6
    fails_with 65 "$W/get" "$T/m" f5 2 3
    grep -qF "model.safetensors: no tensor 'f5'" "$T/err"
    for name in i64 f4 bool; do
        fails_with 65 "$W/get" "$T/m" "$name" 2 3
        grep -qF "expected F32, BF16 or F16" "$T/err"
    done
}

@test "a sharded checkpoint names its index when a tensor is in no shard" {
    fails_with 65 "$W/get" "$GOLDEN/odd" thinker.model.nothing 1
    grep -qF "model.safetensors.index.json: no tensor 'thinker.model.nothing'" "$T/err"
    "$W/get" "$GOLDEN/odd" thinker.model.norm.weight 48 | head -1 | grep -qx bf16
}

@test "both golden models are complete, in either spelling of the config" {
    omni-inspect "$GOLDEN/tiny" >"$T/tiny"
    [ "$(grep -c '"state":"complete"' "$T/tiny")" -eq 6 ]
    omni-inspect "$GOLDEN/odd" >"$T/odd"
    [ "$(grep -c '"state":"complete"' "$T/odd")" -eq 5 ]
    grep -q '"component":"vision","state":"absent"' "$T/odd"
    [ "$(cat "$T/tiny" "$T/odd" | grep -c '"problem"')" -eq 0 ]
}

@test "every broken checkpoint and config is refused with its code, in one line that says why" {
    python3 "$ROOT/tests/weights/broken.py" "$GOLDEN/tiny" "$T/broken" >"$T/cases"
    [ "$(wc -l <"$T/cases")" -gt 100 ]
    while IFS=$'\t' read -r name code words; do
        # Those with a good config.json fail at the weights; the others at the config, whatever the weights.
        fails_with "$code" omni-inspect "$T/broken/$name" || { echo "case $name" && return 1; }
        grep -qF -- "$words" "$T/err" || { echo "case $name: $(cat "$T/err")" && return 1; }
    done <"$T/cases"
}

@test "a safetensors file cut at any byte of its header, or of its end, is refused" {
    mkdir "$T/cut"
    cp "$GOLDEN/tiny/config.json" "$T/cut"
    file=$GOLDEN/tiny/model.safetensors
    size=$(stat -c %s "$file")
    python3 "$ROOT/tests/weights/dtypes.py" "$T/small" 0
    small=$(stat -c %s "$T/small/model.safetensors")
    for ((n = 0; n < small; n++)); do
        head -c "$n" "$T/small/model.safetensors" >"$T/cut/model.safetensors"
        fails_with 65 omni-inspect "$T/cut" || { echo "cut at byte $n" && return 1; }
    done
    head -c $((size - 1)) "$file" >"$T/cut/model.safetensors"
    fails_with 65 omni-inspect "$T/cut"
}

@test "missing, misshapen and unusable tensors are listed; a component that is absent is fine" {
    python3 - "$GOLDEN/tiny/model.safetensors" "$T" <<'PY'
import json, pathlib, struct, sys
raw = pathlib.Path(sys.argv[1]).read_bytes()
length = struct.unpack("<Q", raw[:8])[0]
header, data = json.loads(raw[8:8 + length]), raw[8 + length:]


def write(folder, header):
    kept, at = b"", 0
    for t in header.values():
        if "data_offsets" in t:
            begin, end = t["data_offsets"]
            kept += data[begin:end]
            t["data_offsets"] = [at, at + end - begin]
            at += end - begin
    text = json.dumps(header).encode()
    path = pathlib.Path(sys.argv[2]) / folder
    path.mkdir()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + kept)
    (path / "config.json").write_bytes((pathlib.Path(sys.argv[1]).parent / "config.json").read_bytes())


def copy(skip=()):
    return {k: dict(v) for k, v in header.items() if not k.startswith(tuple(skip))}


write("speech", copy(["thinker."]))
write("lacking", copy(["thinker.model.norm.weight"]))
wrong = copy()
wrong["code2wav.decoder.5.alpha"]["shape"] = [2, 1]
wrong["talker.model.norm.weight"]["dtype"] = "I16"
wrong["a.stranger"] = wrong.pop("thinker.visual.pos_embed.weight")
write("wrong", wrong)
PY
    omni-inspect "$T/speech" >"$T/list"
    grep -q '"component":"thinker","state":"absent"' "$T/list"
    grep -q '"component":"code2wav","state":"complete"' "$T/list"
    fails_with 65 omni-inspect "$T/lacking"
    grep -q '"component":"thinker","state":"incomplete","tensors":134,"expected":135' "$T/out"
    grep -qF '{"problem":"missing","component":"thinker","tensor":"thinker.model.norm.weight","expected":[64]}' "$T/out"
    fails_with 65 omni-inspect "$T/wrong"
    grep -q '"problem":"misshapen","component":"code2wav","tensor":"code2wav.decoder.5.alpha".*"shape":\[2,1\],"expected":\[2\]' "$T/out"
    grep -q '"problem":"dtype","component":"talker","tensor":"talker.model.norm.weight","dtype":"I16"' "$T/out"
    grep -q '"problem":"missing","component":"vision","tensor":"thinker.visual.pos_embed.weight"' "$T/out"
    grep -q '"problem":"unexpected","tensor":"a.stranger"' "$T/out"
    [ "$(grep -c '"problem"' "$T/out")" -eq 4 ]
}

@test "a Thinking or Captioner config has no talker, whatever its talker_config says" {
    mkdir "$T/captioner"
    ln -s "$GOLDEN/tiny/model.safetensors" "$T/captioner"
    sed 's/"enable_audio_output": true/"enable_audio_output": false/; s/"num_code_groups": 4/"num_code_groups": 32/' \
        "$GOLDEN/tiny/config.json" >"$T/captioner/config.json"
    omni-inspect "$T/captioner" >"$T/list"
    for part in talker codepred code2wav; do
        grep -q "\"component\":\"$part\",\"state\":\"absent\",\"tensors\":0,\"expected\":0" "$T/list"
    done
    grep -q '"problem":"unexpected","tensor":"talker.model.norm.weight"' "$T/list"
}

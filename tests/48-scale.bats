#!/usr/bin/env bats
# A checkpoint of the released names and shapes, 70 GB that take no disk: opening it costs next to nothing,
# and a stage reads what is its own. Times are of the processor, so that a busy machine does not matter.

setup_file() {
    load lib
    cd "$BATS_FILE_TMPDIR" || return
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" full '{}' >full.size
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" thinking '{"talker": false}' \
        thinker audio vision >thinking.size
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" gguf '{}' thinker gguf >gguf.size
    cp "$GOLDEN"/tiny/{vocab.json,merges.txt,tokenizer_config.json} full
}

setup() {
    load lib
    F=$BATS_FILE_TMPDIR
    T=$BATS_TEST_TMPDIR
}

# spends SECONDS COMMAND: its exit code; fails if it takes more seconds of user and system time.
spends() {
    local code=0
    TIMEFORMAT='%U %S'
    { time timeout 60 "${@:2}" </dev/null >"$T/out" 2>"$T/err"; } 2>"$T/time" || code=$?
    awk -v most="$1" -v what="${*:2}" '{ print what ": " $1 + $2 " s"; exit $1 + $2 > most }' "$T/time" || return 1
    return "$code"
}

# read_of SHARD...: bytes of these files that are in the page cache.
read_of() {
    local sum=0 n
    for i in "$@"; do
        n=$(fincore -b -n -o RES "$F/full/model-$(printf %05d "$i")-of-00015.safetensors")
        sum=$((sum + n))
    done
    echo "$sum"
}

@test "28,010 tensors in 15 files, 70.5 GB, take no disk, and are found whole in less than 2 s" {
    [ "$(cat "$F/full.size")" = "28010 70519637090" ]
    [ "$(du -sm "$F/full" | cut -f1)" -lt 32 ]
    spends 2 omni-inspect "$F/full"
    [ "$(grep -c '"state":"complete"' "$T/out")" -eq 6 ]
    grep -q '"tensors":28010,"parameters":35259818545,"bytes":70519637090' "$T/out"
}

@test "each stage is ready in less than 2 s, and asks for its own component only" {
    # Shards 1 to 10 hold thinker layers only, talker and speech are in the last ones.
    before=$(read_of 2 3 4 5 6 7 8 9 10)
    for stage in omni-codepred omni-code2wav omni-talker; do
        spends 2 "$stage" -d cpu -m "$F/full" || [ $? -eq 76 ]
    done
    spends 2 omni-encode-audio -d cpu -m "$F/full" "$F/nothing.wav" || [ $? -eq 66 ]
    [ $(($(read_of 2 3 4 5 6 7 8 9 10) - before)) -lt 200000000 ]
    spends 2 omni-thinker -d cpu -m "$F/full" || [ $? -eq 76 ]
}

@test "the memory of a stage is its component and its caches; -v says how much" {
    OMNI_MODEL=$F/full omni-encode-audio -d cpu -v "$GOLDEN/wav/100.wav" 2>"$T/err" | omni-inspect >"$T/list"
    grep -q '"name":"audio_embeds".*"shape":\[13,2048\]' "$T/list"
    resident=$(sed -n 's/.*at most \([0-9]*\).* MB resident.*/\1/p' "$T/err")
    echo "$resident MB"
    [ "$resident" -gt 50 ] && [ "$resident" -lt 1600 ]
    # Code2wav, 0.4 GB in bf16.
    printf '{"kind":"turn","turn":0}\n{"kind":"tensor","turn":0,"name":"codes","shape":[8,16],"values":1}\n%s\n' \
        '{"kind":"done","turn":0,"reason":"stop"}' | python3 "$ROOT/tests/stream.py" |
        omni-code2wav -d cpu -v -m "$F/full" -o "$T/x.wav" 2>"$T/err"
    resident=$(sed -n 's/.*at most \([0-9]*\).* MB resident.*/\1/p' "$T/err")
    echo "$resident MB"
    [ "$resident" -gt 50 ] && [ "$resident" -lt 1600 ]
}

@test "Thinking and Captioner: no talker; the stages of the speech half say so" {
    [ "$(cat "$F/thinking.size")" = "19743 63438410976" ]
    omni-inspect "$F/thinking" >"$T/list"
    grep -q '"component":"talker","state":"absent","tensors":0,"expected":0' "$T/list"
    grep -q '"tensors":19743,"parameters":31719205488,' "$T/list"
    for stage in omni-talker omni-codepred omni-code2wav; do
        fails_with 78 "$stage" -m "$F/thinking" </dev/null
        grep -q "the model has no" "$T/err"
    done
}

@test "a thinker of 32 GB as GGUF: ready in less than 2 s, used where it lies" {
    [ "$(cut -d' ' -f1 "$F/gguf.size")" -eq 579 ]
    [ "$(du -sm "$F/gguf" | cut -f1)" -lt 32 ]
    spends 2 omni-inspect "$F/gguf"
    grep -q '"component":"thinker","state":"complete","tensors":18867,.*"parameters":30532646912,.*"Q8_0":' "$T/out"
    spends 2 omni-tokenize -m "$F/gguf" hello
    spends 2 omni-thinker -d cpu -m "$F/gguf/thinker.gguf" || [ $? -eq 76 ]
}

@test "a first token touches the experts that it is given, not all weights; then it takes no time" {
    local resident
    BUILD=$BUILD python3 "$ROOT/tests/weights/sparse.py" "$T/four" '{"thinker": {"num_hidden_layers": 4}}' thinker gguf
    [ "$(stat -c %s "$T/four/thinker.gguf")" -gt 3300000000 ]
    omni-tokenize -m "$T/four" hello >"$T/in"
    omni-thinker -d cpu -v -n 1 -m "$T/four" <"$T/in" 2>"$T/err" >"$T/out"
    omni-inspect "$T/out" | grep -q '"name":"tokens"'
    # The output matrix 330 MB, and in each layer 20 MB of attention and 8 of 128 experts, 40 MB.
    resident=$(sed -n 's/.*at most \([0-9]*\).* MB resident.*/\1/p' "$T/err")
    echo "$resident MB"
    [ "$resident" -gt 500 ] && [ "$resident" -lt 800 ]
    # shellcheck disable=SC2016 # for the inner shell
    spends 1 sh -c 'exec omni-thinker -d cpu -n 1 -m "$1" <"$2"' sh "$T/four" "$T/in"
}

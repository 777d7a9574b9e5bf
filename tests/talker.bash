# For the tests of omni-talker and omni-codepred: `load talker`. Streams from JSON lines for the tiny model:
# 480 <|im_start|>, 481 <|im_end|>, 270 user, 266 assistant, 511 <|audio_pad|>, D = 64, Dt = 32, G = 4.

load lib

export OUT=$BATS_TEST_TMPDIR

TTS='{"kind":"tensor","name":"tts_embed","dtype":"f32","shape":[3,64],"values":0.3}'

# stream LINES...: a stream of JSON lines (tests/stream.py), after the tts_embed of a thinker.
stream() {
    printf '%s\n' "$TTS" "$@" | python3 "$ROOT/tests/stream.py"
}

# stream_start LINES...: the same without its end.
stream_start() {
    printf '%s\n' "$TTS" "$@" | python3 "$ROOT/tests/stream.py" --cut
}

# fed_after FILE BYTES COMMAND...: FILE's first BYTES, then COMMAND, then the rest.
fed_after() {
    head -c "$2" "$1"
    "${@:3}"
    tail -c +$(($2 + 1)) "$1"
}

# token TURN VALUE: a generated token with a row of VALUEs.
token() {
    echo '{"kind":"tensor","turn":'"$1"',"name":"tokens","values":[97]}'
    echo '{"kind":"tensor","turn":'"$1"',"name":"thinker_embed","dtype":"f32","shape":[1,64],"values":'"$2"'}'
    echo '{"kind":"text","turn":'"$1"',"payload":"a"}'
}

# asked TURN [KEYS]: a turn frame with more KEYS, and a question with its assistant header.
asked() {
    echo '{"kind":"turn","turn":'"$1"',"continue":false'"${2:+,$2}"'}'
    echo '{"kind":"tensor","turn":'"$1"',"name":"prompt","values":[480,270,10,97,98,481,10,480,266,10]}'
    echo '{"kind":"tensor","turn":'"$1"',"name":"rows","values":[0,1,2,3,4,5,6,7,8,9]}'
    echo '{"kind":"tensor","turn":'"$1"',"name":"thinker_embed","dtype":"f32","shape":[10,64],"values":0.7}'
}

# answered TURN: three tokens and the thinker's done.
answered() {
    token "$1" 0.5
    token "$1" -0.4
    token "$1" 0.9
    echo '{"kind":"done","turn":'"$1"',"reason":"stop","tokens":3}'
}

# turn TURN [KEYS]: both.
turn() {
    asked "$@"
    answered "$1"
}


# codes FILE [TURN]: the values of its codes.
codes() {
    omni-inspect "$1" | grep '"name":"codes"' | grep "\"turn\":${2:-0}," | grep -o '"values":.*'
}

# has FILE PATTERN: a frame of FILE matches.
has() {
    omni-inspect "$1" | grep -q -- "$2" || {
        omni-inspect "$1"
        return 1
    }
}

# frames_out FILE N: waits until FILE has N frames of codes.
frames_out() {
    until [ "$(codes "$1" 2>/dev/null | wc -l)" -ge "$2" ]; do sleep 0.02; done
}

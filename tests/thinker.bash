# For the tests of omni-thinker: `load thinker`. Prompts are ids of the tiny model:
# 480 <|im_start|>, 481 <|im_end|>, 269 system, 270 user, 266 assistant, 198 newline, 511 <|audio_pad|>.

load lib

OUT=$BATS_TEST_TMPDIR

# question WORDS: the ids of a user's turn with these ids, and an assistant's header.
question() {
    echo "480,270,198,$1,481,198,480,266,198"
}

# turn NUMBER IDS [KEYS]: the frames of one turn as JSON lines; KEYS go into the turn frame.
turn() {
    printf '{"kind":"turn","turn":%d%s}\n' "$1" "${3:+,$3}"
    printf '{"kind":"tensor","turn":%d,"name":"prompt","values":[%s]}\n' "$1" "$2"
    printf '{"kind":"done","turn":%d,"reason":"stop"}\n' "$1"
}

# heard NUMBER IDS VALUE ROWS [KEYS]: the same with ROWS audio rows full of VALUE.
heard() {
    turn "$1" "$2" "${5:-}" | head -n 1
    printf '{"kind":"tensor","turn":%d,"name":"audio_embeds","dtype":"f32","shape":[%d,64],"values":%s}\n' \
        "$1" "$4" "$3"
    turn "$1" "$2" | tail -n 2
}

# think ARGUMENT...: JSON lines on stdin through the thinker; its stream is kept in $OUT/stream.
think() {
    "$ROOT/tests/stream.py" | timeout 60 omni-thinker --precise "$@" >"$OUT/stream"
}

# tokens TURN [FILE]: the ids drawn in a turn.
tokens() {
    omni-inspect "${2:-$OUT/stream}" |
        jq -r "select(.name == \"tokens\" and .turn == $1) | .values[0]" | tr '\n' ' '
}

# done_of TURN: reason and number of tokens.
done_of() {
    omni-inspect "$OUT/stream" | jq -r "select(.kind == \"done\" and .turn == $1) | \"\(.reason) \(.tokens)\""
}

# rows_of TURN: rows that ran through the layers before the answer.
rows_of() {
    omni-inspect "$OUT/stream" | jq -r "select(.kind == \"note\" and .turn == $1) | .rows"
}

# extract NAME TURN: writes $OUT/NAME.TURN.npy.
extract() {
    omni-inspect -x "$1" --turn="$2" "$OUT/stream" >"$OUT/$1.$2.npy"
}

# errors: turn and code of each error frame.
errors() {
    omni-inspect "$OUT/stream" | jq -r 'select(.kind == "error") | "\(.turn) \(.code)"' | tr '\n' ' '
}

# Streams of codes for omni-code2wav; `load codes` after `load lib`.

# talk TURN FRAMES [AT_A_TIME]: a turn of pseudo-random codes for the tiny model (4 codebooks of
# 64), AT_A_TIME frames in a tensor.
talk() {
    echo "{\"kind\": \"turn\", \"turn\": $1}"
    awk -v turn="$1" -v n="$2" -v some="${3:-1}" 'BEGIN {
        x = 7 + turn
        for (f = 0; f < n; f += some) {
            rows = n - f < some ? n - f : some
            values = ""
            for (i = 0; i < 4 * rows; i++) {
                x = (x * 1103515245 + 12345) % 2147483648
                values = values (i ? ", " : "") int(x / 33554432)
            }
            printf "{\"kind\": \"tensor\", \"turn\": %d, \"name\": \"codes\", ", turn
            printf "\"shape\": [%d, 4], \"values\": [%s]}\n", rows, values
        }
    }'
    echo "{\"kind\": \"done\", \"turn\": $1, \"reason\": \"stop\"}"
}

stream() {
    python3 "$ROOT/tests/stream.py" "$@"
}

# A stream that goes on: begun, but without an end.
unended() {
    { echo '{"kind": "begin", "omni": 1}' && cat; } | stream --part
}

#!/bin/sh
# Ids of 10 MB of text with the release's vocabulary, beside Hugging Face's `tokenizers` on one
# thread (both in this run). Needs ../shared/tokenizer; OMNI_PYTHON is a python3 that has the module.
set -eu
cd "$(dirname "$0")/../.."
codec=${OMNI_BUILD:-build}/tests/text/codec
python=${OMNI_PYTHON:-python3}
[ -r ../shared/tokenizer/vocab.json ] || { echo "tokenize: no ../shared/tokenizer" && exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp ../shared/tokenizer/* tests/golden/tokenizer/tokenizer_config.json "$tmp"
export RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false

# "0.250 s, 123 ids" to "40.0 MB/s"
speed() {
    awk '{ printf "%.1f MB/s (%s)\n", 10 / $1, $0 }'
}

# row KIND PROGRAM "40.0 MB/s (..)": a line, and a row of the table.
row() {
    echo "tokenize, 10 MB of $1: $2 $3"
    [ -z "${OMNI_BENCH_ROWS:-}" ] ||
        printf 'tokenize\t10 MB of %s\t%s\t%s\tMB/s\t\t\n' "$1" "$2" "${3%% *}" >>"$OMNI_BENCH_ROWS"
}

for kind in prose mixed cjk; do
    "$python" tests/golden/tokenizer.py text $kind >"$tmp/text"
    row $kind omni "$("$codec" "$tmp" -b <"$tmp/text" | speed)"
    "$python" -c 'import tokenizers' 2>/dev/null || continue
    row $kind tokenizers "$("$python" tests/golden/tokenizer.py bench "$tmp" <"$tmp/text" | speed)"
done

#!/bin/sh
# `make demo`: one sentence through the full pipe, into a WAV.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${OMNI_BUILD:-build}")
PATH=$build:$PATH
if [ -z "${OMNI_MODEL:-}" ]; then
    OMNI_MODEL=tests/golden/tiny
    echo "demo: $OMNI_MODEL is a tiny model with random weights: what it writes is babble, and it" >&2
    echo "demo: speaks noise. Set OMNI_MODEL to a directory with real weights to hear an answer." >&2
fi
export OMNI_MODEL
out=$build/demo.wav
sentence="Tell me a story about a lighthouse."
printf 'demo: "%s"\n' "$sentence" >&2
echo "$sentence" | omni-tokenize --voice ethan | omni-thinker -n 48 | omni-talker -n 100 |
    omni-code2wav --text -o "$out"
echo "demo: wrote $out" >&2

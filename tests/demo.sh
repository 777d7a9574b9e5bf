#!/bin/sh
# `make demo`: TEXT goes through the full pipe, into a WAV; then that is listened to, and what was
# heard is printed. The model is $OMNI_MODEL, else parrot, the small one that ships with omni.
set -eu
build=$(realpath "${OMNI_BUILD:-build}")
cd "$(dirname "$0")/.."
PATH=$build:$PWD/pipelines:$PATH
if [ -z "${OMNI_MODEL:-}" ]; then
    export OMNI_MODEL=pipelines/parrot
    [ -e "$OMNI_MODEL/model.safetensors" ] || {
        echo "demo: $OMNI_MODEL/model.safetensors: no such file; set OMNI_MODEL to a model" >&2
        exit 66
    }
fi
text=${TEXT:-This is a small model with a voice.}
out=$build/demo.wav
printf 'demo: tell it:   %s\n' "$text" >&2
printf 'demo: it says:   ' >&2
printf '%s\n' "$text" | omni-tokenize | omni-thinker -n 300 | omni-talker -n 1000 |
    omni-code2wav --text -o "$out"
echo "demo: written:   $out" >&2
printf 'demo: it hears:  ' >&2
omni-listen -n 300 --beams 4 "$out"

#!/bin/sh
# hear.sh FOLDER: what parrot hears in FOLDER's 0.wav, 1.wav, ..., as many as texts.txt has lines,
# into FOLDER/heard.json, a line each. The model is $OMNI_MODEL, with $BEAMS beams (4).
set -eu
root=$(realpath "$(dirname "$0")/../..")
PATH=$(realpath "${OMNI_BUILD:-$root/build}"):$PATH
cd "$1"
seq 0 $(($(wc -l <texts.txt) - 1)) | sed 's/$/.wav/' | omni-encode-audio -l |
    omni-tokenize 'Transcribe the audio into text.' | omni-thinker -n 300 --beams "${BEAMS:-4}" |
    omni-detokenize --json >heard.json

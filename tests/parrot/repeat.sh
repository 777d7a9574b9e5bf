#!/bin/sh
# repeat.sh TEXTS OUT [TALKER OPTION...]: what parrot makes of a sentence a line, through the tools.
# OUT gets texts.txt, 0.wav, 1.wav, ..., and a line of JSON a sentence in said.json (the thinker's
# answers), spoken.json (how their speech ended) and heard.json (parrot's transcripts of its own
# voice). Judge them with score.py. The model is $OMNI_MODEL.
set -eu
root=$(realpath "$(dirname "$0")/../..")
[ $# -ge 2 ] || {
    sed -n '2,5s/^# //p' "$0" >&2
    exit 64
}
texts=$(realpath "$1") out=$2
PATH=$(realpath "${OMNI_BUILD:-$root/build}"):$PATH
shift 2
mkdir -p "$out"
cp "$texts" "$out/texts.txt"
(
    cd "$out"
    omni-tokenize -l <texts.txt | omni-thinker -n 300 >answers
    omni-detokenize --json <answers >said.json
    omni-talker -n 600 "$@" <answers | tee codes | omni-code2wav -o %d.wav
    omni-inspect codes | grep -E '"kind": ?"done"' >spoken.json
    rm answers codes
)
"$(dirname "$0")/hear.sh" "$out"

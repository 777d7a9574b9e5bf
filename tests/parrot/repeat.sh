#!/bin/sh
# repeat.sh TEXTS OUT [TALKER OPTION...]: what parrot makes of a sentence a line, through the tools.
# OUT gets texts.txt, said (the thinker's answers), 0.wav, 1.wav, ..., heard (parrot's own
# transcripts of those). Judge them with score.py. The model is $OMNI_MODEL.
set -eu
root=$(realpath "$(dirname "$0")/../..")
[ $# -ge 2 ] || {
    sed -n '2,5s/^# //p' "$0" >&2
    exit 64
}
texts=$(realpath "$1")
PATH=$(realpath "${OMNI_BUILD:-$root/build}"):$PATH
mkdir -p "$2"
cd "$2"
shift 2
cp "$texts" texts.txt
omni-tokenize -l <texts.txt >prompts
omni-thinker <prompts >answers
omni-detokenize <answers >said
omni-talker -n 600 "$@" <answers | omni-code2wav -o %d.wav
count=$(wc -l <texts.txt)
i=0
while [ "$i" -lt "$count" ]; do
    echo "$i.wav"
    i=$((i + 1))
done | omni-encode-audio -l | omni-tokenize 'Transcribe the audio into text.' |
    omni-thinker -n 200 | omni-detokenize >heard
rm prompts answers

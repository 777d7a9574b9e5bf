#!/bin/bash
# Better ears for a parrot that speaks already, on all GPUs: thinker and audio encoder are taught further, everything else
# stays as it is, bit by bit.
# usage: ears.sh WORK       in the background: nohup ears.sh WORK >/dev/null 2>&1 &
# WORK holds text.jsonl, teacher/ (steps 1 and 3 of README.md) and model/, a whole model directory. The model becomes
# states again (carry.py open), the teacher speaks some lines while parrot says all of them (aloud.py); with that the ears
# learn until END, or for MINUTES with what it takes to load all. No codec encoder and no codes of the teacher are needed.
# If there is an own.npz (own.py), of lines that the tools said, it is heard too. What WORK has of all this already is
# kept, so a second call goes on from the first one's state. WORK/phase.log tells what happened when, each program has a
# log; at the end WORK/new is the model, WORK/keep has the tensors that changed (carry.py put brings them into the old
# one) and a small state to go on from, and WORK/done the exit status.
# Variables: END, seconds since 1970 by which all must be done, of which the last CLOSING seconds are to judge and export;
# LAYERS, of the audio encoder; more arguments for the programs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
: "${END:=0}" "${MINUTES:=15}" "${CLOSING:=60}" "${LAYERS:=7}"
: "${SYNTH_ARGS:=--device cuda --lines 50000 --minutes 2}" "${ALOUD_ARGS:=--plain-times 2}"
: "${EARS_ARGS:=--rate 1.2e-3 --settle 400 --hear 128 --texts 24 --imagined 32 --own-share 0.85 --plain 0.5 \
--dropout 0.05 --ear-dropout 0.05 --masks 0.4 --calm 0.15}"
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}
gpus=$(nvidia-smi -L 2>/dev/null | wc -l)

say() { echo "$(date +%T) $*" >>phase.log; }

# run PROGRAM ARGUMENT...: its log in WORK. With a launcher, its words in `launch` are python3's first arguments.
launch=()
run() {
    local status=0
    python3 "${launch[@]}" "$here/$1" "${@:2}" >>"${1%.py}.log" 2>&1 || status=$?
    say "$1 ended $status: $(tail -n 1 "${1%.py}.log")"
    return $status
}

# on_all PROGRAM ARGUMENT...: a process on each GPU.
on_all() {
    local launch=()
    [ "$gpus" -le 1 ] || launch=(-m torch.distributed.run --nproc-per-node "$gpus")
    run "$@"
}

trap 'echo $? >"done"' EXIT
rm -f "done"
say "begins on $gpus GPUs"
keep=()
[ ! -e own.npz ] || keep=(--keep own.npz)
# shellcheck disable=SC2086
run synth.py text.jsonl teacher speech $SYNTH_ARGS &
speech=$!
[ -e states/thinker.pt ] || run carry.py open model states "$LAYERS"
# shellcheck disable=SC2086
[ -e own-all.npz ] || on_all aloud.py --text text.jsonl --model model --thinker states/thinker.pt --talker states/talker.pt \
    "${keep[@]}" $ALOUD_ARGS own-all.npz
wait $speech
[ "$END" != 0 ] || END=$(python3 -c "print(int($(date +%s) + 60 * $MINUTES + $CLOSING))")
say "the ears learn until $(date -d "@$((END - CLOSING))" +%T)"
# shellcheck disable=SC2086
on_all train_thinker.py --text text.jsonl --phonemes teacher/phonemes.npz --model model --state states/thinker.pt \
    --speech speech --own own-all.npz --codec states/codec.pt --keep-embeddings --end $((END - CLOSING)) $EARS_ARGS
cp -r model new
run export.py --thinker states/thinker.pt --talker states/talker.pt --codec states/codec.pt new
mkdir -p keep
run carry.py changed model new keep/changed.safetensors
run carry.py pack states/thinker.pt keep average ctc

#!/bin/bash
# parrot from sentences to a checkpoint, in sittings of at most ten minutes on four GPUs; with fewer the parts share
# them and learn less in the same time.
# usage: all.sh WORK first|more
# WORK holds text.jsonl, teacher/ and model/ (the tokenizer): steps 1 to 3 of README.md. The first sitting makes
# speech, codec and codes, and begins with the thinker; more teaches all parts at once and exports to WORK/model. It
# can be called again, with a larger PLAN. The variables below are minutes; a trial gives smaller ones.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
: "${SYNTH:=4.5}" "${CODEC:=6.9}" "${THINKER:=7.5}" "${MORE:=6.9}" "${LISTEN:=$MORE}" "${PLAN:=$MORE}"
gpus=$(nvidia-smi -L | wc -l)
last=$((gpus - 1))
before=$((gpus > 1 ? gpus - 2 : 0))
plan() { python3 -c "print($*)"; }
first_to() { seq -s, 0 "$1"; }

# on GPUS PROGRAM ARGUMENT...: a process on each of the GPUs (0,1,2), its log in WORK.
on() {
    local cards=$1 program=$2 count log
    shift 2
    count=$(tr ',' '\n' <<<"$cards" | wc -l)
    log=$(basename "$program" .py).log
    if [ "$count" -gt 1 ]; then
        CUDA_VISIBLE_DEVICES=$cards python3 -m torch.distributed.run --nproc-per-node "$count" "$here/$program" "$@"
    else
        CUDA_VISIBLE_DEVICES=$cards python3 "$here/$program" "$@"
    fi >>"$log" 2>&1 || tail -n 20 "$log"
}

codec() {
    on "$1" train_codec.py --speech speech --model model --state codec.pt --plan "$(plan "$CODEC + $PLAN")" "${@:2}"
}

thinker() {
    on $last train_thinker.py --text text.jsonl --speech speech --model model --state thinker.pt \
        --plan "$(plan "$THINKER + $PLAN")" "$@"
}

talker() {
    on "$1" train_talker.py --text text.jsonl --codes codes.npz --model model --thinker talker-from.pt \
        --state talker.pt --plan "$PLAN" "${@:2}"
}

export PYTHONUNBUFFERED=1
case $2 in
first)
    cores=$(nproc)
    python3 "$here/synth.py" text.jsonl teacher speech --minutes "$SYNTH" --workers $((cores - cores / 6)) >synth.log &
    until [ "$(find speech -name '*[0-9].npz' 2>/dev/null | wc -l)" -ge 30 ]; do sleep 1; done
    thinker --minutes "$THINKER" &
    codec "$(first_to "$before")" --minutes "$CODEC" --codes codes.npz
    wait
    ;;
more)
    cp codec.pt codec-frozen.pt
    [ -e talker-from.pt ] || cp thinker.pt talker-from.pt
    talker "$(first_to $((before > 0 ? before - 1 : 0)))" --codec codec-frozen.pt --minutes "$MORE" &
    thinker --codes codes.npz --codec codec-frozen.pt --keep-embeddings --minutes "$LISTEN" &
    codec $before --decoder --batch 24 --minutes "$MORE"
    wait
    python3 "$here/export.py" --thinker thinker.pt --talker talker.pt --codec codec.pt model
    ;;
esac

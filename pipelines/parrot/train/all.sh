#!/bin/bash
# parrot from sentences to a checkpoint, in sittings of ten minutes on four GPUs; with fewer the parts share them.
# usage: all.sh WORK 1|2|3
# WORK holds text.jsonl, teacher/ and model/ (the tokenizer): steps 1 to 3 of README.md. Sitting 1 makes speech,
# codec and codes and begins with the thinker, 2 and 3 teach all parts at once, and 3 exports to WORK/model.
# Minutes are set by the variables below; a trial gives smaller ones.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
sitting=$2
: "${SYNTH:=4.5}" "${CODEC:=7.6}" "${THINKER:=8.7}" "${SECOND:=9.2}" "${THIRD:=4.2}"
gpus=$(nvidia-smi -L | wc -l)
last=$((gpus - 1))
before=$((gpus > 1 ? gpus - 2 : 0))
plan() { python3 -c "print($*)"; }

# on GPUS PROGRAM ARGUMENT...: a process on each of the GPUs (0,1,2), its log in WORK.
on() {
    local cards=$1 program=$2 count log
    shift 2
    count=$(tr ',' '\n' <<<"$cards" | wc -l)
    log=$(basename "$program" .py).$sitting.log
    if [ "$count" -gt 1 ]; then
        CUDA_VISIBLE_DEVICES=$cards torchrun --nproc-per-node "$count" "$here/$program" "$@"
    else
        CUDA_VISIBLE_DEVICES=$cards python3 "$here/$program" "$@"
    fi >"$log" 2>&1
}

first_to() { seq -s, 0 "$1"; }

codec() { on "$1" train_codec.py --speech speech --model model --state codec.pt "${@:2}"; }
thinker() {
    on $last train_thinker.py --text text.jsonl --speech speech --model model --state thinker.pt \
        --plan "$(plan "$THINKER + $SECOND + $THIRD")" "$@"
}

export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1
codec_plan=$(plan "$CODEC + $SECOND + $THIRD")
case $sitting in
1)
    python3 "$here/synth.py" text.jsonl teacher speech --minutes "$SYNTH" >synth.log 2>&1 &
    until [ "$(find speech -name '*[0-9].npz' 2>/dev/null | wc -l)" -ge 30 ]; do sleep 1; done
    thinker --minutes "$THINKER" &
    codec "$(first_to "$before")" --minutes "$CODEC" --plan "$codec_plan"
    on 0 encode.py --speech speech --model model --codec codec.pt codes.npz
    wait
    ;;
2 | 3)
    minutes=$([ "$sitting" = 2 ] && echo "$SECOND" || echo "$THIRD")
    cp codec.pt codec-frozen.pt
    [ -e talker-from.pt ] || cp thinker.pt talker-from.pt
    on "$(first_to $((before > 0 ? before - 1 : 0)))" train_talker.py --text text.jsonl --codes codes.npz \
        --codec codec-frozen.pt --model model --thinker talker-from.pt --state talker.pt \
        --minutes "$minutes" --plan "$(plan "$SECOND + $THIRD")" &
    thinker --codes codes.npz --codec codec-frozen.pt --keep-embeddings --minutes "$minutes" &
    codec $before --decoder --minutes "$minutes" --plan "$codec_plan"
    wait
    if [ "$sitting" = 3 ]; then
        python3 "$here/export.py" --thinker thinker.pt --talker talker.pt --codec codec.pt model
    fi
    ;;
esac

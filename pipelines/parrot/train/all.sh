#!/bin/bash
# parrot from sentences to a checkpoint in one go on four GPUs; with fewer the parts share them and learn less in the
# same time.
# usage: all.sh WORK        in the background: nohup all.sh WORK >/dev/null 2>&1 &
# WORK holds text.jsonl, teacher/ and model/ (the tokenizer): steps 1 to 3 of README.md. First speech, codec and codes
# are made and the thinker begins; then all parts are taught at once. WORK/phase.log tells what happened when, each
# program has a log; at the end WORK/keep holds the model, the codes and small states to go on from (carry.py), and
# WORK/done the exit status.
# With SYNTH_ARGS="--device cuda" the speech is made before all else, by the GPUs; otherwise by the cores beside it, and
# of what comes after it has begun the thinker hears nothing until the second phase.
# CODEC=0 THINKER=0: talker and ears go on from states that are there (carry.py open), for the codec that is there. If
# there is an own.npz (own.py), the ears learn from it too. Then that talker also guesses residual codes for all speech
# (guess.py), of which decoder and ears learn.
# OWN: minutes at the end for the ears alone, on EARS_THEN: the new talker says some lines on the cores (omni's tools must
# be in PATH), within SAYING of these minutes, and that voice, as the new decoder plays it, is what they hear then, and
# what was in own.npz.
# Variables: minutes; END, seconds since 1970 by which all must be done, of which CLOSING are for starting the second
# phase and for export: MORE minutes become what is left; which GPUs a part takes: CODEC_ON=0,1 and so on, with
# DECODER_ON= the decoder stays as it was, with TALKER_ON= the talker, and where neither learns nothing is guessed; GAIN,
# decibels that the sound lacks; more arguments for the programs, as in a trial: TALKER_ARGS="--batch 6".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
: "${SYNTH:=7}" "${CODEC:=7.3}" "${THINKER:=7.3}" "${MORE:=13}" "${END:=0}" "${CLOSING:=110}" "${SHARDS:=30}" "${GAIN:=0}"
: "${OWN:=0}" "${SAYING:=2}" "${OWN_ARGS:=--lines 20000 --minutes 1}"
: "${SYNTH_ARGS:=}" "${GUESS_ARGS:=}" "${CODEC_ARGS:=}" "${DECODER_ARGS:=--batch 24}" "${THINKER_ARGS:=}" "${TALKER_ARGS:=}"
[ "$OWN" != 0 ] || SAYING=0
export PYTHONUNBUFFERED=1
gpus=$(nvidia-smi -L 2>/dev/null | wc -l)
last=$((gpus > 0 ? gpus - 1 : 0))
before=$((gpus > 1 ? gpus - 2 : 0))

first_to() { seq -s, 0 "$1"; }
: "${EARS_ON:=$last}" "${CODEC_ON:=$(first_to $before)}" "${DECODER_ON=$before}"
: "${TALKER_ON=$(first_to $((before > 0 ? before - 1 : 0)))}" "${EARS_THEN:=$EARS_ON}"

say() { echo "$(date +%T) $*" >>phase.log; }
plan() { python3 -c "print($*)"; }

# on GPUS PROGRAM ARGUMENT...: a process on each of the GPUs (0,1,2), its log in WORK. They meet at a port of their own:
# two programs may run at once, each on several GPUs.
on() {
    local cards=$1 program=$2 count status=0
    shift 2
    count=$(tr ',' '\n' <<<"$cards" | wc -l)
    if [ "$count" -gt 1 ]; then
        CUDA_VISIBLE_DEVICES=$cards python3 -m torch.distributed.run --nproc-per-node "$count" \
            --master-port $((29500 + ${cards%%,*})) "$here/$program" "$@"
    else
        CUDA_VISIBLE_DEVICES=$cards OMP_NUM_THREADS=${OMP_NUM_THREADS:-4} python3 "$here/$program" "$@"
    fi >>"${program%.py}.log" 2>&1 || status=$?
    say "$program ended $status"
    return $status
}

speak() {
    local cores
    cores=$(nproc)
    [[ $SYNTH_ARGS == *cuda* ]] || cores=$((cores > 6 ? cores - cores / 5 : cores))
    # shellcheck disable=SC2086
    nice -n 5 python3 "$here/synth.py" text.jsonl teacher speech --minutes "$SYNTH" \
        --workers "$cores" $SYNTH_ARGS >>synth.log 2>&1
}

export_with() { # THINKER'S-STATE MODEL
    python3 "$here/export.py" --thinker "$1" --talker talker.pt --codec codec.pt --gain "$GAIN" "$2" >>export.log 2>&1
    say "exported $2"
}

# The talker that has just been taught, as the ears are to know it. Its thinker is the one that it was taught with.
say_own() {
    cp -r model own-model
    export_with talker-from.pt own-model
    # shellcheck disable=SC2046,SC2086
    nice -n 5 python3 "$here/own.py" --text text.jsonl --model own-model $(option --keep own.npz) $OWN_ARGS \
        own-new.npz >>own.log 2>&1
    say "own voice: $(tail -n 1 own.log)"
    mv own-new.npz own.npz
}

# guess GPUS: what the talker that there is would have chosen.
guess() {
    # shellcheck disable=SC2086
    on "$1" guess.py --text text.jsonl --codes codes.npz --model model --thinker thinker.pt --talker talker.pt \
        $GUESS_ARGS guessed.npz
}

# option NAME FILE: as arguments, if the file is there.
option() { [ ! -e "$2" ] || echo "$1 $2"; }

# The ears' minutes with codes, guessed ones and parrot's own voice if there are such files.
listen_to_codes() { # GPUS MINUTES CODEC
    # shellcheck disable=SC2046
    thinker "$1" "$2" --codes codes.npz $(option --guessed guessed.npz) $(option --own own.npz) --codec "$3" \
        --keep-embeddings
}

# Until there is some speech, or all if it takes the GPUs.
listen() {
    [[ $SYNTH_ARGS != *cuda* ]] || wait "$1"
    until [ "$(find speech -name '*[0-9].npz' ! -name '*.part.npz' 2>/dev/null | wc -l)" -ge "$SHARDS" ]; do
        kill -0 "$1" 2>/dev/null || break
        sleep 1
    done
    say "speech begins"
}

codec() { # GPUS PLAN MINUTES ARGUMENT...
    on "$1" train_codec.py --speech speech --model model --state codec.pt --plan "$2" --minutes "$3" "${@:4}"
}

encode() { # GPUS
    on "$1" encode.py --speech speech --model model --codec codec.pt codes.npz
}

thinker() { # GPUS MINUTES ARGUMENT...
    # shellcheck disable=SC2086
    on "$1" train_thinker.py --text text.jsonl --phonemes teacher/phonemes.npz --speech speech --model model \
        --state thinker.pt --plan "$(plan "$THINKER + $MORE + $OWN")" --minutes "${@:2}" $THINKER_ARGS
}

talker() { # GPUS MINUTES
    # shellcheck disable=SC2086
    on "$1" train_talker.py --text text.jsonl --codes codes.npz --codec codec-frozen.pt --model model \
        --phonemes teacher/phonemes.npz --thinker talker-from.pt --state talker.pt \
        --plan "$2" --minutes "$2" $TALKER_ARGS
}

keep() {
    mkdir -p keep
    python3 "$here/carry.py" pack codec.pt keep codec judges
    python3 "$here/carry.py" pack thinker.pt keep average ctc
    python3 "$here/carry.py" pack talker.pt keep average
    cp -r model codes.npz keep
}

trap 'echo $? >"done"' EXIT
rm -f "done"
say "begins on $gpus GPUs"
speak &
speech=$!
listen $speech
[ "$THINKER" = 0 ] || thinker "$EARS_ON" "$THINKER" &
ears=$!
# The codec has a plan of its own, nearly over when the codes are made: then they hardly move any more.
# shellcheck disable=SC2086
if [ "$CODEC" = 0 ]; then
    wait $speech
    encode "$CODEC_ON"
else
    codec "$CODEC_ON" "$(plan "$CODEC * 1.16")" "$CODEC" --codes codes.npz $CODEC_ARGS
fi
wait $speech $ears
say "first phase done: $(tail -n 1 synth.log), $(stat -c %s codes.npz) bytes of codes"
cp codec.pt codec-frozen.pt
cp thinker.pt talker-from.pt
rm -f guessed.npz
if [ "$CODEC" = 0 ] && [ -e talker.pt ] && [ -n "$TALKER_ON$DECODER_ON" ]; then
    guess "$CODEC_ON"
fi
if [ "$END" -gt 0 ]; then
    MORE=$(plan "max(0.1, ($END - $(date +%s) - $CLOSING) / 60 - $OWN)")
fi
say "second phase of $MORE minutes"
mouth=
if [ -n "$TALKER_ON" ]; then
    talker "$TALKER_ON" "$MORE" &
    mouth=$!
fi
listen_to_codes "$EARS_ON" "$(plan "$MORE + $SAYING")" codec-frozen.pt &
ears=$!
if [ -n "$DECODER_ON" ]; then
    # shellcheck disable=SC2046,SC2086
    codec "$DECODER_ON" "$(plan "$CODEC + $MORE")" "$MORE" --decoder $(option --guessed guessed.npz) $DECODER_ARGS &
    wait $!
fi
[ -z "$mouth" ] || wait "$mouth"
[ "$OWN" = 0 ] || say_own
wait $ears
[ "$OWN" = 0 ] || listen_to_codes "$EARS_THEN" "$(plan "$OWN - $SAYING")" codec.pt
export_with thinker.pt model
keep >keep.log 2>&1
say "kept: $(du -sh keep | cut -f 1)"

#!/bin/sh
# The stages at the released sizes, with random bf16 weights, on a device: what each says of its own
# speed with -v. On a GPU the models are hollow (tests/preload/hollow.c) and take no room; for the CPU
# they need 70 GB in $TMPDIR.
# usage: speed.sh [DEVICE [LAYERS]]      after `make all test-programs`
# LAYERS: of the thinker (default: all 48).
# shellcheck source=tests/device/models.sh
. "$(dirname "$0")/models.sh"

[ "$device" != cpu ] || hollow='' preload=''
export OMNI_BENCH_HOLLOW=$hollow

# stage TOOL MODEL OPTION...: with -v, its answer thrown away.
stage() {
    tool=$1 name=$2
    shift 2
    LD_PRELOAD=$preload "$build/$tool" -m "$tmp/$name" -d "$device" -v "$@" >/dev/null
}

echo "== talker and code predictor: 50 frames, drawn; greedy"
OMNI_BUILD=$build tests/bench/talker.sh -d "$device"
OMNI_BUILD=$build tests/bench/talker.sh -d "$device" --temp 0

echo "== code2wav: 250 frames"
model sound code2wav
python3 - <<'END' | python3 tests/stream.py >"$tmp/codes"
import json
import random

print('{"kind":"turn","turn":0}')
for _ in range(250):
    codes = [random.randrange(2048) for _ in range(16)]
    print(json.dumps(dict(kind="tensor", turn=0, name="codes", dtype="i32", shape=[1, 16], values=codes)))
print('{"kind":"done","turn":0,"reason":"stop"}')
END
for chunk in 1 8 25; do
    for _ in 1 2; do
        stage omni-code2wav sound --chunk $chunk --raw f32 <"$tmp/codes"
    done
done

echo "== audio encoder: 30 s, three times"
model hearing audio
python3 - "$tmp/clip.wav" <<'END'
import array
import random
import sys
import wave

with wave.open(sys.argv[1], "wb") as clip:
    clip.setnchannels(1)
    clip.setsampwidth(2)
    clip.setframerate(16000)
    clip.writeframes(array.array("h", [random.randrange(-9000, 9000) for _ in range(480000)]).tobytes())
END
printf '%s\n' "$tmp/clip.wav" "$tmp/clip.wav" "$tmp/clip.wav" | stage omni-encode-audio hearing -l

echo "== thinker, $layers layers: prompts of 512, 1000 and 2048 tokens, 64 tokens each, twice"
model thinker thinker
python3 - <<'END' | python3 tests/stream.py >"$tmp/prompts"
import json
import random

for turn, n in enumerate((512, 512, 1000, 1000, 2048, 2048)):
    ids = [random.randrange(150000) for _ in range(n)]
    print(json.dumps(dict(kind="turn", turn=turn)))
    print(json.dumps(dict(kind="tensor", turn=turn, name="prompt", dtype="i32", shape=[n], values=ids)))
    print(json.dumps(dict(kind="done", turn=turn, reason="stop")))
END
stage omni-thinker thinker -n 64 <"$tmp/prompts"

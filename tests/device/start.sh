#!/bin/sh
# How long the stages take from their start to their first answer, at the released sizes with random
# weights: cold, with no kernels on disk, and warm. What was on the way (weights, kernels) is what
# each says with -v; cold, also which kernels took the driver longest, with their constants.
# Models are hollow (tests/preload/hollow.c): no disk, less than a minute on a large GPU.
# usage: start.sh [DEVICE [LAYERS]]      after `make all test-programs`
# LAYERS: of the thinker (default: all 48, 61 GB on the GPU).
# shellcheck source=tests/device/models.sh
. "$(dirname "$0")/models.sh"
# The driver has a cache of its own, which would hide ours.
export XDG_CACHE_HOME="$tmp/cache" __GL_SHADER_DISK_CACHE=0 MESA_SHADER_CACHE_DISABLE=true

# clock.py INPUT ERRORS COMMAND...: says when its last output came (all of it is the first answer),
# and when it ended, which is after the kernels that were still being made.
cat >"$tmp/clock.py" <<'END'
import os
import subprocess
import sys
import time

start = time.monotonic()
with open(sys.argv[1]) as source, open(sys.argv[2], "w") as said:
    stage = subprocess.Popen(sys.argv[3:], stdin=source, stdout=subprocess.PIPE, stderr=said)
answer = start
while os.read(stage.stdout.fileno(), 1 << 16):
    answer = time.monotonic()
code = stage.wait()
print(f"answer after {answer - start:.2f} s, end after {time.monotonic() - start:.2f} s")
sys.exit(code)
END

# start MODEL INPUT TOOL [OPTION...]: its first start and its second.
start() {
    model=$1 input=$2 tool=$3
    shift 3
    for run in cold warm; do
        level=-v
        [ $run = warm ] || level=-vv
        printf '%s, %s: ' "$tool" $run
        LD_PRELOAD=$preload python3 "$tmp/clock.py" "$tmp/$input" "$tmp/said" \
            "$build/$tool" -m "$tmp/$model" -d "$device" $level "$@" || { cat "$tmp/said" && exit 1; }
        grep 'made ready' "$tmp/said" | sed 's/.*); /    /'
        grep ' made in ' "$tmp/said" | head -n 8 | sed 's/.*: made in/       /' || true
    done
}

python3 - "$tmp" <<'END'
import json
import random
import subprocess
import sys
import wave


def stream(name, *frames):
    with open(f"{sys.argv[1]}/{name}", "wb") as out:
        lines = "".join(json.dumps(f) + "\n" for f in frames)
        subprocess.run([sys.executable, "tests/stream.py"], input=lines.encode(), stdout=out, check=True)


def tensor(name, values, shape, dtype="i32", **turn):
    return dict(kind="tensor", name=name, dtype=dtype, shape=shape, values=values, **turn)


def rows(name, n, **turn):
    return tensor(name, [round(random.gauss(0, 0.02), 5) for _ in range(n * 2048)], [n, 2048], "f32", **turn)


def ids(name, values):
    return tensor(name, values, [len(values)], turn=0)


turn, done = dict(kind="turn", turn=0), dict(kind="done", turn=0, reason="stop")
stream("prompt", turn, ids("prompt", [random.randrange(150000) for _ in range(40)]), done)
user = [151644, 872, 198, *range(33), 151645, 198, 151644, 77091, 198]
answer = [rows("thinker_embed", n, turn=0) for n in (41, *[1] * 12)]
stream("spoken", rows("tts_embed", 3), turn, ids("prompt", user), ids("rows", list(range(41))), *answer, done)
codes = [tensor("codes", [random.randrange(2048) for _ in range(16)], [1, 16], turn=0) for _ in range(8)]
stream("codes", turn, *codes, done)
with wave.open(f"{sys.argv[1]}/clip.wav", "wb") as clip:
    clip.setnchannels(1)
    clip.setsampwidth(2)
    clip.setframerate(16000)
    clip.writeframes(random.randbytes(2 * 3 * 16000))
with open(f"{sys.argv[1]}/clips", "w") as clips:
    print(f"{sys.argv[1]}/clip.wav", file=clips)
END

model hearing audio
model thinker thinker
model speech talker codepred
model sound code2wav

start hearing clips omni-encode-audio -l
start thinker prompt omni-thinker -n 1
start speech spoken omni-talker -n 1
start sound codes omni-code2wav --raw f32

#!/bin/sh
# parrot says ten sentences greedily, in f32, on the CPU and on a device: the same words, the same codes, and how far
# is the sound from the CPU's (0 dB: as loud as the sound itself)?
# usage: parrot.sh [DEVICE]      after `make`; OMNI_MODEL (default: pipelines/parrot)
set -eu
cd "$(dirname "$0")/../.."
PATH=$(realpath "${OMNI_BUILD:-build}"):$PATH
device=${1:-vulkan}
export OMNI_MODEL="${OMNI_MODEL:-$PWD/pipelines/parrot}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

omni-tokenize -l >"$tmp/asked" <<'END'
The quick brown fox.
Good morning, how are you?
She opened the window and looked at the sea.
The train to Vienna was late, so we walked home.
He had never seen so many books in one room. It was very quiet.
Is there anything else that you would like to know?
Three of the seven doors were open, and behind each was a garden.
Nobody answered.
In the evening the wind turned, and the boats came back to the harbour one by one.
We will need two more chairs, a lamp, and something to drink.
END

for d in cpu "$device"; do
    mkdir -p "$tmp/$d"
    omni-thinker -d "$d" --precise -n 100 <"$tmp/asked" >"$tmp/$d/answers"
    omni-talker -d "$d" --precise --temp 0 -n 300 <"$tmp/$d/answers" >"$tmp/$d/codes"
    omni-code2wav -d "$d" --precise --raw f32 <"$tmp/$d/codes" >"$tmp/$d/sound"
done
status=0
for name in answers codes; do
    if omni-inspect -c "$tmp/cpu/$name" --tol 1e-4 "$tmp/$device/$name"; then
        echo "$name: the same"
    else
        echo "$name: NOT the same" && status=1
    fi
done
python3 - "$tmp/cpu/sound" "$tmp/$device/sound" <<'END'
import array
import math
import sys

a, b = (array.array("f", open(name, "rb").read()) for name in sys.argv[1:])
level = sum(x * x for x in a)
apart = sum((x - y) ** 2 for x, y in zip(a, b))
print(f"sound: {len(a)} and {len(b)} samples, {10 * math.log10(apart / level + 1e-30):.1f} dB apart")
END
exit $status

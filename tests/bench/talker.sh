#!/bin/sh
# Frames per second and real-time factor of talker and code predictor at the released sizes, with
# random bf16 weights (6.7 GB in $TMPDIR while it runs; none with OMNI_BENCH_HOLLOW=1, for GPUs: see
# tests/preload/hollow.c). Arguments go to omni-talker; what it writes goes to $OMNI_BENCH_STREAM, if
# that is set.
set -eu
cd "$(dirname "$0")/../.."
build=$(realpath "${OMNI_BUILD:-build}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# A user's turn of 41 rows and an answer of 12 tokens, of random rows.
python3 - <<'END' | python3 tests/stream.py >"$tmp/in"
import json
import random

random.seed(1)


def tensor(name, values, shape, dtype="f32", **more):
    print(json.dumps(dict(kind="tensor", name=name, values=values, shape=shape, dtype=dtype, **more)))


def rows(name, n, **more):
    tensor(name, [round(random.gauss(0, .02), 5) for _ in range(n * 2048)], [n, 2048], **more)


prompt = [151644, 872, 198, *range(33), 151645, 198, 151644, 77091, 198]
rows("tts_embed", 3)
print('{"kind":"turn","turn":0}')
tensor("prompt", prompt, [41], "i32", turn=0)
tensor("rows", list(range(41)), [41], "i32", turn=0)
rows("thinker_embed", 41, turn=0)
for _ in range(12):
    rows("thinker_embed", 1, turn=0)
print('{"kind":"done","turn":0,"reason":"stop"}')
END

hollow=${OMNI_BENCH_HOLLOW:+--hollow}
talk() {
    LD_PRELOAD=${hollow:+$build/tests/preload/hollow.so} "$build/omni-talker" -m "$tmp/model" "$@" <"$tmp/in"
}
# shellcheck disable=SC2086 # one word or none
"$build/tests/bench/random_model" $hollow "$tmp/model" tests/bench/true-size/config.json talker codepred
talk -n 25 "$@" >"$tmp/warm-up"
talk -v -n 50 "$@" 2>"$tmp/said" >"${OMNI_BENCH_STREAM:-/dev/null}"
cat "$tmp/said"
[ -z "${OMNI_BENCH_ROWS:-}" ] || sed -n \
    's,.* \([0-9.]*\) frames/s\, RTF \([0-9.]*\)$,talker\t41 rows then 50 frames\t'"${OMNI_DEVICE:-cpu}"'\t\1\tframes/s\t\t\
talker\t41 rows then 50 frames\t'"${OMNI_DEVICE:-cpu}"'\t\2\tRTF\t\t,p' "$tmp/said" >>"$OMNI_BENCH_ROWS"

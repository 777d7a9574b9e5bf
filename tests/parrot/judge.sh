#!/bin/sh
# judge.sh TEACHER OUT [EARS...]: all that is measured of a checkpoint, on TEACHER's sentences and
# sounds (held_out.py): repeated with the default sampling and greedily, into OUT/sampled and
# OUT/greedy; prints a JSON object for the teacher and for each of the two. EARS: whisper (default),
# sphinx. The model is $OMNI_MODEL, $PYTHON a Python that has what score.py wants.
set -eu
here=$(realpath "$(dirname "$0")")
[ $# -ge 2 ] || {
    sed -n '2,5s/^# //p' "$0" >&2
    exit 64
}
teacher=$1 out=$2
shift 2
[ $# -gt 0 ] || set -- whisper
"$here/hear.sh" "$teacher"
"$here/repeat.sh" "$teacher/texts.txt" "$out/sampled"
"$here/repeat.sh" "$teacher/texts.txt" "$out/greedy" --temp 0
"${PYTHON:-python3}" "$here/score.py" "$out/sampled" "$out/greedy" --teacher "$teacher" --ears "$@"

# Loaded by every bats file: `load lib`.
# Tools of the build under test come first in PATH; models and streams are under tests/golden.

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
BUILD=${OMNI_BUILD:-$ROOT/build}
GOLDEN=$ROOT/tests/golden
PATH=$BUILD:$ROOT/pipelines:$PATH
export PATH OMNI_MODEL=${OMNI_MODEL:-$GOLDEN/tiny} OMNI_DEVICE=${OMNI_DEVICE:-cpu}

# fails_with CODE COMMAND...: exits with CODE, in time, with exactly one line on stderr.
# The command's stdout is kept in $BATS_TEST_TMPDIR/out, its stderr in err.
fails_with() {
    local want=$1 got=0
    shift
    timeout 20 "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || got=$?
    if [ "$got" -ne "$want" ]; then
        echo "exit $got, not $want: $*"
        cat "$BATS_TEST_TMPDIR/err"
        return 1
    fi
    if [ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -ne 1 ]; then
        echo "not one line on stderr: $*"
        cat "$BATS_TEST_TMPDIR/err"
        return 1
    fi
}

# same_stream GOLDEN FILE [TOL]: every tensor, text and done of GOLDEN is in FILE.
same_stream() {
    omni-inspect --subset -c "$1" --tol "${3:-1e-4}" "$2"
}

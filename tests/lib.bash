# Loaded by every bats file: `load lib`.
# Tools of the build under test come first in PATH; models and streams are under tests/golden.

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
BUILD=${OMNI_BUILD:-$ROOT/build}
GOLDEN=$ROOT/tests/golden
PATH=$BUILD:$ROOT/pipelines:$PATH
# Compiled kernels of Vulkan go here, not to the user's home; those of Mesa's software driver, which takes minutes for
# them all, are kept with the build.
export XDG_CACHE_HOME=${BATS_RUN_TMPDIR:-/tmp}/cache MESA_SHADER_CACHE_DIR=$BUILD/tests/mesa
export PATH OMNI_MODEL=${OMNI_MODEL:-$GOLDEN/tiny} OMNI_DEVICE=${OMNI_DEVICE:-cpu}

# Mesa's software driver leaves a little behind, and is unloaded before a sanitizer could say whose
# that is: with it, leaks are not looked for.
driver_leaks() {
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

# Seconds that a command may take. The software driver compiles kernels for some, and for many on a
# busy machine.
LIMIT=20
if [ "$OMNI_DEVICE" != cpu ]; then
    driver_leaks
    LIMIT=200
fi

# with_fault FAULT COMMAND...: see tests/preload/vulkan.c.
with_fault() {
    local fault=$1
    shift
    env LD_PRELOAD="$BUILD/tests/preload/vulkan.so" OMNI_VULKAN_FAULT="$fault" "$@"
}

# behind_with_fault FAULT COMMAND... <IN >OUT &: the command itself, so that $! is its id.
behind_with_fault() {
    local fault=$1
    shift
    exec env LD_PRELOAD="$BUILD/tests/preload/vulkan.so" OMNI_VULKAN_FAULT="$fault" "$@"
}

no_sanitizer() {
    ! ldd "$BUILD/omni-inspect" | grep -q libasan || skip "a sanitizer wants to be loaded first"
}

# until_true COMMAND...: soon it is.
until_true() {
    local n
    for ((n = 0; n < 10 * LIMIT; n++)); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

# fails_with CODE COMMAND...: exits with CODE, in time, with exactly one line on stderr.
# The command's stdout is kept in $BATS_TEST_TMPDIR/out, its stderr in err.
fails_with() {
    local want=$1 got=0
    shift
    timeout "$LIMIT" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || got=$?
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

# peak COMMAND...: the most memory that COMMAND had, in KiB. Freed memory is used again at once, under
# the address sanitizer too.
peak() {
    ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=0 python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
}

# same_stream GOLDEN FILE [TOL]: every tensor, text and done of GOLDEN is in FILE.
same_stream() {
    omni-inspect --subset -c "$1" --tol "${3:-1e-4}" "$2"
}

# whole_stream FILE: FILE is a stream from begin to end (or to a fatal error frame), nothing half written.
whole_stream() {
    omni-inspect "$1" >/dev/null || { echo "$1 is no whole stream" && return 1; }
}

# every_cut STREAM COMMAND...: COMMAND reads STREAM on stdin, cut at every byte, and must exit 76 in time with one
# line on stderr. With OUTPUT=stream, what it wrote until then must be a whole stream.
every_cut() {
    local stream=$1 size n
    shift
    size=$(stat -c %s "$stream")
    for ((n = 0; n < size; n++)); do
        head -c "$n" "$stream" >"$BATS_TEST_TMPDIR/cut"
        fails_with 76 "$@" <"$BATS_TEST_TMPDIR/cut" || { echo "cut at byte $n" && return 1; }
        [ "${OUTPUT:-}" != stream ] || whole_stream "$BATS_TEST_TMPDIR/out" ||
            { echo "cut at byte $n" && return 1; }
    done
}

# every_hostile [-t "NAME DTYPE SIZE..."] COMMAND...: COMMAND reads each stream of hostile.py on stdin and must
# refuse it with the code said there, in time, with one line on stderr. -t: only whole streams that hold a tensor
# NAME unlike the one COMMAND expects. OUTPUT=stream as for every_cut.
every_hostile() {
    local tensor=() name code dir=$BATS_TEST_TMPDIR/hostile
    if [ "$1" = -t ]; then
        read -ra tensor <<<"$2"
        shift 2
    fi
    rm -rf "$dir"
    PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/hostile.py" "$dir" "${tensor[@]}" >"$BATS_TEST_TMPDIR/cases"
    [ -s "$BATS_TEST_TMPDIR/cases" ] || return 1
    while IFS=$'\t' read -r name code; do
        fails_with "$code" "$@" <"$dir/$name" || { echo "hostile stream $name" && return 1; }
        [ "${OUTPUT:-}" != stream ] || whole_stream "$BATS_TEST_TMPDIR/out" ||
            { echo "hostile stream $name" && return 1; }
    done <"$BATS_TEST_TMPDIR/cases"
}

# lost_elsewhere AFTER PAST AHEAD: JSON lines of a turn pass; behind the first AFTER come errors of two other turns,
# one that is over and one that has not begun.
lost_elsewhere() {
    awk -v after="$1" -v past="$2" -v ahead="$3" '{ print } NR == after {
        error = "{\"kind\":\"error\",\"turn\":%d,\"from\":\"upstream\",\"code\":%d,\"text\":\"gone\"}\n"
        printf error error, past, 69, ahead, 66
    }'
}

# run_examples PAGE: runs the EXAMPLES of man/PAGE, line by line in one shell, in an empty directory.
run_examples() {
    mkdir -p "$BATS_TEST_TMPDIR/examples"
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/s/^\.Dl //p' "$ROOT/man/$1" | sed 's/\\&//g; s/\\e/\\/g' >"$BATS_TEST_TMPDIR/lines"
    [ -s "$BATS_TEST_TMPDIR/lines" ] || { echo "$1 has no examples" && return 1; }
    (cd "$BATS_TEST_TMPDIR/examples" && timeout 300 bash -euxo pipefail "$BATS_TEST_TMPDIR/lines")
}

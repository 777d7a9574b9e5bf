# For tests that run the cases of tests/golden: `load golden`. tests/golden/README says what they are.

load lib

# Models are those of $GOLDEN, or of $MODELS.
# run_case NAME MODEL TOOL TOLERANCE ARGUMENTS: one line of tests/golden/cases.
run_case() {
    local name=$1 model=$2 tool=$3 tolerance=$4 arguments=$5
    local in=$GOLDEN/stream/$name.in out=$BATS_TEST_TMPDIR/$name.out precise=--precise
    [ -e "$in" ] || in=/dev/null
    case $tool in
    sh) tool='' precise='' ;; # a whole pipe
    omni-tokenize) precise='' ;;
    esac
    echo "$name: $tool $precise $arguments"
    OMNI_MODEL=${MODELS:-$GOLDEN}/$model timeout 60 bash -c "cd '$GOLDEN' && $tool $precise $arguments" \
        <"$in" >"$out" || return
    same_stream "$GOLDEN/stream/$name.out" "$out" "$tolerance"
}

# run_cases TOOL [NAMES]: all cases of a tool, or those whose names match; the failed ones are shown.
run_cases() {
    local wanted=$1 names=${2:-*} ran=0 failed=0 name model tool tolerance arguments
    while IFS=$'\t' read -r name model tool tolerance arguments; do
        # shellcheck disable=SC2053 # a pattern
        [[ $tool = "$wanted" && $name = $names ]] || continue
        ran=$((ran + 1))
        run_case "$name" "$model" "$tool" "$tolerance" "$arguments" </dev/null || failed=$((failed + 1))
    done <"$GOLDEN/cases"
    echo "$wanted: $ran cases, $failed failed"
    [ "$ran" -gt 0 ] && [ "$failed" -eq 0 ]
}

#!/bin/sh
# Formatter, static analysis, shell and man page checks; prints what is wrong, exits 1 if anything
# is. Arguments: the compiler flags that clang-tidy needs (`make lint` passes them).
set -u
cd "$(dirname "$0")/.." || exit
bad=0
all_c=$(git ls-files '*.c' '*.h')
# The kernels of common/ops/cpu are compiled per instruction set with flags of their own.
c_files=$(git ls-files '*.c' | grep -v -e '^tests/fuzz/' -e '^common/ops/cpu/')
shell=$(git ls-files ':(glob)pipelines/*' '*.sh' '*.bash' '*.bats' .ci/run)

# shellcheck disable=SC2086 # lists of words from here on
{
    clang-format --dry-run -Werror $all_c || bad=1
    cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -I. --library=tests/cppcheck.cfg \
        --enable=warning,performance,portability $c_files || bad=1
    printf '%s\n' $c_files |
        xargs -P "$(nproc)" -I FILE clang-tidy --quiet FILE -- "$@" 2>/dev/null || bad=1
    shellcheck -x $shell || bad=1
    mandoc -Tlint -Wwarning man/*.[157] || bad=1
}
exit $bad

#!/bin/sh
# Installs the Debian packages that omni needs: tests/deps.sh build|test|lint.
# Does nothing when all are there; without root it says what to install.
set -eu
build='gcc make pkg-config libpopt-dev libmsgpack-dev libjansson-dev libpcre2-dev libutf8proc-dev
libsndfile1-dev libsoxr-dev nettle-dev libvulkan-dev glslang-tools'
test="$build bats jq python3 sox mesa-vulkan-drivers vulkan-validationlayers"
lint="$build clang clang-format clang-tidy cppcheck shellcheck mandoc"

case ${1:-} in
build) want=$build ;;
test) want=$test ;;
lint) want=$lint ;;
*)
    echo "usage: tests/deps.sh build|test|lint" >&2
    exit 64
    ;;
esac

missing=
for package in $want; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then sudo=; else sudo=$(command -v sudo || true); fi
if [ "$(id -u)" != 0 ] && [ -z "$sudo" ]; then
    echo "tests/deps.sh: please install:$missing" >&2
    exit 69
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # lists of words
{
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends $missing
} >&2

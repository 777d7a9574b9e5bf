#!/bin/sh
# Builds and runs fuzz targets (libFuzzer, with address and undefined-behaviour sanitizers):
#   tests/fuzz/run.sh SECONDS [TARGET...]     default: all of tests/fuzz/*.c
# A target's first inputs are tests/fuzz/seeds/TARGET/* and what the case below adds.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [TARGET...]}
shift
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls ./*.c | sed 's|./||; s|\.c$||')
out=${OMNI_BUILD:-build}/fuzz
packages='popt msgpack jansson libpcre2-8 libutf8proc sndfile soxr'
mkdir -p "$out"

# shellcheck disable=SC2046,SC2086 # lists of words
build() {
    clang -std=gnu17 -D_GNU_SOURCE -DOMNI_VERSION='"fuzz"' -DOMNI_DATADIR='"/"' -I. -O1 -g -pthread \
        -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(pkg-config --cflags $packages) \
        -o "$out/$1" "tests/fuzz/$1.c" $(ls common/base/*.c common/wire/*.c common/weights/*.c \
        common/text/*.c common/sound/*.c 2>/dev/null) $(pkg-config --libs $packages) -lm
}

seed() {
    mkdir -p "$out/$1.corpus"
    [ ! -d "tests/fuzz/seeds/$1" ] || cp "tests/fuzz/seeds/$1"/* "$out/$1.corpus"
    case $1 in
    config)
        cp tests/weights/released.json "$out/$1.corpus"
        for model in tiny odd; do
            cp tests/golden/$model/config.json "$out/$1.corpus/$model.json"
            cp tests/golden/$model/generation_config.json "$out/$1.corpus/$model-generation.json"
        done
        ;;
    safetensors)
        rm -rf "$out/seed"
        python3 tests/weights/dtypes.py "$out/seed" 1
        cp "$out/seed/model.safetensors" "$out/$1.corpus/dtypes"
        ;;
    esac
}

for target; do
    build "$target"
    seed "$target"
    "$out/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$out/" "$out/$target.corpus" 2>&1 |
        tee "$out/$target.log" | tail -8
    if ls "$out"/crash-* "$out"/timeout-* "$out"/oom-* "$out"/leak-* 2>/dev/null; then
        echo "fuzz: $target failed; see $out/$target.log" >&2
        exit 1
    fi
    echo "fuzz: $target ran $seconds s clean"
done

#!/bin/sh
# ggml.sh [DIR [ROWS]]: products of a row with quantised weights, here and in llama.cpp's ggml, in
# one run (tests/bench/ggml.c). DIR holds libggml-base.so and libggml-cpu.so for this processor;
# without it they are built from the source in PyPI's llama-cpp-python, outside the repository.
# On a busy machine: OMP_NUM_THREADS=1, which counts only the time that the thread had a core.
set -eu
cd "$(dirname "$0")/../.."
build=${OMNI_BUILD:-build}
dir=${1:-}
if [ -z "$dir" ]; then
    work=${TMPDIR:-/tmp}/omni-ggml
    dir=$work/build/src
    if [ ! -e "$dir/libggml-cpu.so" ]; then
        mkdir -p "$work"
        "${OMNI_PYTHON:-python3}" -m pip download --no-deps --no-binary :all: -d "$work" llama-cpp-python
        tar -xzf "$work"/llama_cpp_python-*.tar.gz -C "$work"
        set -- "$work"/llama_cpp_python-*/vendor/llama.cpp/ggml
        touch "$1/ggml.pc.in" # some packages lack it; it is only for installing
        cmake -S "$1" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=ON \
            -DGGML_BUILD_TESTS=OFF -DGGML_BUILD_EXAMPLES=OFF
        cmake --build "$work/build" --target ggml-cpu -j "$(nproc)"
    fi
    set -- "$dir" "${2:-1}"
fi
make -s "$build/tests/bench/ggml"
LD_LIBRARY_PATH=$dir "$build/tests/bench/ggml" "$dir" "${2:-1}"

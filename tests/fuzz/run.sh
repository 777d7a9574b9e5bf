#!/bin/sh
# Builds and runs fuzz targets:   tests/fuzz/run.sh SECONDS [TARGET...]     default: all of tests/fuzz/*.c
# Each starts from known good inputs (the case below) and what earlier runs found, in build/fuzz/TARGET.corpus.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [TARGET...]}
shift
out=${OMNI_BUILD:-build}/fuzz
make --no-print-directory "B=${OMNI_BUILD:-build}" fuzz
if [ $# -eq 0 ]; then
    for source in tests/fuzz/*.c; do
        source=${source##*/}
        set -- "$@" "${source%.c}"
    done
fi

# An input of the tokenizer's target: the kind, files, and a text that is a message, too.
fields() {
    printf %s "$1"
    shift
    for file; do cat "$file" && printf '\377'; done
    printf '{"role": "user", "content": [{"type": "text", "text": "we\047RE <|im_end|> 12e\314\201"}]}'
}

# Good inputs for a target into its corpus.
seed() {
    corpus=$out/$1.corpus
    mkdir -p "$corpus"
    case $1 in
    config)
        cp tests/weights/released.json "$corpus"
        for model in tiny odd; do
            cp tests/golden/$model/config.json "$corpus/$model"
            cp tests/golden/$model/generation_config.json "$corpus/$model-generation"
        done
        ;;
    gguf)
        rm -rf "$out/seed"
        python3 tests/weights/broken_gguf.py "$out/seed" >/dev/null
        cp "$out"/seed/good.gguf "$out"/seed/config-other.gguf "$corpus"
        python3 tests/weights/gguf.py tests/golden/tiny "$corpus/head" head
        python3 tests/weights/gguf.py tests/golden/tiny "$corpus/audio" audio bf16
        ;;
    safetensors)
        rm -rf "$out/seed"
        python3 tests/weights/dtypes.py "$out/seed" 1
        mv "$out/seed/model.safetensors" "$corpus/dtypes"
        ;;
    tokenizer)
        from=tests/golden/tiny to=$out/seed
        mkdir -p "$to"
        jq -c 'with_entries(select(.value < 258))' $from/vocab.json >"$to/vocab"
        head -n 3 $from/merges.txt >"$to/merges"
        jq -c '{added_tokens_decoder: .added_tokens_decoder | with_entries(select(.key == "479" or .key == "481"))}' \
            $from/tokenizer_config.json >"$to/added"
        jq -c '.model.vocab |= with_entries(select(.value < 258)) | .model.merges |= .[:2] |
            .added_tokens |= .[:2]' tests/golden/odd/tokenizer.json >"$to/single"
        fields v "$to/vocab" "$to/merges" "$to/added" >"$corpus/two-files"
        fields t "$to/single" "$to/added" >"$corpus/single-file"
        fields x >"$corpus/text"
        rm -r "$to"
        ;;
    frame) cp tests/golden/stream/*.in "$corpus" ;;
    esac
}

for target; do
    seed "$target"
    "$out/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$out/$target-" "$out/$target.corpus" >"$out/$target.log" 2>&1 || {
        grep -E 'ERROR|SUMMARY|Test unit written' "$out/$target.log" >&2
        echo "fuzz: $target failed: $out/$target.log" >&2
        exit 1
    }
    grep number_of_executed_units "$out/$target.log"
    echo "fuzz: $target ran $seconds s clean"
done

# Ids equal those of Hugging Face's `tokenizers` (tests/golden/tokenizer.py), with the release's
# vocabulary where it lies in ../shared/tokenizer, and with those of the golden models.

load lib

setup() {
    codec=$BUILD/tests/text/codec
    sample=$GOLDEN/tokenizer
    python=$(command -v "${OMNI_PYTHON:-python3}") || python=
}

# The release's tokenizer as one directory, in $real.
real_vocabulary() {
    local from=$ROOT/../shared/tokenizer
    [ -r "$from/vocab.json" ] || skip "no ../shared/tokenizer"
    real=$BATS_TEST_TMPDIR/real
    mkdir "$real"
    ln -s "$(realpath "$from/vocab.json")" "$(realpath "$from/merges.txt")" "$real"
    cp "$sample/tokenizer_config.json" "$real"
}

same_as_stored() { # NAME DIR FIELDS: 1 the ids, 2 what they decode to
    zcat "$sample/$1.records.gz" | "$codec" "$2" | cut -f"$3" >"$BATS_TEST_TMPDIR/ours"
    zcat "$sample/$1.answers.gz" | cut -f"$3" | cmp - "$BATS_TEST_TMPDIR/ours"
}

compare_with_tokenizers() { # DIR N
    "$python" -c 'import tokenizers' 2>/dev/null || skip "python3 has no module tokenizers"
    "$python" "$GOLDEN/tokenizer.py" lines "$2" >"$BATS_TEST_TMPDIR/records"
    "$python" "$GOLDEN/tokenizer.py" answers "$1" <"$BATS_TEST_TMPDIR/records" >"$BATS_TEST_TMPDIR/theirs"
    "$codec" "$1" <"$BATS_TEST_TMPDIR/records" >"$BATS_TEST_TMPDIR/ours"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/ours")" -eq "$2" ]
    cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
}

@test "release's vocabulary: the numeric anchors of the specification" {
    real_vocabulary
    rm "$real/tokenizer_config.json"
    while IFS='|' read -r text ids; do
        text=$(printf "%b." "$text")
        text=${text%.}
        got=$(printf '%d\n%s' "$(printf %s "$text" | wc -c)" "$text" | "$codec" "$real" | cut -f1)
        [ "$got" = "$ids" ] || { echo "$text: $got, not $ids" && return 1; }
    done <<'END'
Hello, world!|9707 11 1879 0
I'm 1234, we'RE coding.|40 2776 220 16 17 18 19 11 582 94153 10822 13
  two  spaces\n\nx \n|220 1378 220 12621 271 87 715
中文测试：こんにちは。|104811 81705 5122 89015 1773
e\xcc\x81 é|963 3958
\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb|145233 378 235 145851
a\r\n b|64 319 293
You are a helpful assistant.|2610 525 264 10950 17847 13
assistant\n|77091 198
END
}

@test "release's vocabulary: 1500 stored lines" {
    real_vocabulary
    same_as_stored release "$real" 1,2
}

@test "added tokens: lstrip, rstrip, single_word, normalized, one the beginning of another" {
    mkdir "$BATS_TEST_TMPDIR/flags"
    cp "$GOLDEN/tiny/vocab.json" "$GOLDEN/tiny/merges.txt" "$BATS_TEST_TMPDIR/flags"
    cp "$sample/flags.json" "$BATS_TEST_TMPDIR/flags/tokenizer_config.json"
    same_as_stored flags "$BATS_TEST_TMPDIR/flags" 1
}

@test "release's vocabulary: 20000 lines beside tokenizers" {
    real_vocabulary
    compare_with_tokenizers "$real" 20000
}

@test "tiny model, vocab.json and merges.txt: 5000 lines beside tokenizers" {
    compare_with_tokenizers "$GOLDEN/tiny" 5000
}

@test "odd model, tokenizer.json: 5000 lines beside tokenizers" {
    compare_with_tokenizers "$GOLDEN/odd" 5000
}

@test "a piece of a megabyte, and marks by the hundred thousand, take no time" {
    for unit in a ab ' ' '\u0301\u0316' '<|' '中' "'"; do
        text=$(printf "%b." "$unit")
        text=${text%.}
        n=$((1000000 / $(printf %s "$text" | wc -c)))
        yes "$text" | tr -d '\n' | head -c $((n * $(printf %s "$text" | wc -c))) >"$BATS_TEST_TMPDIR/text"
        { wc -c <"$BATS_TEST_TMPDIR/text" && cat "$BATS_TEST_TMPDIR/text"; } >"$BATS_TEST_TMPDIR/record"
        timeout 10 "$codec" "$GOLDEN/tiny" <"$BATS_TEST_TMPDIR/record" >"$BATS_TEST_TMPDIR/ids"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/ids")" -eq 1 ]
    done
}

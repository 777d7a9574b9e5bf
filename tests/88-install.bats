#!/usr/bin/env bats
# make install, make uninstall, and the default model: which is found where.

load lib
load install

setup_file() {
    export T=$BATS_FILE_TMPDIR/root
    installed install "$T"
    # Whatever is shipped, the tests' own model is what is looked for here.
    rm -rf "$T/usr/share/omni/parrot"
    cp -r "$GOLDEN/tiny" "$T/usr/share/omni/parrot"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    unset OMNI_MODEL
}

# The same without make: programs in build/, the model in pipelines/parrot.
build_tree() {
    mkdir -p tree/build tree/pipelines
    cp "$T"/usr/bin/omni-* tree/build
    mv tree/build/omni-{say,chat,listen,converse} tree/pipelines
    cp "$ROOT/pipelines/pipeline.sh" tree/pipelines
    cp -r "$GOLDEN/tiny" tree/pipelines/parrot
}

# All programs, in PATH, find the model that their begin frames call parrot.
find_parrot() {
    omni-encode-audio "$GOLDEN/wav/37.wav" | tee encode | omni-tokenize | tee tokenize |
        omni-thinker -n 3 | tee think | omni-talker -n 3 --emit-hidden | tee talk |
        omni-codepred | tee codepred | omni-code2wav -o out.wav
    omni-talker -n 3 --codepred omni-codepred <think >coprocess
    for stage in encode tokenize think talk codepred coprocess; do
        omni-inspect $stage | head -n 1 | jq -e '.model == "parrot"'
    done
    [ "$(soxi -s out.wav)" -gt 0 ]
    omni-tokenize Hello | omni-detokenize >text
    grep -q Hello text
}

pipelines_speak() {
    omni-say -o say.wav 'Good evening.'
    echo Hello | omni-chat -n 3 --speak -o chat.wav
    omni-listen -n 3 say.wav >text
    echo | OMNI_RECORDER='cat say.wav' omni-converse -n 3 -o answer.wav
    for file in say.wav chat.wav text answer.wav; do
        [ -s "$file" ]
    done
}

@test "installed programs and pipelines run, by the model in ../share/omni/parrot" {
    PATH=$T/usr/bin:/usr/bin:/bin
    [ "$(command -v omni-say)" = "$T/usr/bin/omni-say" ]
    find_parrot
    pipelines_speak
}

@test "programs in build/ run by the model in ../pipelines/parrot" {
    build_tree
    PATH=$PWD/tree/build:$PWD/tree/pipelines:/usr/bin:/bin
    find_parrot
    pipelines_speak
}

@test "pipelines find the programs where PATH has none, and through a link" {
    build_tree
    mkdir links
    ln -s "$T"/usr/bin/omni-say links/installed
    ln -s ../tree/pipelines/omni-say links/built
    for say in "$T/usr/bin/omni-say" tree/pipelines/omni-say links/installed links/built; do
        PATH=/usr/bin:/bin "$say" -o say.wav 'Good evening.'
        [ "$(soxi -s say.wav)" -gt 0 ]
        rm say.wav
    done
}

@test "-m before OMNI_MODEL before the model that ships with omni" {
    PATH=$T/usr/bin:/usr/bin:/bin
    cp -r "$GOLDEN/tiny" first
    cp -r "$GOLDEN/tiny" second
    OMNI_MODEL=second omni-tokenize -m first Hello | omni-inspect | head -n 1 | jq -e '.model == "first"'
    OMNI_MODEL=second omni-tokenize Hello | omni-inspect | head -n 1 | jq -e '.model == "second"'
    OMNI_MODEL='' omni-tokenize Hello | omni-inspect | head -n 1 | jq -e '.model == "parrot"'
    echo Hello | OMNI_MODEL=none omni-chat -m first -n 3 >text
    [ -s text ]
}

@test "make install puts every program, pipeline and page, and make uninstall takes them away" {
    T=$PWD/other
    installed install "$T"
    for file in "$ROOT"/tools/omni-*.c; do
        [ -x "$T/usr/bin/$(basename "$file" .c)" ]
    done
    for file in "$ROOT"/pipelines/omni-*; do
        cmp "$file" "$T/usr/bin/$(basename "$file")"
    done
    for file in "$ROOT"/man/*; do
        cmp "$file" "$T/usr/share/man/man${file##*.}/$(basename "$file")"
    done
    [ -s "$T/usr/share/omni/parrot/LICENSES" ]
    [ ! -e "$T/usr/share/omni/parrot/train" ]
    touch "$T/usr/bin/omni-own" # somebody else's
    installed uninstall "$T"
    [ "$(find "$T" -type f)" = "$T/usr/bin/omni-own" ]
    [ ! -e "$T/usr/share/omni" ]
}

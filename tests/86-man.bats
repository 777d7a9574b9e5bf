#!/usr/bin/env bats
# The man pages: their examples run, and they have the options that the programs have.

load lib

# examples PAGE: runs them beside a clip and a book; what is to be played goes to a file.
examples() {
    local dir=$BATS_TEST_TMPDIR/examples
    mkdir -p "$dir" "$BATS_TEST_TMPDIR/bin"
    cp "$GOLDEN/wav/230.wav" "$dir/speech.wav"
    echo 'It was a dark night. The wind blew.' >"$dir/book.txt"
    printf '#!/bin/sh\ncat speech.wav\n' >"$BATS_TEST_TMPDIR/bin/arecord"
    printf '#!/bin/sh\ncat >>played\n' >"$BATS_TEST_TMPDIR/bin/aplay"
    chmod +x "$BATS_TEST_TMPDIR"/bin/*
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run_examples "$1"
}

# options: the options that usage lines or a page's tags on stdin name, one a line.
options() {
    grep -oE -- '(^|[ ,])--?[A-Za-z][a-z0-9-]*' | tr -d ' ,' | sort -u
}

@test "every page's examples are run by a test" {
    for page in "$ROOT"/man/*.[157]; do
        page=${page##*/}
        grep -qE "(run_)?examples $page" "$ROOT"/tests/*.bats || { echo "$page" && return 1; }
    done
}

@test "every page lists the options that the program lists" {
    for page in "$ROOT"/man/*.1; do
        program=$(basename "$page" .1)
        if [ -x "$BUILD/$program" ]; then
            "$program" -h | grep -oE '^ +-[^ =]+(, --[^ =]+)?'
        else # a pipeline, which names some in rows
            "$program" -h
        fi | options >"$BATS_TEST_TMPDIR/help"
        grep '^\.It Fl' "$page" | sed 's/Fl /-/g; s/ Ar [^ ]*//g' | options >"$BATS_TEST_TMPDIR/page"
        [ -s "$BATS_TEST_TMPDIR/help" ]
        diff "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page" || { echo "$program" && return 1; }
    done
}

@test "the examples of omni(7) and omni-tokenize(1) run" {
    examples omni.7
    examples omni-tokenize.1
}

@test "the examples of omni-thinker(1) and omni-detokenize(1) run" {
    examples omni-thinker.1
    examples omni-detokenize.1
}

@test "the examples of omni-encode-audio(1) and omni-listen(1) run" {
    examples omni-encode-audio.1
    examples omni-listen.1
}

@test "the examples of omni-say(1), omni-chat(1) and omni-converse(1) run" {
    examples omni-say.1
    examples omni-chat.1
    echo | examples omni-converse.1
    [ "$(soxi -s "$BATS_TEST_TMPDIR/examples/answer.wav")" -gt 0 ]
}

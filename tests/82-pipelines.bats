#!/usr/bin/env bats
# The ready pipes, with files in the place of microphone and loudspeaker.

bats_require_minimum_version 1.5.0
load lib

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cp "$GOLDEN/wav/230.wav" speech.wav
    cp "$GOLDEN/wav/37.wav" short.wav
}

# Samples of a sound file that is as long as its header says.
samples() {
    soxi -s "$1"
}

@test "omni-say speaks TEXT, and stdin sentence by sentence" {
    omni-say --precise -s 7 -o one.wav 'Good evening.'
    printf 'Good evening. And\nhow are you?\n\nNo stop here' | omni-say --precise -s 7 -o all.wav
    [ "$(samples one.wav)" -gt 0 ]
    # The first of three sentences is spoken as it is alone.
    [ "$(samples all.wav)" -gt "$(samples one.wav)" ]
    sox one.wav -t raw one.raw
    sox all.wav -t raw all.raw
    cmp -n "$(stat -c %s one.raw)" one.raw all.raw
}

@test "omni-say: the first sentence sounds while the second is not there yet" {
    mkfifo book
    omni-say -o - <book >out.wav &
    exec 7>book
    echo 'Good evening. And' >&7
    for ((i = 0; i < 300; i++)); do
        [ "$(stat -c %s out.wav)" -le 1000 ] || break
        sleep 0.1
    done
    [ "$(stat -c %s out.wav)" -gt 1000 ]
    exec 7>&-
    wait
}

@test "omni-say takes breath in a long sentence" {
    printf 'word, %.0s' {1..150} | omni-say -o 'part-%d.wav'
    [ "$(echo part-*)" = 'part-0.wav part-1.wav part-2.wav' ] # 900 letters
}

@test "omni-say needs no layer of the thinker" {
    omni-tokenize --assistant 'Good evening.' '' | omni-thinker -n 0 | omni-inspect |
        jq -r '.kind + " " + (.reason // "")' >kinds
    grep -qx 'done prefill' kinds
}

@test "omni-say plays through OMNI_PLAYER and passes the voice on" {
    OMNI_PLAYER='cat >played.wav' omni-say --voice chelsie 'Hello.'
    [ "$(head -c 4 played.wav)" = RIFF ]
    [ "$(stat -c %s played.wav)" -gt 1000 ]
    fails_with 64 env OMNI_PLAYER='cat >played.wav' omni-say --voice nobody 'Hello.'
    grep -q 'chelsie' err
}

@test "omni-chat answers line by line as one conversation" {
    printf '%s\n' 'Hello.' 'Say it again.' | omni-chat --precise -n 8 >text
    printf '%s\n' 'Hello.' 'Say it again.' | omni-tokenize -l --continue |
        omni-thinker --precise -n 8 | omni-detokenize >pipe
    [ -s text ]
    cmp text pipe
}

@test "omni-chat --speak writes sound and shows the text" {
    echo 'Hello.' | omni-chat --precise -n 4 --speak -o out.flac 2>err
    [ "$(samples out.flac)" -gt 0 ]
    echo 'Hello.' | omni-chat --precise -n 4 >text
    cmp text err
    fails_with 64 omni-chat -o out.wav
}

@test "omni-listen writes down each file; a bad one does not stop the others" {
    omni-listen --precise -n 8 short.wav speech.wav >both
    omni-listen --precise -n 8 <short.wav >first
    [ -s first ]
    cmp -n "$(stat -c %s first)" first both
    omni-listen --precise -n 8 - speech.wav <short.wav | cmp both
    mv speech.wav "it's \"one\".wav"
    : >empty.wav
    code=0
    omni-listen --precise -n 8 short.wav empty.wav "it's \"one\".wav" >again 2>err || code=$?
    [ "$code" -eq 65 ]
    cmp both again
    grep -q 'empty.wav' err
}

@test "omni-listen: standard input by its other names" {
    omni-listen --precise -n 8 short.wav >first
    for name in - /dev/stdin /dev/fd/0; do
        omni-listen --precise -n 8 $name <short.wav | cmp first
    done
}

@test "omni-converse: two turns, Enter after each" {
    printf '\n\n' | OMNI_RECORDER='cat speech.wav' timeout 60 omni-converse --precise -s 1 -n 4 -o out.wav 2>text
    [ "$(samples out.wav)" -gt 0 ]
    # The pipe that its page says it is. The second question continues the first.
    printf 'speech.wav\nspeech.wav\n' | omni-encode-audio --precise -l |
        omni-tokenize -p 'You are a voice assistant. Answer briefly, in plain spoken language, in the language of the user.' --continue |
        omni-thinker --precise -n 4 | omni-detokenize >pipe
    cmp pipe text
}

@test "omni-converse: --silence ends an utterance, the sound goes to OMNI_PLAYER" {
    OMNI_RECORDER='cat speech.wav' OMNI_PLAYER='cat >played.wav' timeout 60 \
        omni-converse --precise -n 4 --silence 300 --turns 1
    [ "$(stat -c %s played.wav)" -gt 1000 ]
}

@test "omni-converse: --silence, a microphone that never ends, until it does" {
    cat >microphone <<'END'
echo >>turns
case $(wc -l <turns) in
1 | 2) sox -q speech.wav -e signed -b 16 -t raw - && exec cat /dev/zero ;;
*) head -c 32000 /dev/zero ;;
esac |
    sox -V1 -q -r 16000 -c 1 -e signed -b 16 -t raw - -t wav -
END
    OMNI_RECORDER='sh microphone 2>/dev/null' timeout 60 \
        omni-converse -n 4 --silence 300 -o 'turn-%d.wav' 2>err
    [ "$(echo turn-*)" = 'turn-0.wav turn-1.wav' ]
    [ "$(wc -l <err)" -eq 2 ] # the answers
}

@test "omni-converse: an empty recording loses its turn, not the next" {
    cat >recorder <<'END'
echo >>turns
[ "$(wc -l <turns)" -eq 2 ] || cat short.wav
END
    code=0
    printf '\n\n\n' | OMNI_RECORDER='sh recorder' timeout 60 omni-converse -n 4 -o 'turn-%d.wav' 2>err || code=$?
    [ "$code" -eq 65 ]
    [ "$(echo turn-*)" = 'turn-0.wav turn-2.wav' ]
    grep -q 'is empty' err
}

@test "omni-converse: Ctrl-C ends an answer; --silence: while it listens, the conversation" {
    OMNI_RECORDER='cat short.wav' timeout 60 python3 "$ROOT/tests/interrupt.py" \
        'omni-converse -s 3 -o turn-%d.wav' turn-0.wav turn-1.wav 2>err
    [ "$(grep -c omni- err)" -eq 0 ] # the answers, as far as they came, and no complaint
    rm turn-*
    printf 'if mkdir first; then exec cat speech.wav; fi; echo >end.part; exec sleep 60' >recorder
    OMNI_RECORDER='sh recorder 2>/dev/null' timeout 60 python3 "$ROOT/tests/interrupt.py" \
        'omni-converse --silence 300 -n 4 -o turn-%d.wav && echo >end' end
    [ "$(echo turn-*)" = turn-0.wav ]
}

@test "omni-chat: Ctrl-C ends an answer" {
    timeout 60 python3 "$ROOT/tests/interrupt.py" \
        'omni-chat --speak -s 3 -o turn-%d.wav' turn-0.wav turn-1.wav 2>err
    [ "$(grep -c omni- err)" -eq 0 ]
}

@test "omni-say: Ctrl-C twice ends it, whatever is left to say" {
    yes 'One more sentence.' | head -n 2000 >book
    env --default-signal=INT setsid omni-say -o out.wav <book &
    pid=$!
    for ((i = 0; i < 300; i++)); do
        [ ! -e out.wav.part ] || break
        sleep 0.1
    done
    kill -INT -- "-$pid"
    sleep 0.1
    kill -INT -- "-$pid"
    sleep 5
    run ! kill -KILL -- "-$pid" # nobody is left
    [ ! -e out.wav ]
}

@test "pipelines: without player or recorder 69 before anything runs" {
    for program in aplay pw-play arecord pw-record; do
        ! command -v $program || skip "there is $program"
    done
    fails_with 69 omni-say Hello
    fails_with 69 omni-chat --speak </dev/null
    fails_with 69 omni-converse -o out.wav </dev/null
    OMNI_RECORDER=true fails_with 69 omni-converse </dev/null
}

@test "pipelines: wrong options are one line and 64, -h says the use, -V the version" {
    version=$(omni-tokenize -V)
    for tool in omni-say omni-chat omni-listen omni-converse; do
        for wrong in --nonsense -X -abX -j --precise=yes -hX '-j x' -jx '-j 04' '-s -5' '-s x' '-m' "--it's"; do
            # shellcheck disable=SC2086 # words
            fails_with 64 "$tool" $wrong </dev/null
            grep -q "^$tool: " err
            [ ! -s out ]
        done
        fails_with 64 "$tool" -m '' </dev/null
        "$tool" -h | grep -q "Usage: $tool"
        "$tool" --precise --help | cmp - <("$tool" -h)
        [ "$("$tool" -V)" = "$tool${version#omni-tokenize}" ]
        [ "$("$tool" -v --version)" = "$("$tool" -V)" ]
    done
    fails_with 64 omni-say -c 100 Hello.
    fails_with 64 omni-listen -o text short.wav
    fails_with 64 omni-listen --beams 0 short.wav
    fails_with 64 omni-listen --beams many short.wav
    fails_with 64 omni-say --voice= Hello.
    for tool in omni-chat omni-converse; do
        fails_with 64 "$tool" word </dev/null
        fails_with 64 "$tool" -- -v </dev/null
        fails_with 64 "$tool" '' </dev/null
    done
    fails_with 64 omni-converse --turns=-1 </dev/null
    fails_with 64 omni-converse --silence 9999999999 </dev/null
}

@test "pipelines: every form of an option, and words as they are" {
    words=("-v It's \"it\"  \$x," '' $'a -o b\nc' -)
    printf '%s\n' "-v It's \"it\"  \$x,  a -o b" 'c -' | omni-say --precise -s 7 --voice chelsie -o want.wav
    for mode in '' POSIXLY_CORRECT=1 GETOPT_COMPATIBLE=1; do
        env $mode omni-say --precise -s7 --voice=chelsie -oform.wav -- "${words[@]}"
        cmp want.wav form.wav
        rm form.wav
        env $mode omni-say --prec -j1 --voice chelsie -s 0x7 -o form.wav -- "${words[@]}"
        cmp want.wav form.wav
        rm form.wav
    done
    omni-say --precise -s 7 --voice chelsie -o want.wav 'Good evening.'
    for mode in '' POSIXLY_CORRECT=1; do
        env $mode omni-say Good --precise evening. -vs7 --voice=chelsie -oform.wav 2>err
        cmp want.wav form.wav
        [ -s err ]
    done
    omni-say --precise -s 7 --voice chelsie -o- Good evening. >form.wav
    [ "$(stat -c %s form.wav)" -gt 1000 ]
}

@test "pipelines: a prompt that looks like an option is a prompt" {
    omni-encode-audio --precise short.wav | omni-tokenize -- --nonsense | omni-thinker --precise -n 8 |
        omni-detokenize >pipe
    [ -s pipe ]
    omni-listen --precise -n8 -p--nonsense short.wav | cmp pipe
    omni-listen short.wav --precise -p --nonsense -n 8 | cmp pipe
    echo 'Hello.' | omni-chat --precise -n 8 -p -v >text
    echo 'Hello.' | omni-tokenize -p -v -l --continue | omni-thinker --precise -n 8 | omni-detokenize | cmp text
}

@test "pipelines: -c is the thinker's, and a context that is used up says what to do" {
    for speak in '' '--speak -o out.wav'; do
        code=0
        # shellcheck disable=SC2086 # words or none
        yes 'Hello there, how are you?' | head -n 4 | omni-chat --precise -c 60 -n 5 $speak >out 2>err || code=$?
        [ "$code" -eq 65 ]
        # The text's reader says it, too, and an answer may stand before it.
        [ "$(grep -v omni-detokenize err | grep -c 'omni-thinker: .* 60 rows .* begin a new conversation')" -eq 2 ]
    done
    code=0
    omni-listen -c20 short.wav 2>err || code=$?
    [ "$code" -eq 65 ]
    grep -q '^omni-thinker: .* context of 20: shorten it' err
    code=0
    printf '\n\n\n' | OMNI_RECORDER='cat short.wav' timeout 60 \
        omni-converse --precise -c 80 -n 4 -o 'turn-%d.wav' 2>err || code=$?
    [ "$code" -eq 65 ]
    [ "$(echo turn-*)" = turn-0.wav ]
    [ "$(grep -c 'omni-thinker: .* 80 rows .* begin a new conversation' err)" -eq 2 ]
    fails_with 64 sh -c 'echo Hello | omni-chat -c 5000' # the model can 4096
}

@test "omni-chat --speak: a -c beyond the talker's own context is the talker's, too" {
    cp -r "$GOLDEN/tiny" large
    sed -i 's/"max_position_embeddings": 4096/"max_position_embeddings": 20000/' large/config.json
    { printf 'of %.0s' {1..9000} && echo; } | omni-chat -m large -c 12000 -n 4 --speak -o out.wav
    [ "$(samples out.wav)" -gt 0 ]
}

@test "omni-say and omni-listen: options may stand behind what is to be done; -- ends them" {
    omni-say --precise -o front.wav 'Good evening.'
    omni-say 'Good evening.' --precise -o back.wav
    cmp front.wav back.wav
    omni-say Good --precise -o back.wav evening.
    cmp front.wav back.wav
    echo '-o x.wav' | omni-say --precise -o front.wav
    omni-say --precise -o back.wav -- -o x.wav
    cmp front.wav back.wav
    omni-listen --precise -n 8 short.wav speech.wav >front
    omni-listen short.wav -n 8 speech.wav --precise | cmp front
    fails_with 64 omni-say Hello. -o
    fails_with 64 omni-listen short.wav -p
    fails_with 64 omni-say -o out.wav Hello. --speed 2
}

@test "pipelines: help and version that cannot be written are 74" {
    for program in omni-say omni-chat omni-listen omni-converse; do
        (fails_with 74 sh -c "$program -h >/dev/full")
        (fails_with 74 sh -c "$program -V >/dev/full")
    done
}

@test "pipelines: no model is 66, said once a stage" {
    fails_with 66 env OMNI_MODEL="$BATS_TEST_TMPDIR/none" omni-tokenize Hello
    code=0
    echo Hello | OMNI_MODEL="$BATS_TEST_TMPDIR/none" omni-chat >out 2>err || code=$?
    [ "$code" -eq 66 ] && [ ! -s out ]
}

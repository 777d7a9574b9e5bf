#!/usr/bin/env bats
# parrot, the model that ships with omni: it repeats what it is told, in time, in good sound, and understands itself.

load lib
load install

# Sentences that it was not taught, and how many frames its teacher takes for each.
sentences=(
    'The quick brown fox.'
    'Good morning, how are you?'
    'She opened the window and looked at the sea.'
    'The train to Vienna was late, so we walked home.'
    'He had never seen so many books in one room. It was very quiet.'
)
frames=(17 17 26 35 47)

# say MANNER TALKER-OPTION...: the answers' codes, their sound, and what parrot hears in it, in $T/MANNER.
say() {
    mkdir "$T/$1"
    cd "$T/$1" || return
    omni-talker -n 300 "${@:2}" <../answers >codes
    omni-code2wav -o %d.wav <codes
    omni-listen -n 100 {0..4}.wav >heard
}

setup_file() {
    export OMNI_MODEL=$ROOT/pipelines/parrot T=$BATS_FILE_TMPDIR
    cd "$T" || return
    printf '%s\n' "${sentences[@]}" >sentences
    omni-tokenize -l <sentences | omni-thinker -n 100 >answers
    (say sampled)
    (say greedy --temp 0)
}

setup() {
    cd "$T" || return
}

# mostly HEARD SENTENCE...: HEARD has a line for each sentence, and two thirds of the words in all of them are right.
mostly() {
    local errors words
    printf '%s\n' "${@:2}" >meant
    read -r errors words < <(PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/parrot/words.py" meant "$1")
    echo "$errors of $words words are wrong:"
    diff meant "$1" || true
    [ "$words" -gt 0 ]
    [ $((3 * errors)) -lt "$words" ]
}

@test "parrot: its thinker repeats each sentence" {
    omni-detokenize <answers | diff sentences -
}

# in_time FILE: each turn of codes ended by itself, after two thirds to one and a half of the teacher's frames.
in_time() {
    local turn=0 reason n
    while read -r reason n; do
        echo "turn $turn: $reason, $n frames, its teacher ${frames[turn]}"
        [ "$reason" = stop ]
        [ $((3 * n)) -ge $((2 * frames[turn])) ]
        [ $((2 * n)) -le $((3 * frames[turn])) ]
        turn=$((turn + 1))
    done < <(omni-inspect "$1" | jq -r 'select(.kind == "done") | "\(.reason) \(.frames)"')
    [ "$turn" -eq ${#sentences[@]} ]
}

@test "parrot: speech ends by itself, in the time that a sentence takes" {
    in_time sampled/codes
    in_time greedy/codes
}

# good_sound FILE: 24 kHz, mono, 16 bits; as loud as speech is; nowhere near full scale; no constant in it.
good_sound() {
    [ "$(soxi -r "$1") $(soxi -c "$1") $(soxi -b "$1")" = '24000 1 16' ]
    sox "$1" -n stats 2>&1 | awk -v file="$1" '
        /^DC offset/ { dc = $3 }
        /^Pk lev dB/ { peak = $4 }
        /^RMS lev dB/ { rms = $4 }
        END {
            print file ": DC " dc ", peak " peak " dB, RMS " rms " dB"
            exit !(dc > -0.002 && dc < 0.002 && peak < -0.1 && rms > -27 && rms < -17)
        }'
}

@test "parrot: 24 kHz, loud enough, without clipping, without DC" {
    for file in {sampled,greedy}/{0..4}.wav; do
        good_sound "$file"
    done
}

@test "parrot understands itself" {
    mostly greedy/heard "${sentences[@]}"
    mostly sampled/heard "${sentences[@]}"
}

@test "parrot: the same seed says the same, another seed the same words" {
    omni-talker -n 300 <answers | omni-inspect -x codes >again.npy
    omni-inspect -x codes sampled/codes | cmp - again.npy
    omni-talker -n 300 -s 1 <answers >other
    in_time other
    omni-code2wav -o 'other-%d.wav' <other
    omni-listen -n 100 other-{0..4}.wav >heard
    mostly heard "${sentences[@]}"
}

@test "parrot: each voice says the words" {
    for voice in ethan chelsie aiden; do
        omni-say --voice $voice -o $voice.wav "${sentences[2]}"
        omni-listen -n 100 $voice.wav >heard
        mostly heard "${sentences[2]}"
    done
}

@test "parrot: a conversation, turn by turn in text and in sound" {
    printf '%s\n' "${sentences[@]}" | omni-chat -n 100 | diff sentences -
    printf '%s\n' "${sentences[@]}" | omni-chat -n 100 -p 'You are a helpful assistant.' | diff sentences -
    omni-chat -n 100 --speak -o 'chat-%d.wav' <sentences 2>text
    diff sentences text
    omni-listen -n 100 chat-{0..4}.wav >heard
    mostly heard "${sentences[@]}"
}

@test "parrot reads aloud sentence by sentence, and answers speech by saying it again" {
    omni-say -o 'read-%d.wav' <<<"${sentences[0]} ${sentences[3]}"
    [ "$(echo read-*)" = 'read-0.wav read-1.wav' ]
    omni-listen -n 100 read-{0,1}.wav >heard
    mostly heard "${sentences[0]}" "${sentences[3]}"
    printf '\n\n' | OMNI_RECORDER='cat read-0.wav' omni-converse -n 100 -o 'again-%d.wav' 2>text
    mostly text "${sentences[0]}" "${sentences[0]}"
    omni-listen -n 100 again-{0,1}.wav >heard
    mostly heard "${sentences[0]}" "${sentences[0]}"
}

@test "parrot: a word, no capital and no stop, and what it was never taught" {
    printf '%s\n' hello 'Thank you.' 'the quick brown fox' >short
    omni-chat -n 100 --speak -o 'short-%d.wav' <short 2>text
    diff short text
    for file in short-{0..2}.wav; do
        good_sound "$file"
        [ "$(soxi -s "$file")" -lt 96000 ] # four seconds
    done
    # It ends, whatever it says.
    printf '%s\n' 'Zwölf Boxkämpfer jagen Viktor.' '😀 100 % (sic)' |
        timeout 200 omni-chat -n 100 --speak -o 'odd-%d.wav' 2>text
    [ "$(wc -l <text)" -eq 2 ]
    echo | omni-tokenize | timeout 200 omni-thinker -n 100 | omni-talker | omni-code2wav >silence.wav
    [ "$(soxi -s silence.wav)" -lt 48000 ]
}

# codes_on DEVICE: of the first sentence, greedily, with plain kernels: fast ones round differently.
codes_on() {
    omni-tokenize "${sentences[0]}" | timeout 400 omni-thinker -d "$1" --precise -n 100 |
        timeout 400 omni-talker -d "$1" --precise --temp 0 -n 100 | omni-inspect -x codes
}

@test "parrot: greedy codes are the same on cpu and on vulkan" {
    driver_leaks
    codes_on vulkan >vulkan.npy
    codes_on cpu | cmp - vulkan.npy
}

@test "parrot is the default of what make install puts" {
    installed install "$T/root"
    (
        unset OMNI_MODEL
        PATH=$T/root/usr/bin:/usr/bin:/bin
        for file in {,tokenizer_,generation_}config.json model.safetensors vocab.json merges.txt LICENSES; do
            cmp "$ROOT/pipelines/parrot/$file" "$T/root/usr/share/omni/parrot/$file"
        done
        echo 'The quick brown fox.' | omni-tokenize | omni-thinker | omni-talker | omni-code2wav >fox.wav
        omni-listen -n 100 fox.wav >heard
        mostly heard "${sentences[0]}"
        omni-say -o - "${sentences[0]}" | omni-listen -n 100 >heard
        mostly heard "${sentences[0]}"
        [ "$(echo "${sentences[0]}" | omni-chat)" = "${sentences[0]}" ]
    )
}

@test "make demo: says TEXT, hears what it said; without weights one line and 66" {
    mkdir out
    for program in "$BUILD"/omni-*; do
        ln -s "$program" out
    done
    TEXT=${sentences[2]} OMNI_BUILD=out env -u OMNI_MODEL "$ROOT/tests/demo.sh" >heard
    [ "$(soxi -r out/demo.wav)" = 24000 ]
    mostly heard "${sentences[2]}"
    OMNI_BUILD=out env -u OMNI_MODEL "$ROOT/tests/demo.sh"
    mkdir -p bare/tests
    cp "$ROOT/tests/demo.sh" bare/tests
    OMNI_BUILD=out fails_with 66 env -u OMNI_MODEL bare/tests/demo.sh
    grep -q pipelines/parrot "$BATS_TEST_TMPDIR/err"
    [ ! -s "$BATS_TEST_TMPDIR/out" ]
}

# Sourced by the pipelines: the options they share, playing and recording. No output of its own.
# shellcheck shell=sh disable=SC2034,SC2154 # what is set here is used there, and $here comes from there

program=$(basename "$0")
PATH=$PATH:$here:$here/../build # the tools: there, if nowhere else
tool_flags= # for every stage
voice=
out=
words=0 # so many arguments at the end are known to be no options

die() {
    echo "$program: $1" >&2
    exit "${2:-64}"
}

# What -h does.
help() {
    usage || exit 74
    exit 0
}

# needs_value ARGS...: behind the option in front there is one more argument, which is its value.
needs_value() {
    [ $# -gt $((words + 1)) ] || die "$1 needs a value"
}

# common_option ARGS...: takes one option from the front of the arguments. $taken says how many
# arguments it was made of; returns 1 if it is none of ours.
common_option() {
    taken=2
    case $1 in
    -m | -d | -j | -s | -o | --voice) needs_value "$@" ;;
    esac
    case $1 in
    -m) export OMNI_MODEL="$2" ;;
    -d) export OMNI_DEVICE="$2" ;;
    -j | -s)
        case $2 in *[!0-9]* | '') die "$1 $2: not a whole number" ;; esac
        if [ "$1" = -s ]; then seed="-s $2"; else tool_flags="$tool_flags -j $2"; fi
        ;;
    -o) out=$2 ;;
    --voice)
        case $2 in *[!A-Za-z0-9_-]* | '') die "--voice $2: not a name" ;; esac
        voice="--voice $2"
        ;;
    --precise) tool_flags="$tool_flags --precise" taken=1 ;;
    -v) tool_flags="$tool_flags -v" taken=1 ;;
    *) return 1 ;;
    esac
}

# Sets $player to the shell command that plays the WAV on its standard input.
find_player() {
    if [ -n "${OMNI_PLAYER:-}" ]; then
        player=$OMNI_PLAYER
    elif command -v aplay >/dev/null; then
        player='aplay -q -'
    elif command -v pw-play >/dev/null; then
        player='pw-play -'
    else
        die "no player: install aplay or pw-play, set OMNI_PLAYER, or use -o FILE" 69
    fi
}

# Sets $recorder to the shell command that records 16 kHz mono WAV to its standard output until it
# is terminated or its input ends.
find_recorder() {
    if [ -n "${OMNI_RECORDER:-}" ]; then
        recorder=$OMNI_RECORDER
    elif command -v arecord >/dev/null; then
        recorder='exec arecord -q -f S16_LE -r 16000 -c 1 -t wav -'
    elif command -v pw-record >/dev/null; then
        recorder='exec pw-record --rate 16000 --channels 1 --format s16 -'
    else
        die "no recorder: install arecord or pw-record, or set OMNI_RECORDER" 69
    fi
}

# own_session COMMAND...: where the terminal's interrupts do not reach it, if the system can.
own_session() {
    if command -v setsid >/dev/null; then setsid "$@"; else "$@"; fi
}

# In a conversation an interrupt (Ctrl-C) ends the answer in every stage, and shells and player stay.
# A subshell forgets traps and has to ask again.
conversation=
survive() {
    [ -z "$conversation" ] || trap : INT
}

play() {
    survive
    if [ -n "$conversation" ]; then own_session sh -c "$player"; else sh -c "$player"; fi
}

# The last stage of a spoken pipe: codes to FILE (-o), or to the player. Arguments go to code2wav.
# Returns the code of omni-code2wav, which has that of any stage before it.
sound() {
    survive
    # shellcheck disable=SC2086 # lists of flags
    if [ -n "$out" ]; then
        omni-code2wav $tool_flags "$@" -o "$out"
        return
    fi
    # Descriptor 3 carries the code around the player.
    # shellcheck disable=SC2086
    code=$(survive && {
        { survive && omni-code2wav $tool_flags "$@" 3>&- && echo 0 >&3 || echo $? >&3; } |
            play >&2 3>&-
    } 3>&1)
    return "$code"
}

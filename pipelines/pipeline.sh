# Sourced by the pipelines: their options, playing and recording. No output of its own.
# shellcheck shell=sh disable=SC2034,SC2154 # what is set here is used there, and $here comes from there

program=$(basename "$0")
PATH=$PATH:$here:$here/../build # the tools: there, if nowhere else
tool_flags= # for every stage

die() {
    echo "$program: $1" >&2
    exit "${2:-64}"
}

# What -h and -V do.
help() {
    usage || exit 74
    exit 0
}

version() {
    said=$(omni-tokenize -V) || exit
    echo "$program ${said#* }" || exit 74
    exit 0
}

# What options set. Which of them a pipeline has it tells take_options.
prompt=
out=
voice=
seed=
limit=          # tokens of an answer
beams=          # that it is looked for with
context=        # the thinker's
talker_context= # as large, where that is more than the talker has unasked
speak=
silence=
turns=

# getopt(1) as it is anywhere else, whatever mode the environment asks for.
ordered() (
    unset POSIXLY_CORRECT GETOPT_COMPATIBLE
    getopt -n "$program" -o "$short" -l "$long" -- "$@"
)

# take_options SHORT LONG ARGS...: does the options among ARGS, which are those of every pipeline
# and SHORT and LONG, as for getopt(1). For what is behind them:
#   eval "set -- $args" && shift "$taken"
take_options() {
    short=m:d:j:s:vhV$1 long=precise,help,version,$2
    shift 2
    # Several wrong ones are still one line.
    args=$(ordered "$@" 2>/dev/null) || {
        ordered "$@" 2>&1 >/dev/null | head -n 1 >&2
        exit 64
    }
    eval "set -- $args"
    taken=$#
    while [ "$1" != -- ]; do
        case $1 in
        -h | --help) help ;;
        -V | --version) version ;;
        --speak) speak=1 && shift ;;
        --precise | -v) tool_flags="$tool_flags $1" && shift ;;
        *) take_value "$1" "$2" && shift 2 ;;
        esac
    done
    shift
    taken=$((taken - $#))
}

# take_value OPTION VALUE
take_value() {
    case $1 in
    -j | -n | -c | --beams | --silence | --turns)
        case $2 in '' | *[!0-9]* | 0?* | ??????????*) die "$1 $2: not a whole number below 10^9" ;; esac
        ;;
    -m | -d | -o | --voice) [ -n "$2" ] || die "$1 is followed by nothing" ;;
    esac
    case $1 in
    -m) export OMNI_MODEL="$2" ;;
    -d) export OMNI_DEVICE="$2" ;;
    -j) tool_flags="$tool_flags -j $2" ;;
    -s)
        case ${2#0[xX]} in '' | *[!0-9a-fA-F]*) die "-s $2: the seed is a whole number from 0 to 2^64-1" ;; esac
        seed="-s $2"
        ;;
    -p) prompt=$2 ;;
    -n) limit="-n $2" ;;
    --beams) beams="--beams $2" ;;
    -c)
        context="-c $2" talker_context=
        [ "$2" -le 8192 ] || talker_context=$context
        ;;
    -o) out=$2 ;;
    --voice)
        case $2 in *[!A-Za-z0-9_-]*) die "--voice $2: not a name" ;; esac
        voice="--voice $2"
        ;;
    --silence) silence=$2 ;;
    --turns) turns=$2 ;;
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

#!/usr/bin/env bats
# omni-inspect on streams: the list, .npy files, comparison; streams that are broken.

setup() {
    load lib
    T=$BATS_TEST_TMPDIR
    SMALL=$GOLDEN/stream/tiny-thinker-stop.in
    ANSWER=$GOLDEN/stream/tiny-thinker-stop.out
}

# Writes the stream $T/NAME from lines of Python that set `parts`, the frames after begin and turn.
stream() {
    {
        echo "from hostile import *"
        echo "LAST = None"
        echo "f32 = lambda *x: struct.pack('<%df' % len(x), *x)"
        echo "i32 = lambda *x: struct.pack('<%di' % len(x), *x)"
        echo "def rows(name, dtype, shape, data, seq=0, turn=0):"
        echo "    return frame(data, kind='tensor', turn=turn, name=name, dtype=dtype, shape=shape, seq=seq)"
        cat
        echo "parts = [BEGIN, TURN] + parts"
        echo "parts += [] if parts[-1] == LAST else [frame(kind='end', frames=len(parts))]"
        echo "open(sys.argv[1], 'wb').write(b''.join(parts))"
    } | PYTHONPATH=$ROOT/tests PYTHONDONTWRITEBYTECODE=1 python3 - "$T/$1"
}

# A stream most tests vary.
plain() {
    stream "$1" <<EOP
parts = [rows('x', 'f32', [1, 2], f32(1, 2)), rows('x', 'f32', [2, 2], f32(3, 4, 5, $2), 1),
         rows('tokens', 'i32', [1], i32(${3:-7})), frame('${4:-Grüße}'.encode(), kind='text', turn=0),
         frame(kind='done', turn=0, reason='${5:-stop}', tokens=1)]
EOP
}

@test "one JSON line a frame, with what the payload holds" {
    stream s <<'EOP'
parts = [rows('x', 'f32', [2, 2], f32(1, -2, float('nan'), float('inf'))),
         rows('codes', 'i32', [1, 2], i32(5, -6)),
         rows('half', 'f16', [2], struct.pack('<2e', 0.5, 1)), rows('brain', 'bf16', [1], b'\x80\x3f'),
         rows('bytes', 'u8', [2], b'\x01\xff'), rows('words', 'u16', [1], b'\xff\xff'),
         rows('none', 'f32', [0, 3], b''),
         frame('a "b"\né'.encode(), kind='text', turn=0), frame(b'\xff', kind='text', turn=0),
         frame(b'{"role": "user"}', kind='message'), frame(b'{"role"', kind='message'),
         frame(kind='note', x=None, big=2**64 - 1, deep=[{'a': [True, -1]}], y=float('nan')),
         frame(b'abc', kind='novelty'), frame(kind='error', turn=0, code=65, text='no'),
         frame(kind='done', turn=0, reason='stop', via={'prompt': 5})]
EOP
    run omni-inspect "$T/s"
    [ "$status" -eq 0 ]
    echo "$output"
    [ "${lines[0]}" = '{"kind":"begin","omni":1,"producer":"hostile","version":"0"}' ]
    [ "${lines[1]}" = '{"kind":"turn","turn":0,"continue":false}' ]
    [ "${lines[2]}" = '{"kind":"tensor","turn":0,"name":"x","dtype":"f32","shape":[2,2],"seq":0,"min":-2.0,"max":1.0,"mean":-0.5,"nan":1,"inf":1}' ]
    [ "${lines[3]}" = '{"kind":"tensor","turn":0,"name":"codes","dtype":"i32","shape":[1,2],"seq":0,"min":-6,"max":5,"mean":-0.5,"nan":0,"inf":0,"values":[5,-6]}' ]
    [[ "${lines[4]}" = *'"dtype":"f16",'*'"min":0.5,"max":1.0,"mean":0.75'* ]]
    [[ "${lines[5]}" = *'"dtype":"bf16",'*'"min":1.0,"max":1.0'* ]]
    [[ "${lines[6]}" = *'"dtype":"u8",'*'"values":[1,255]'* ]]
    [[ "${lines[7]}" = *'"dtype":"u16",'*'"values":[65535]'* ]]
    [[ "${lines[8]}" = *'"shape":[0,3],"seq":0,"min":null,"max":null,"mean":null,"nan":0,"inf":0}' ]]
    [ "${lines[9]}" = '{"kind":"text","turn":0,"text":"a \"b\"\né"}' ]
    [ "${lines[10]}" = '{"kind":"text","turn":0,"text":"�"}' ]
    [ "${lines[11]}" = '{"kind":"message","message":{"role":"user"}}' ]
    [ "${lines[12]}" = '{"kind":"message","message":"{\"role\""}' ]
    [[ "${lines[13]}" = '{"kind":"note","x":null,"big":1.8446744'*',"deep":[{"a":[true,-1]}],"y":null}' ]]
    [ "${lines[14]}" = '{"kind":"novelty","bytes":3}' ]
    [ "${lines[15]}" = '{"kind":"error","turn":0,"code":65,"text":"no"}' ]
    [ "${lines[16]}" = '{"kind":"done","turn":0,"reason":"stop","via":{"prompt":5}}' ]
    [ "${lines[17]}" = '{"kind":"end","frames":17}' ]
    [ "${#lines[@]}" -eq 18 ]
}

@test "keys of a map that are no text: integers as they are, others '?'" {
    stream s <<'EOP'
parts = [frame(kind='note', m={None: 1}, n={False: 2, 7: 3, -7: 4, 2**64 - 1: 5, b'\xff'.decode('latin1'): 6})]
EOP
    run omni-inspect "$T/s"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "${lines[2]}" = '{"kind":"note","m":{"?":1},"n":{"?":2,"7":3,"-7":4,"18446744073709551615":5,"ÿ":6}}' ]
}

@test "every golden stream is listed to its end, from a file and from a pipe" {
    for file in "$GOLDEN"/stream/*; do
        [ "$(head -c 1 "$file" | od -An -tx1)" = " 93" ] || continue # some are text or sound
        omni-inspect "$file" >"$T/list"
        tail -1 "$T/list" | grep -q '^{"kind":"end"'
    done
    omni-inspect - <"$ANSWER" >"$T/a"
    omni-inspect <"$ANSWER" | cmp - "$T/a"
    python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' "$T/a"
}

@test "a line comes out as soon as its frame has come in" {
    mkfifo "$T/in" "$T/list"
    timeout 20 omni-inspect "$T/in" >"$T/list" 3>&- &
    exec 8<"$T/list" 7>"$T/in"
    head -c 170 "$SMALL" >&7 # the first frames, and the beginning of another
    read -r -t 10 line <&8
    [[ "$line" = '{"kind":"begin"'* ]]
    tail -c +171 "$SMALL" >&7
    exec 7>&-
    tail -1 <&8 | grep -q '^{"kind":"end"'
    wait $!
}

@test "-x joins the rows of a tensor, of one turn or all, as .npy" {
    stream s <<'EOP'
parts = [rows('x', 'f32', [1, 2], f32(1, 2)), rows('x', 'f32', [2, 2], f32(3, 4, 5, 6), 1),
         rows('b', 'bf16', [2], b'\x80\x3f\x00\xc0'), frame(kind='turn', turn=1),
         rows('x', 'f32', [1, 2], f32(7, 8), 0, 1), rows('one', 'i32', [], i32(9), 0, 1)]
EOP
    npy() { # SHAPE DTYPE VALUES: what .npy holds them
        python3 -c 'import struct, sys
head = "{\x27descr\x27: \x27%s\x27, \x27fortran_order\x27: False, \x27shape\x27: (%s), }" % (sys.argv[2], sys.argv[1])
head += " " * (-(len(head) + 11) % 64) + "\n"
values = struct.pack("<%d%s" % (len(sys.argv) - 3, {"f": "f", "i": "i"}[sys.argv[2][1]]), *map(int, sys.argv[3:]))
sys.stdout.buffer.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + values)' "$@"
    }
    omni-inspect -x x "$T/s" | cmp - <(npy '4, 2,' '<f4' 1 2 3 4 5 6 7 8)
    omni-inspect -x x --turn 0 "$T/s" | cmp - <(npy '3, 2,' '<f4' 1 2 3 4 5 6)
    omni-inspect -x x --turn 1 <"$T/s" | cmp - <(npy '1, 2,' '<f4' 7 8)
    omni-inspect -x b "$T/s" | cmp - <(npy '2,' '<f4' 1 -2)
    omni-inspect -x one "$T/s" | cmp - <(npy '1,' '<i4' 9)
    fails_with 65 omni-inspect -x y "$T/s"
    fails_with 65 omni-inspect -x x --turn 2 "$T/s"
    grep -q "in that turn" "$BATS_TEST_TMPDIR/err"
    # What came before a cut is there.
    head -c $(($(stat -c %s "$T/s") - 1)) "$T/s" >"$T/cut"
    fails_with 76 omni-inspect -x x "$T/cut"
    cmp "$T/out" <(npy '4, 2,' '<f4' 1 2 3 4 5 6 7 8)
}

@test "-x takes tensors of a model too" {
    omni-inspect -x thinker.model.norm.weight "$GOLDEN/odd" >"$T/a.npy"
    [ "$(stat -c %s "$T/a.npy")" -eq $((128 + 48 * 4)) ]
    fails_with 65 omni-inspect -x thinker.nothing "$GOLDEN/odd"
}

@test "-x refuses rows that do not go together" {
    stream s <<<"parts = [rows('x', 'f32', [1, 2], f32(1, 2)), rows('x', 'f32', [1, 1], f32(3), 1)]"
    fails_with 65 omni-inspect -x x "$T/s"
    stream s <<<"parts = [rows('x', 'f32', [1], f32(1)), rows('x', 'i32', [1], i32(3), 1)]"
    fails_with 65 omni-inspect -x x "$T/s"
    fails_with 65 omni-inspect -c "$ANSWER" "$T/s"
}

@test "-c: a stream equals itself, however its rows are framed" {
    omni-inspect -c "$ANSWER" "$ANSWER"
    plain a 6
    stream b <<'EOP'
parts = [frame('Grü'.encode(), kind='text', turn=0), rows('tokens', 'i32', [1], i32(7)),
         rows('x', 'f32', [3, 2], f32(1, 2, 3, 4, 5, 6)), frame('ße'.encode(), kind='text', turn=0),
         frame(kind='note', turn=0, seconds=3.5), frame(kind='done', turn=0, reason='stop', tokens=99)]
EOP
    [ -z "$(omni-inspect -c "$T/a" "$T/b")" ]
    [ -z "$(omni-inspect -c "$T/a" <"$T/b")" ]
}

# differs N WORDS ARGS...: omni-inspect exits 1, says N things, and WORDS is part of them.
differs() {
    local n=$1 words=$2 code=0
    shift 2
    omni-inspect "$@" >"$T/differences" || code=$?
    cat "$T/differences"
    [ "$code" -eq 1 ] && [ "$(wc -l <"$T/differences")" -eq "$n" ] && grep -qF -- "$words" "$T/differences"
}

@test "-c names each difference in a line" {
    plain a 6
    plain b 6.5
    differs 1 "turn 0 x: relative difference 0.0524, most in row 2, column 1: 6.5, expected 6" -c "$T/a" "$T/b"
    plain b 6 8
    differs 1 "turn 0 tokens: row 0, column 0: 8, expected 7, and 0 more" -c "$T/a" "$T/b"
    plain b 6 7 'Gr\nu'
    differs 1 "turn 0 text: 'Gr?u', expected 'Grüße' (from byte 2 on)" -c "$T/a" "$T/b"
    plain b 6 7 Grüße length
    differs 1 "turn 0 done: 'length', expected 'stop'" -c "$T/a" "$T/b"
    stream b <<<"parts = []"
    differs 4 "turn 0 x: missing" -c "$T/a" "$T/b"
    differs 4 "turn 0 x: not expected" -c "$T/b" "$T/a"
    stream b <<<"parts = [rows('x', 'f32', [3, 1], f32(1, 2, 3))]"
    differs 4 "turn 0 x: shape [3, 1], expected [3, 2]" -c "$T/a" "$T/b"
    stream b <<<"parts = [rows('x', 'i32', [3, 2], i32(1, 2, 3, 4, 5, 6))]"
    differs 4 "turn 0 x: dtype i32, expected f32" -c "$T/a" --tol 1 "$T/b"
    stream b <<<"parts = [frame(kind='error', turn=0, text='oh', code=65)]"
    differs 5 "turn 0 error: not expected" -c "$T/a" "$T/b"
}

@test "--tol bounds the relative difference, --subset what is compared" {
    plain a 6
    plain b 6.0005
    differs 1 "relative difference 5.24e-05" -c "$T/a" --tol 5.2e-5 "$T/b"
    omni-inspect -c "$T/a" --tol 5.3e-5 "$T/b"
    stream more <<'EOP'
parts = [rows('x', 'f32', [3, 2], f32(1, 2, 3, 4, 5, 6)), rows('y', 'f32', [1], f32(1))]
EOP
    stream less <<<"parts = [rows('x', 'f32', [3, 2], f32(1, 2, 3, 4, 5, 6))]"
    omni-inspect -c "$T/less" --subset "$T/more"
    differs 1 "turn 0 y: not expected" -c "$T/less" "$T/more"
    differs 1 "turn 0 y: missing" -c "$T/more" --subset "$T/less"
    # Whatever the tolerance, NaN is no number, and integers are exact.
    stream b <<<"parts = [rows('x', 'f32', [3, 2], f32(1, 2, 3, 4, 5, float('nan')))]"
    differs 1 "row 2, column 1: nan, expected 6" -c "$T/less" --tol 1e9 "$T/b"
    plain b 6 8
    differs 1 "turn 0 tokens" -c "$T/a" --tol 1e9 "$T/b"
    # bf16 against f32 is a matter of tolerance.
    stream b <<<"parts = [rows('x', 'bf16', [1, 2], b'\x80\x3f\x00\x40')]"
    stream a <<<"parts = [rows('x', 'f32', [1, 2], f32(1, 2))]"
    differs 1 "dtype bf16, expected f32" -c "$T/a" "$T/b"
    omni-inspect -c "$T/a" --tol 1e-9 "$T/b"
    omni-inspect -v -c "$T/a" --tol 1e-9 "$T/b" 2>&1 | grep -qx 'turn 0 x: 0'
}

@test "a stream that ends with an error is whole, and says so" {
    stream e <<<"parts = [frame(kind='error', code=71, text='out of memory')]; LAST = parts[-1]"
    run omni-inspect "$T/e"
    [ "$status" -eq 0 ]
    [ "${lines[2]}" = '{"kind":"error","code":71,"text":"out of memory"}' ]
    [ "${#lines[@]}" -eq 3 ]
    cat "$T/e" "$T/e" >"$T/twice"
    fails_with 76 omni-inspect "$T/twice"
}

@test "cut at any byte: what came before is shown, 76, one line" {
    every_cut "$SMALL" omni-inspect
    frames=$(omni-inspect "$SMALL" | wc -l)
    head -c $(($(stat -c %s "$SMALL") - 1)) "$SMALL" >"$T/cut"
    fails_with 76 omni-inspect "$T/cut"
    [ "$(wc -l <"$T/out")" -eq $((frames - 1)) ]
    fails_with 76 omni-inspect -c "$SMALL" "$T/cut"
    fails_with 76 omni-inspect -c "$T/cut" "$SMALL"
}

@test "hostile frames are refused: 76 or 65, one line, no hang" {
    every_hostile omni-inspect
    [ "$(wc -l <"$T/cases")" -gt 60 ]
    cat "$SMALL" "$SMALL" >"$T/twice"
    fails_with 76 omni-inspect "$T/twice"
    grep -q 'a frame after the last one' "$T/err"
}

@test "wrong usage is 64, a missing file 66, a closed reader 141 without a word" {
    fails_with 64 omni-inspect "$SMALL" "$SMALL"
    fails_with 64 omni-inspect -x x -c "$SMALL" "$SMALL"
    fails_with 64 omni-inspect --tol 1 "$SMALL"
    fails_with 64 omni-inspect --subset "$SMALL"
    fails_with 64 omni-inspect -c "$SMALL" --tol=-1 "$SMALL"
    fails_with 64 omni-inspect -c "$SMALL" --tol nan "$SMALL"
    fails_with 64 omni-inspect --turn 0 "$SMALL"
    fails_with 64 omni-inspect -x x --turn=-2 "$SMALL"
    fails_with 64 omni-inspect --no-such-option
    fails_with 64 omni-inspect -c "$SMALL" "$GOLDEN/tiny"
    fails_with 64 omni-inspect -m "$GOLDEN/tiny" "$SMALL"
    fails_with 66 omni-inspect "$T/nothing"
    fails_with 66 omni-inspect -c "$T/nothing" "$SMALL"
    fails_with 66 omni-inspect -m "$T"
    # A reader that has gone before the first line.
    mkfifo "$T/fifo"
    : <"$T/fifo" 3>&- &
    (
        exec >"$T/fifo"
        wait
        sleep 0.2
        code=0
        omni-inspect "$ANSWER" 2>"$T/err" || code=$?
        [ "$code" -eq 141 ] && [ ! -s "$T/err" ]
    )
    # shellcheck disable=SC2016 # for the inner shell
    fails_with 74 sh -c 'omni-inspect "$0" >/dev/full' "$ANSWER"
}

# Sound files to log-mel rows; the programs print what they checked when one fails.
load lib

@test "sound: log-mel features against reference values and a written-out Fourier sum" {
    "$BUILD/tests/sound/mel"
}

@test "sound: files, pipes, mixing, resampling, refusals" {
    "$BUILD/tests/sound/file"
}

@test "sound: a clip in blocks" {
    "$BUILD/tests/sound/clip"
}

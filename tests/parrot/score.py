"""How well parrot repeats: a folder of sound files and their texts, judged.

    python3 score.py TEXTS FOLDER [--teacher FOLDER] [--ears whisper] [--heard FILE] [--said FILE]

TEXTS has a sentence a line; FOLDER holds 0.wav, 1.wav, ... in the same order; --teacher the same
from the teacher; --heard what parrot itself heard in FOLDER, a line each; --said what parrot's thinker
answered. Prints one JSON object. Word error rate: edit distance of lower-case words without
punctuation, over all words of all texts. Loudness: ITU-R BS.1770 (pyloudnorm).
"""

import argparse
import json
import pathlib
import re

import numpy as np
import pyloudnorm
import soundfile
from recognise import RECOGNISERS, read


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower().replace("-", " "))


def edits(a, b):
    """Insertions, deletions and substitutions from a to b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def word_error_rate(texts, heard):
    errors = sum(edits(words(t), words(h)) for t, h in zip(texts, heard, strict=True))
    return round(errors / sum(len(words(t)) for t in texts), 4)


def sound_facts(path):
    sound, rate = soundfile.read(path, dtype="float32")
    meter = pyloudnorm.Meter(rate, block_size=min(0.4, len(sound) / rate))
    return {
        "seconds": len(sound) / rate,
        "lufs": meter.integrated_loudness(sound),
        "peak": float(np.abs(sound).max()),
        "clipped": int((np.abs(sound) >= 0.999).sum()),
        "dc": float(abs(sound.mean())),
    }


def files(folder, count):
    return [folder / f"{i}.wav" for i in range(count)]


def judge(texts, folder, ears):
    facts = [sound_facts(path) for path in files(folder, len(texts))]
    heard = [ears(read(path)) for path in files(folder, len(texts))]
    loudness = [f["lufs"] for f in facts]
    return facts, {
        "wer": word_error_rate(texts, heard),
        "lufs": {"least": round(min(loudness), 1), "most": round(max(loudness), 1)},
        "peak": round(max(f["peak"] for f in facts), 3),
        "clipped samples": sum(f["clipped"] for f in facts),
        "dc": round(max(f["dc"] for f in facts), 5),
    }


def lines_of(path):
    return path.read_text().splitlines()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--teacher", type=pathlib.Path)
    parser.add_argument("--ears", choices=RECOGNISERS, default="whisper")
    parser.add_argument("--heard", type=pathlib.Path)
    parser.add_argument("--said", type=pathlib.Path)
    options = parser.parse_args()
    texts, ears = lines_of(options.texts), RECOGNISERS[options.ears]()
    facts, result = judge(texts, options.folder, ears)
    if options.teacher:
        model, result["teacher"] = judge(texts, options.teacher, ears)
        ratios = [f["seconds"] / m["seconds"] for f, m in zip(facts, model)]
        result["length ratio"] = {"mean": round(np.mean(ratios), 3), "most": round(max(ratios), 3)}
    if options.heard:
        result["own wer"] = word_error_rate(texts, lines_of(options.heard))
    if options.said:
        said = lines_of(options.said)
        result["repeated exactly"] = sum(t == s for t, s in zip(texts, said, strict=True))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

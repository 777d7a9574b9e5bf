"""How well parrot repeats: what repeat.sh made of a text, judged.

    python3 score.py FOLDER... [--teacher FOLDER] [--ears whisper sphinx]

FOLDER is repeat.sh's OUT; --teacher holds the same sentences as the teacher says them (held_out.py)
and what parrot heard of those (hear.sh). Prints a JSON object for the teacher and for each FOLDER,
and writes FOLDER/each.tsv, a line a sentence. Word error rates are those of words.py. Loudness: ITU-R
BS.1770 (pyloudnorm).
"""

import argparse
import json
import pathlib

import numpy as np
import pyloudnorm
import soundfile
from recognise import RECOGNISERS, read
from words import error_rate, errors


def sound_facts(path):
    sound, rate = soundfile.read(path, dtype="float32")
    if len(sound) == 0:
        return {"seconds": 0.0, "lufs": -70.0, "peak": 0.0, "clipped": 0, "dc": 0.0}
    meter = pyloudnorm.Meter(rate, block_size=min(0.4, len(sound) / rate))
    return {
        "seconds": len(sound) / rate,
        "lufs": max(-70.0, meter.integrated_loudness(sound)),
        "peak": float(np.abs(sound).max()),
        "clipped": int((np.abs(sound) >= 0.999).sum()),
        "dc": float(abs(sound.mean())),
    }


def answers(path):
    """The texts of a file that omni-detokenize --json wrote; a lost turn has said nothing."""
    return [json.loads(line).get("text", "").strip() for line in path.open()]


class Voice:
    """A folder of sounds, and what they are heard as."""

    def __init__(self, folder, texts, ears):
        files = [folder / f"{i}.wav" for i in range(len(texts))]
        self.texts = texts
        self.facts = [sound_facts(path) for path in files]
        self.heard = {name: [ear(read(path)) for path in files] for name, ear in ears.items()}
        self.heard["parrot"] = answers(folder / "heard.json")

    def summary(self):
        loudness = [f["lufs"] for f in self.facts]
        return {
            "wer": {name: error_rate(self.texts, heard) for name, heard in self.heard.items()},
            "lufs": {"least": round(min(loudness), 1), "most": round(max(loudness), 1)},
            "peak": round(max(f["peak"] for f in self.facts), 3),
            "clipped samples": sum(f["clipped"] for f in self.facts),
            "dc": round(max(f["dc"] for f in self.facts), 5),
        }


def ratio_facts(ratios):
    return {
        "mean": round(float(np.mean(ratios)), 3),
        "least": round(min(ratios), 3),
        "most": round(max(ratios), 3),
        "beyond a quarter": sum(not 0.75 <= r <= 1.25 for r in ratios),
    }


def write_each(path, texts, columns):
    """Sentences as rows: numbers and texts of `columns`, {name: list}."""
    with path.open("w") as out:
        print(*columns, "text", sep="\t", file=out)
        for *row, text in zip(*columns.values(), texts, strict=True):
            cells = [f"{x:.3f}" if isinstance(x, float) else str(x) for x in row]
            print(*cells, text, sep="\t", file=out)


def judge(folder, ears, teacher):
    """A folder as the object that is printed; `teacher` is a Voice or None."""
    texts = (folder / "texts.txt").read_text().splitlines()
    said = answers(folder / "said.json")
    spoken = [json.loads(line) for line in (folder / "spoken.json").open()]
    voice = Voice(folder, texts, ears)
    exact = [t == s for t, s in zip(texts, said, strict=True)]
    result = {
        "folder": str(folder),
        "sentences": len(texts),
        "repeated exactly": sum(exact),
        "speech ended by itself": sum(s["reason"] == "stop" for s in spoken),
        **voice.summary(),
    }
    each = {"exact": exact, "frames": [s["frames"] for s in spoken]}
    if teacher:
        pairs = zip(voice.facts, teacher.facts, strict=True)
        each["ratio"] = [f["seconds"] / t["seconds"] for f, t in pairs]
        result["length ratio"] = ratio_facts(each["ratio"])
    for name, heard in voice.heard.items():
        each[f"{name} errors"] = [errors(t, h) for t, h in zip(texts, heard)]
        each[name] = [" ".join(h.split()) for h in heard]
    each["lufs"] = [f["lufs"] for f in voice.facts]
    write_each(folder / "each.tsv", texts, each)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=pathlib.Path, nargs="+")
    parser.add_argument("--teacher", type=pathlib.Path)
    parser.add_argument("--ears", choices=RECOGNISERS, nargs="+", default=["whisper"])
    options = parser.parse_args()
    ears, teacher = {name: RECOGNISERS[name]() for name in options.ears}, None
    if options.teacher:
        texts = (options.teacher / "texts.txt").read_text().splitlines()
        teacher = Voice(options.teacher, texts, ears)
        print(json.dumps({"teacher": str(options.teacher), **teacher.summary()}, indent=1))
    for folder in options.folders:
        print(json.dumps(judge(folder, ears, teacher), indent=1), flush=True)


if __name__ == "__main__":
    main()

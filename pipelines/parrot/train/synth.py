"""The teacher speaks the sentences, on all cores, for some minutes.

    python3 synth.py text.jsonl TEACHER OUT --minutes 5 --workers 16 [--varied]

Writes OUT/NNNNN.npz, a shard of SHARD lines each: pcm i16 24 kHz, `ends` of the utterances, `line` of
each, at 50 Hz (four a frame of 80 ms) phoneme `labels` u8 and `places` u16, the character of the line that
is being spoken. Shards that are there already
are kept, so a second call goes on where the first stopped. Sound is trimmed, levelled, and padded
to whole frames. --varied: other speeds and more chance, for ears rather than for the mouth.
"""

import argparse
import json
import multiprocessing
import pathlib
import time

import numpy as np
from scipy.signal import resample_poly

RATE, FRAME, LABEL = 24000, 1920, 480
TEACHER_RATE, HOP = 22050, 256
SHARD = 50
LEVEL = 0.12  # RMS of what is louder than the gate: about -20.5 LUFS with this voice
GATE = 0.25  # of the RMS
PAUSE, LEAD, TAIL = 0.25, 0.06, 0.16  # seconds between sentences, before and after speech
STEADY = {"noise": 0.333, "width": 0.333, "length": 1.0}


class Teacher:
    def __init__(self, folder):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(folder / "voice.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, ids, noise, length, width):
        """(sound at RATE, for each 20 ms which of the ids is spoken)"""
        sound, lengths = self.session.run(
            None,
            {
                "input": ids[None].astype(np.int64),
                "input_lengths": np.array([len(ids)]),
                "scales": np.array([noise, length, width], np.float32),
            },
        )
        sound = resample_poly(sound.ravel(), 160, 147).astype(np.float32)
        ends = np.cumsum(lengths.ravel()) * HOP / TEACHER_RATE
        middles = (np.arange(len(sound) // LABEL) + 0.5) * LABEL / RATE
        spoken = np.searchsorted(ends, middles).clip(max=len(ids) - 1)
        blank = ids[spoken] == 0  # between two phonemes: counts for the one before
        return sound, np.where(blank, np.maximum(spoken - 1, 0), spoken)


def active(sound, size=LABEL):
    """Which 20 ms are louder than the gate, and the RMS of those."""
    energy = np.sqrt(np.mean(sound[: len(sound) // size * size].reshape(-1, size) ** 2, axis=1))
    loud = energy > GATE * np.sqrt(np.mean(sound**2))
    return loud, np.sqrt(np.mean(energy[loud] ** 2))


def trim(sound, spoken, lead, tail):
    """Speech between `lead` and `tail` seconds of quiet, cut where a label starts."""
    loud = np.flatnonzero(active(sound)[0])
    start = max(0, loud[0] - round(lead * RATE / LABEL))
    end = min(len(spoken), loud[-1] + 1 + round(tail * RATE / LABEL))
    return sound[start * LABEL : end * LABEL], spoken[start:end]


def softened(sound, knee=0.6, top=0.9):
    """Peaks over the knee pressed under the top, smoothly."""
    over = np.maximum(np.abs(sound) - knee, 0)
    pressed = knee + (top - knee) * np.tanh(over / (top - knee))
    return np.where(over > 0, np.sign(sound) * pressed, sound)


def speak(teacher, rows, manner):
    """One line of text: its sentences in a row, as (i16 [frames * FRAME], labels, places)."""
    sounds, labels, places = [], [], []
    pause = round(PAUSE * RATE / LABEL)
    for number, (ids, place) in enumerate(rows):
        sound, spoken = trim(*teacher(ids, **manner), LEAD, TAIL)
        if number:
            sounds.append(np.zeros(pause * LABEL, np.float32))
            labels.append(np.zeros(pause, np.uint8))
            places.append(np.full(pause, place[0]))
        sounds.append(sound)
        labels.append(ids[spoken])
        places.append(place[spoken])
    sound, label, place = map(np.concatenate, (sounds, labels, places))
    sound = softened((sound - sound.mean()) * (LEVEL / active(sound)[1]))
    frames = -(-len(sound) // FRAME)
    sound = np.pad(sound, (0, frames * FRAME - len(sound)))
    room = (0, frames * FRAME // LABEL - len(label))
    return np.round(sound * 32767).astype(np.int16), np.pad(label, room), np.pad(place, room, "edge")


def shard(teacher, path, lines, rows_of, varied):
    random_ = np.random.default_rng(int(path.stem))
    sounds, labels, places, kept = [], [], [], []
    for line in lines:
        manner = STEADY
        if varied:
            manner = {"noise": 0.667, "width": 0.8, "length": random_.uniform(0.8, 1.25)}
        try:
            sound, label, place = speak(teacher, rows_of[line], manner)
        except IndexError:  # nothing was louder than the gate
            continue
        sounds.append(sound)
        labels.append(label)
        places.append(place)
        kept.append(line)
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        pcm=np.concatenate(sounds),
        ends=np.cumsum([len(s) for s in sounds]),
        line=np.array(kept),
        labels=np.concatenate(labels).astype(np.uint8),
        places=np.concatenate(places).astype(np.uint16),
    )
    part.rename(path)


def work(folder, out, todo, rows_of, deadline, varied):
    teacher = Teacher(folder)
    for number, lines in todo:
        if time.time() > deadline:
            return
        path = out / f"{number:05d}.npz"
        if not path.exists():
            shard(teacher, path, lines, rows_of, varied)


def load_rows(folder):
    """{line: [(phoneme ids, places) of each of its sentences]}"""
    with np.load(folder / "phonemes.npz") as stored:
        ids, places, ends, lines = (stored[name] for name in ("ids", "places", "ends", "line"))
    rows_of, start = {}, 0
    for end, line in zip(ends, lines):
        rows_of.setdefault(int(line), []).append((ids[start:end], places[start:end]))
        start = end
    return rows_of


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--lines", type=int, help="only the first so many")
    parser.add_argument("--varied", action="store_true")
    options = parser.parse_args()
    deadline = time.time() + 60 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    rows_of = load_rows(options.teacher)
    numbers = range(len(options.text.read_text().splitlines()))[: options.lines]
    todo = [
        (i // SHARD, [n for n in numbers[i : i + SHARD] if n in rows_of])
        for i in range(0, len(numbers), SHARD)
    ]
    workers = [
        multiprocessing.Process(
            target=work,
            args=(
                options.teacher,
                options.out,
                todo[w :: options.workers],
                rows_of,
                deadline,
                options.varied,
            ),
        )
        for w in range(options.workers)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = (
        sum(int(np.load(p)["ends"][-1]) for p in sorted(options.out.glob("[0-9]*[0-9].npz"))) / RATE
    )
    print(json.dumps({"hours": round(seconds / 3600, 3)}))


if __name__ == "__main__":
    main()

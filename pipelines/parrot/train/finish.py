"""What the teacher said, made into what is learnt from: trimmed, levelled, labelled, in shards."""

import math

import numpy as np

from vits import HOP
from vits import RATE as TEACHER_RATE

RATE, FRAME, LABEL = 24000, 1920, 480
RATIO = RATE // math.gcd(RATE, TEACHER_RATE), TEACHER_RATE // math.gcd(RATE, TEACHER_RATE)
LEVEL = 0.12  # RMS of what is louder than the gate: about -20.5 LUFS with this voice
GATE = 0.25  # of the RMS
PAUSE, LEAD, TAIL = 0.25, 0.06, 0.16  # seconds between sentences, before and after speech


def samples(frames):
    """At RATE, of `frames` of the teacher's."""
    return -(-int(frames) * HOP * RATIO[0] // RATIO[1])


def spoken_of(ids, ends, n):
    """For each of n labels which of the ids is spoken; a blank counts for the one before."""
    middles = (np.arange(n) + 0.5) * LABEL / RATE
    spoken = np.searchsorted(ends * HOP / TEACHER_RATE, middles).clip(max=len(ids) - 1)
    return np.where(ids[spoken] == 0, np.maximum(spoken - 1, 0), spoken)


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


def utterance(rows, said):
    """One line of text, its sentences in a row: (i16 [frames * FRAME], labels, places). `rows`: (ids,
    places), `said`: (sound i16, ends) of each."""
    sounds, labels, places = [], [], []
    pause = round(PAUSE * RATE / LABEL)
    for number, ((ids, place), (sound, ends)) in enumerate(zip(rows, said)):
        sound = sound.astype(np.float32) / 32767
        sound, spoken = trim(sound, spoken_of(ids, ends, len(sound) // LABEL), LEAD, TAIL)
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


def shard(path, lines, rows, said):
    """Writes the lines, of which `rows` and `said` are as above."""
    made, kept = [], []
    for line, *of_line in zip(lines, rows, said):
        try:
            made.append(utterance(*of_line))
            kept.append(line)
        except IndexError:  # nothing was louder than the gate
            continue
    sounds, labels, places = zip(*made)
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


def seconds(folder):
    """Of all shards."""
    ends = (np.load(path)["ends"] for path in sorted(folder.glob("[0-9]*[0-9].npz")))
    return sum(int(end[-1]) for end in ends) / RATE

"""Sounds that nobody makes: what the thinker shall hear of a text, from its phonemes alone.

Words come too seldom in speech for their spelling to be learnt from it. So in other lessons rows of a table
stand for the audio encoder's rows, four phonemes each, and the encoder is asked to come near to what the table
has for the phonemes that are really spoken. Some phonemes are wrong, as they are when speech is not clear.
"""

import re

import numpy as np
import torch

import batches
import parrot
from choices import COLUMNS, LENGTHS
from clips import SPOTS, spots
from spelling import N_PHONEMES

VOWELS = (14, 18, 21, 27, 33, 39, 50, 51, 54, 59, 60, 61, 62, 74, 100, 102, 128)  # of American English, piper's ids
CONSONANTS = (15, 17, 19, 20, 22, 23, 24, 25, 26, 28, 31, 32, 34, 35, 38, 41, 44, 66, 88, 92, 96, 108, 126)
WRONG = (0, 0, 0.03, 0.06, 0.1, 0.15)  # shares of phonemes that are others, one is chosen for each text
LENGTHS_OF_TEXT = (30, 60, 90, 120, 170)  # characters, at most
STOP, COMMA = re.compile(r"[.!?]"), re.compile(r"[,;:]")


class Voice(torch.nn.Module):
    """Rows [..., D] for phonemes [..., SPOTS]."""

    def __init__(self, size):
        super().__init__()
        self.table = torch.nn.Parameter(0.1 * torch.randn(SPOTS * N_PHONEMES, size))

    def forward(self, phonemes):
        spots = N_PHONEMES * torch.arange(SPOTS, device=phonemes.device)
        rows = self.table.index_select(0, (phonemes.long() + spots).flatten())
        return rows.view(*phonemes.shape, -1).sum(-2)


def apart(heard, voiced, there):
    """How far rows [B, T, D] are from one another where they are there [B, T], for their size: 0 to about 1."""
    there = there[..., None]
    square = ((heard.float() - voiced.float()) ** 2 * there).sum()
    size = ((heard.detach().float() ** 2 + voiced.detach().float() ** 2) * there).sum()
    return square / size.clamp(min=1e-6)


def misheard(sounds, random_):
    """Phonemes of which a share is another vowel or another consonant."""
    share, out = random_.choice(WRONG), list(sounds)
    for i, sound in enumerate(out):
        if random_.random() < share:
            out[i] = random_.choice(VOWELS if sound in VOWELS else CONSONANTS)
    return out


def rest(between, random_):
    """Labels of silence where the text has that between two phonemes."""
    if STOP.search(between):
        return random_.randrange(8, 20)
    if COMMA.search(between):
        return random_.randrange(10)
    return random_.choice((0, 1, 2, 2, 3)) if " " in between else 0


def spoken(text, sounds, places, random_):
    """Phonemes as labels of 20 ms, with pauses where the text has them."""
    pace, labels, before = random_.uniform(0.8, 1.25), [0] * random_.randrange(12), 0
    for sound, place in zip(misheard(sounds.tolist(), random_), places.tolist()):
        lasts = random_.choice((3, 4, 4, 5, 6, 7, 8) if sound in VOWELS else (2, 2, 3, 3, 4, 5))
        labels += [0] * rest(text[before:place], random_) + [sound] * max(1, round(pace * lasts))
        before = place
    return labels + [0] * random_.randrange(8)


def lesson(chat, spelling, random_):
    """(ids, labels, phonemes [T, SPOTS]) of a text that is to be written down."""
    while True:
        text, sounds, places = spelling.lesson(random_, random_.choice(LENGTHS_OF_TEXT))
        said = np.array(spoken(text, sounds, places, random_), np.uint8)
        if 2 * len(said) <= COLUMNS[-1]:
            break
    n_rows = int(parrot.n_rows(torch.tensor(2 * len(said))))
    phonemes = said[(spots(n_rows) // 2).clip(max=len(said) - 1)]
    ids, labels = batches.sound_row(chat, chat.encode(text), n_rows, random_)
    return ids, labels, phonemes


def lesson_batch(chat, lessons):
    """Tensors ids, labels, places [B, S] and phonemes [B, T, SPOTS]."""
    longest = max(len(phonemes) for _, _, phonemes in lessons)
    width = batches.shortest(COLUMNS, -(-longest // 13) * 100)
    longest = 13 * width // 100
    batch = batches.text_batch(
        [(ids, labels) for ids, labels, _ in lessons],
        batches.shortest(LENGTHS, max(len(ids) for ids, _, _ in lessons)),
    )
    batch["places"] = batches.sound_places(chat, batch["ids"], longest)
    phonemes = [np.pad(p, ((0, longest - len(p)), (0, 0))) for _, _, p in lessons]
    batch["phonemes"] = torch.from_numpy(np.stack(phonemes))
    return batch

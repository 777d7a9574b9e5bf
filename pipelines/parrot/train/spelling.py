"""Which phonemes each token stands for: lessons without sound.

The talker is to know how words are pronounced, thousands of which it hears only a few times. teacher.py has the
phonemes of every line and the character that each belongs to; so of any words of the lines, in any order, it
is known which phonemes are a token's, SLOTS at most.
"""

import re

import numpy as np

from run import IGNORED

SLOTS = 8  # phonemes of a token
LOOK = 2  # so many tokens later it is asked for them: what a letter stands for, the next ones tell
N_PHONEMES = 160
# Of piper's phoneme ids: blanks and punctuation, marks of stress and of length.
BLANKS, STRESS, LONG = range(14), range(120, 122), range(122, 124)
WORD = re.compile(r"[A-Za-z][A-Za-z']*")
LONGEST = 170  # characters of a lesson, at most


class Spelling:
    """Of line number i of `texts`: phonemes sounds[starts[i] : starts[i + 1]], at the characters places[...] alike."""

    def __init__(self, path, texts, n_held_out):
        with np.load(path) as stored:
            ids, places, ends, line = (stored[n] for n in ("ids", "places", "ends", "line"))
        lengths = np.diff(ends, prepend=0)
        within = np.arange(len(ids)) - np.repeat(ends - lengths, lengths)
        # A row is begin, blank, then each phoneme and a blank, end.
        there = (within >= 2) & (within % 2 == 0) & (within < np.repeat(lengths, lengths) - 1)
        there &= ~np.isin(ids, [*BLANKS, *STRESS, *LONG])
        self.texts, self.sounds, self.places = texts, ids[there], places[there].astype(np.int32)
        of_line = np.repeat(line, lengths)[there]
        self.starts = np.searchsorted(of_line, np.arange(line[-1] + 2))
        self.lines = range(n_held_out, int(line[-1]) + 1)
        self.words = self._words()

    def _words(self):
        """Every word that there is, once: (line, its characters from, to)."""
        found = {}
        for line in self.lines:
            for match in WORD.finditer(self.texts[line]):
                found.setdefault(match[0], (line, *match.span()))
        return list(found.values())

    def cut(self, line, a, b):
        """(text, phonemes, characters of it) of characters a .. b of a line."""
        first, end = self.starts[line], self.starts[line + 1]
        here = self.places[first:end]
        inside = (here >= a) & (here < b)
        return self.texts[line][a:b], self.sounds[first:end][inside], here[inside] - a

    def lesson(self, random_, longest=LONGEST):
        """The same of some lines, or of words in any order, each word as often as any other; of `longest` characters,
        or one line or word."""
        text, sounds, places, lines = "", [], [], random_.random() < 0.5
        while True:
            if lines:
                line, a = random_.choice(self.lines), 0
                b = len(self.texts[line])
            else:
                line, a, b = random_.choice(self.words)
            more, heard, at = self.cut(line, a, b)
            if text and len(text) + len(more) >= longest:
                return text, np.concatenate(sounds), np.concatenate(places)
            text += " " if text else ""
            sounds.append(heard)
            places.append(at + len(text))
            text += more


def of_tokens(ends, sounds, places):
    """[tokens, SLOTS]: the phonemes of each token, then 0, then IGNORED; `ends` [tokens] are characters."""
    token = np.searchsorted(ends, places, side="right").clip(max=len(ends) - 1)
    counts = np.bincount(token, minlength=len(ends))
    slot = np.arange(len(token)) - np.repeat(np.cumsum(counts) - counts, counts)
    out = np.full((len(ends), SLOTS + 1), IGNORED, np.int32)
    kept = slot < SLOTS
    out[token[kept], slot[kept]] = sounds[kept]
    out[np.arange(len(ends)), counts.clip(max=SLOTS)] = 0
    return out[:, :SLOTS]

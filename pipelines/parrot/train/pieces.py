"""Utterances put together anew: cut where the teacher pauses between two sentences, sentences of different
utterances follow each other, so that no long context comes twice.

Between two sentences the teacher is quiet for PAUSE (finish.py), and those frames have the place of the first
character after the pause. Sound dies away in the first of them, the second is silent, and the next sentence may begin
within the last. So the first goes with the sentence before, the others with the one after. A sentence that ended or began its
utterance gets the frames that it lacks from other pauses: the first from one where the same code 0 came before.
"""

import collections
import re

import numpy as np

from finish import PAUSE
from text import words_of

QUIET = round(PAUSE * 12.5)  # frames of a pause
AFTER_SENTENCE = re.compile(r"(?<=[.!?])[\"')]*\s+")
ENDED = re.compile(r"[.!?][\"')]*$")
COUNTS = (1, 2, 2, 3, 3, 4)  # sentences, one of them is chosen
COMMON = 30  # lines in which a word stands that is common


def cuts(text, places):
    """(frame, character) of each pause between sentences, from the places [F] of the frames: there the teacher
    stands still."""
    found, last = [], 0
    for match in AFTER_SENTENCE.finditer(text):
        frame = int(np.searchsorted(places, match.end()))
        still = places[frame : frame + QUIET]
        room = last + 2 * QUIET < frame < len(places) - 2 * QUIET
        if room and still[0] == still[-1] and match.end() < len(text):
            found.append((frame, match.end()))
            last = frame
    return found


def plain_lines(lines):
    """Which lines (text.py's) are whole sentences or have common words only."""
    words = [set(words_of(line["text"])) for line in lines]
    counts = collections.Counter(word for some in words for word in some)
    common = (all(counts[word] >= COMMON for word in some) for some in words)
    return np.array([a or b.get("whole", False) for a, b in zip(common, lines, strict=True)])


class Pieces:
    """`source`: frames [start[u], start[u] + frames[u]) of it are utterance u, which says texts[line[u]]; `spoken` [all
    frames] are the characters of the line (corpus.Speech, codes.Codes). A share of what is chosen is from lines
    that are `plain`, see plain_lines(), beside what chance brings: half the lines have a word that hardly any other
    has."""

    def __init__(self, texts, source, n_held_out, share=0.0, plain=None):
        self.texts, self.source, self.share = texts, source, share
        self.taught, self.pauses, spans = [], [], []  # pauses: the first frame of each
        spoken, lists = source.spoken, (np.asarray(x).tolist() for x in (source.line, source.start, source.frames))
        for u, (line, first, frames) in enumerate(zip(*lists)):
            if line < n_held_out:
                continue
            self.taught.append(u)
            inside = cuts(texts[line], spoken[first : first + frames])
            self.pauses += [first + frame for frame, _ in inside]
            edges = [(0, 0), *inside, (frames, len(texts[line]))]
            spans += [(first + f, first + end, line, a, b) for (f, a), (end, b) in zip(edges, edges[1:])]
        # Frames of the source from, to, line, its characters from, to.
        self.spans = np.array(spans, np.int64).reshape(-1, 5)
        lines = np.asarray(source.line)
        plain = np.zeros(len(texts), bool) if plain is None else plain
        self.plain = [u for u in self.taught if plain[lines[u]]]
        self.plain_spans = np.flatnonzero(plain[self.spans[:, 2]]).tolist()
        self.learn_ends()

    def learn_ends(self):
        """What comes before a pause, and which codes 0 are those of sound that dies away in its first frame."""
        codes = getattr(self.source, "codes", None)
        self.code0 = codes[:, 0] if codes is not None else np.zeros(len(self.source.spoken), np.uint8)
        first = np.array(self.pauses, np.int64)
        before, begin, silent = (np.bincount(self.code0[first + i], minlength=256) for i in (-1, 0, 1))
        self.dying = (begin > before) & (np.arange(256) != silent.argmax())
        self.after = {code: first[self.code0[first - 1] == code].tolist() for code in np.flatnonzero(before)}

    def whole(self, u):
        """An utterance as it is: (text, its frames [F] in the source, the characters [F] spoken in them)"""
        at = int(self.source.start[u]) + np.arange(int(self.source.frames[u]))
        return self.texts[int(self.source.line[u])], at, self.source.spoken[at]

    def chosen(self, random_, all_, plain):
        """One of all, or one of the plain ones."""
        return random_.choice(plain if plain and random_.random() < self.share else all_)

    def sentence(self, random_):
        """(text, two quiet frames before it, its own frames, the characters [F] spoken in those, the frame of a pause
        after it, [] if it does without)"""
        span = self.chosen(random_, range(len(self.spans)), self.plain_spans)
        first, end, line, a, b = self.spans[span].tolist()
        own, last = np.arange(first + QUIET if a else first, end), self.code0[end - 1]
        quiet, after = [first + 1] * (QUIET - 2) + [first + QUIET - 1], [end]
        if not a:
            quiet = [random_.choice(self.pauses) + 1] * (QUIET - 1)
        if b == len(self.texts[line]):
            after = [] if self.dying[last] else [random_.choice(self.after.get(last, self.pauses))]
        return self.texts[line][a:b].rstrip(), quiet, own, self.source.spoken[own].astype(np.int64) - a, after

    def joined(self, random_, longest, rests):
        """The same as whole() of one to four sentences, at most `longest` frames if it is more than one; one of `rests`
        is chosen as the frames by which a pause is longer than the teacher's."""
        text, at, spoken, after = "", [], [], []
        for _ in range(random_.choice(COUNTS)):
            more, quiet, own, places, then = self.sentence(random_)
            quiet = [*after, *quiet[:1] * random_.choice(rests), *quiet]
            if text and sum(map(len, [*at, quiet, own])) > longest:
                break
            if text:
                text += " "
                at.append(quiet)
                spoken.append(np.full(len(quiet), len(text)))
            at.append(own)
            spoken.append(len(text) + places.clip(0, len(more) - 1))
            text, after = text + more, then
            if not ENDED.search(text):  # nobody pauses here
                break
        if after == [at[-1][-1] + 1] and self.dying[self.code0[after[0]]]:
            at.append(after)
            spoken.append([len(text) - 1])
        return text, np.concatenate(at), np.concatenate(spoken)

    def some(self, random_, share, longest, rests=(0,)):
        """An utterance as it is or, in a share of cases, a joined one."""
        if self.pauses and random_.random() < share:
            return self.joined(random_, longest, rests)
        return self.whole(self.chosen(random_, self.taught, self.plain))

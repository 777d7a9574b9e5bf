"""Which character of a line each phoneme of its reading comes from: the talker is shown where it is
in the text (train_talker.py's guide) long before it would find out.

Words of the text and words of the phonemes are matched in order by dynamic programming over their
lengths: espeak-ng joins small words ("in the") and spells numbers out. Inside a word, letters and
phonemes keep step.
"""

import re

import numpy as np

MARKS = re.compile(r"[^\w]")  # stress, length and punctuation say nothing about how long a word is
MOST = 3  # words of the text read as one
DIGIT = 4  # phonemes of a digit


def heard_length(word):
    return sum(1 for letter in word if not MARKS.match(letter)) + 0.1


def written_length(word):
    return sum(DIGIT if c.isdigit() else 0.8 for c in word if c.isalnum()) + 0.1


def match(written, heard):
    """[(words of the text, words of the reading)] as (start, end) pairs that cover both, from
    lengths; None where no cover exists."""
    w, h = (np.concatenate([[0], np.cumsum(x)]) for x in (written, heard))
    cost = np.full((len(w), len(h)), np.inf)
    back = {}
    cost[0, 0] = 0
    for i in range(1, len(w)):
        for j in range(1, len(h)):
            steps = [(1, 1)] + [(k, 1) for k in range(2, MOST + 1)] + [(1, k) for k in range(2, 9)]
            for a, b in steps:
                if a > i or b > j or not np.isfinite(cost[i - a, j - b]):
                    continue
                apart = (w[i] - w[i - a]) - (h[j] - h[j - b])
                c = cost[i - a, j - b] + apart * apart + 1.5 * (a + b - 2)
                if c < cost[i, j]:
                    cost[i, j], back[i, j] = c, (a, b)
    if not np.isfinite(cost[-1, -1]):
        return None
    pairs, i, j = [], len(w) - 1, len(h) - 1
    while i:
        a, b = back[i, j]
        pairs.append(((i - a, i), (j - b, j)))
        i, j = i - a, j - b
    return pairs[::-1]


def places(text, sentences):
    """`sentences`: the phonemes of each, lists of symbols; a word ends at a blank. Returns for each
    sentence a list of character indices of `text`, one a phoneme."""
    words = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
    flat = [(s, p) for s, sentence in enumerate(sentences) for p in range(len(sentence))]
    heard, inside = [], False
    for n, (s, p) in enumerate(flat):
        blank = sentences[s][p].isspace()
        if not blank and (not inside or p == 0):
            heard.append([n, n])
        inside = not blank
        if inside:
            heard[-1][1] = n + 1
    pairs = match(
        [written_length(text[a:b]) for a, b in words],
        [heard_length("".join(sentences[s][p] for s, p in flat[a:b])) for a, b in heard],
    )
    if pairs is None:  # keep step over the whole line
        pairs = [((0, len(words)), (0, len(heard)))]
    found = np.zeros(len(flat))
    for (i, i_end), (j, j_end) in pairs:
        first, last = words[i][0], words[i_end - 1][1]
        n, n_end = heard[j][0], heard[j_end - 1][1]
        found[n:n_end] = first + (np.arange(n_end - n) + 0.5) / (n_end - n) * (last - first)
        if n_end < len(flat):
            found[n_end] = last - 1  # the blank after
    ends = np.cumsum([len(s) for s in sentences])
    return [part.astype(int) for part in np.split(found, ends[:-1])]

"""Word errors: edit distance of lower-case words without punctuation.

    python3 words.py TEXTS HEARD      a sentence a line in both; prints errors and words
"""

import pathlib
import re
import sys


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower().replace("-", " "))


def errors(meant, heard):
    """Insertions, deletions and substitutions from one text to the other."""
    a, b = words(meant), words(heard)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def error_rate(texts, heard):
    """Errors over all words of all texts."""
    total = sum(errors(t, h) for t, h in zip(texts, heard, strict=True))
    return round(total / sum(len(words(t)) for t in texts), 4)


def main():
    texts, heard = (pathlib.Path(name).read_text().splitlines() for name in sys.argv[1:])
    print(
        sum(errors(t, h) for t, h in zip(texts, heard, strict=True)),
        sum(len(words(t)) for t in texts),
    )


if __name__ == "__main__":
    main()

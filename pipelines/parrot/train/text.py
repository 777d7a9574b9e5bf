"""Sentences for parrot: what it shall learn to repeat, and a hundred that it never sees.

    python3 text.py OUT/text.jsonl      needs Debian's wordnet-base

Sources: WordNet 3.0 (wordnet.py; its licence allows any use) and what everyday.py makes up. Each line of
the output is {"split": "train" | "held-out", "text", "whole"}; the first hundred are held out. The same seed
gives the same lines.
"""

import argparse
import collections
import functools
import json
import pathlib
import random
import re

import clauses
import everyday
import wordnet

SEED, N_HELD_OUT = 20261127, 100
SHORTEST, LONGEST = 3, 25  # words
POOL = 600  # sentences of which the held-out ones are chosen
KEPT_OUT = (  # tests and demos say these
    "the quick brown fox",
    "good morning how are you",
    "she opened the window and looked at the sea",
    "the train to vienna was late so we walked home",
    "he had never seen so many books in one room",
)


def n_words(sentence):
    return len(sentence.split())


def fits(sentence):
    return SHORTEST <= n_words(sentence) <= LONGEST


def normal(sentence):
    """Lower-case words between blanks, without punctuation."""
    return f" {' '.join(words_of(sentence))} "


def words_of(sentence):
    return re.findall(r"[a-z0-9']+", sentence.lower())


@functools.cache
def whole_rule():
    """clauses.is_whole() with the words that it needs."""
    past = clauses.past_forms()
    common = wordnet.common_words()
    s_forms = {f"{verb}s" for verb in set(common["verb"]) - set(common["noun"])}
    return lambda sentence: clauses.is_whole(sentence, past, s_forms)


def whole_ones(random_, examples):
    """POOL full clauses, of all lengths alike as far as there are such; in random order."""
    is_whole = whole_rule()
    of_length = collections.defaultdict(list)
    for sentence in examples:
        if fits(sentence) and is_whole(sentence):
            of_length[n_words(sentence)].append(sentence)
    for sentences in of_length.values():
        random_.shuffle(sentences)
    pool = []
    while len(pool) < POOL:
        for length in sorted(of_length):
            pool += of_length[length][-1:]
            del of_length[length][-1:]
    return pool


def hold_out(pool, train):
    """The first of the pool that hold no word which stands in fewer than five lines to train on."""
    counts = collections.Counter(word for s in train for word in set(words_of(s)))
    known = [s for s in pool if min(counts[word] for word in words_of(s)) >= 5]
    if len(known) < N_HELD_OUT:
        raise SystemExit(f"text.py: {len(train)} lines are too few to hold {N_HELD_OUT} sentences out")
    return sorted(known[:N_HELD_OUT], key=n_words)


def longer(random_, sentences):
    """Two or three short sentences as one turn."""
    return " ".join(random_.sample(sentences, random_.choice([2, 2, 3])))


def without(sentences, kept_out):
    """Those that hold none of `kept_out`."""
    plain = [normal(s) for s in sentences]
    everything = "\n".join(plain)
    held = [s for s in map(normal, kept_out) if s in everything]
    return [s for s, words in zip(sentences, plain) if not any(h in words for h in held)]


def running_words(sentences):
    """(every word, every word as often as it stands there)"""
    running = [w for s in sentences for w in re.findall(r"(?<![\w'-])[a-z]+(?![\w'-])", s)]
    return sorted(set(running)), running


def sources(random_, examples):
    """[(share of the lines, a function that makes one or None)]; a share of None: all there are."""
    definitions = [s for s in wordnet.definitions(random_) if fits(s)]
    random_.shuffle(definitions)
    of_all, common = wordnet.all_words(), wordnet.common_words()
    plain = [w for words in of_all.values() for w in words if " " not in w and "-" not in w]
    vocabulary, running = running_words(examples + definitions)
    vocabulary = sorted(set(vocabulary) | set(plain))
    short = [s for s in examples if n_words(s) <= 9]

    def words():
        return common if random_.random() < 0.4 else of_all

    return (
        (None, iter([p for line in everyday.PHRASES.split("\n") for p in line.split("|") if p])),
        (0.235, iter(random_.sample(examples, len(examples)))),
        (0.32, iter(definitions)),
        (0.15, lambda: everyday.salad(random_, vocabulary, running)),
        (0.1, lambda: wordnet.tidy(everyday.small(random_, words()))),
        (0.06, lambda: everyday.asked(random_, words())),
        (0.045, lambda: everyday.counts(random_, words())),
        (0.035, lambda: everyday.named(random_, words())),
        (0.025, lambda: everyday.from_templates(random_)),
        (0.05, lambda: longer(random_, short)),
    )


def take(source, n):
    """n lines of a source, or all it has."""
    taken = {}
    while len(taken) < n:
        line = source() if callable(source) else next(source, "")
        if line == "":
            break
        if line and n_words(line) <= LONGEST:
            taken[line] = None
    return list(taken)


def make(n_train):
    random_ = random.Random(SEED)
    examples = without(wordnet.examples(), KEPT_OUT)
    pool = whole_ones(random_, examples)
    examples = without(examples, pool)
    lines = {}
    for share, source in sources(random_, examples):
        lines.update((s, None) for s in take(source, round((share or 1) * n_train)))
    lines = without(list(lines), [*KEPT_OUT, *pool])
    random_.shuffle(lines)
    train = lines[:n_train]
    return hold_out(pool, train), train


def read(path):
    """The lines that main() wrote."""
    return [json.loads(line) for line in path.open()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("-n", type=int, default=200000, help="sentences to train on")
    options = parser.parse_args()
    held_out, train = make(options.n)
    is_whole = whole_rule()
    with options.out.open("w") as out:
        for split, sentences in (("held-out", held_out), ("train", train)):
            for sentence in sentences:
                print(json.dumps({"split": split, "text": sentence, "whole": is_whole(sentence)}), file=out)


if __name__ == "__main__":
    main()

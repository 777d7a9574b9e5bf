"""What WordNet 3.0 (Debian's wordnet-base) holds that reads as plain English: examples, definitions,
words."""

import pathlib
import re

FOLDER = pathlib.Path("/usr/share/wordnet")
PARTS = ("noun", "verb", "adj", "adv")
ANIMAL, PLANT, PERSON = "05", "20", "18"  # files of the lexicographers
REFUSED = re.compile(  # what a demo must not say: whole glosses that call their word an insult
    r"slur|obscene|offensive|disparag|vulgar|insult|sexual|rape|nigg|fuck|shit|slut|whore|nazi|"
    r"excrement|genital|masturbat|derogat|ethnic term|negro",
    re.I,
)
PLAIN = re.compile(r"[A-Za-z][A-Za-z',;:? !.-]*")
WORD = re.compile(r"[a-z]{2,}|[A-Z][a-z]+|[a-z]{2,}([ -][a-z]{2,})|[A-Z][a-z]+ [A-Z][a-z]+")
STARTS = "I You We They He She".split()
MODALS = ["will", "can", "must", "should", "want to", "might", "would like to", "did not"]


def tidy(sentence):
    """A sentence with a capital and an end, or None for what is no plain English."""
    sentence = re.sub(r"\s+", " ", sentence).strip(" ,;:-`")
    if not PLAIN.fullmatch(sentence) or REFUSED.search(sentence):
        return None
    if re.search(r"[a-z][.:;?!,][A-Za-z]|(^|[^'])\b[B-HJ-NP-Zb-hj-np-z]\.|\.\.|'{2}| ,", sentence):
        return None  # abbreviations and slips of the keyboard
    sentence = sentence[0].upper() + sentence[1:]
    return sentence if sentence[-1] in ".!?" else sentence + "."


def unique(sentences):
    return list(dict.fromkeys(s for s in map(tidy, sentences) if s))


def common_words():
    """{part of speech: words that WordNet's annotators met in running text}"""
    words = {part: {} for part in PARTS}
    for line in (FOLDER / "cntlist.rev").read_text("ascii").splitlines():
        word, _, sense = line.partition("%")
        word = word.replace("_", " ")
        if WORD.fullmatch(word):
            words[(*PARTS, "adj")[int(sense[0]) - 1]][word] = None
    return {part: list(of) for part, of in words.items()}


def synsets():
    """(part of speech, lexicographers' file, words, gloss) of all that may be said."""
    for part in PARTS:
        for line in (FOLDER / f"data.{part}").read_text("ascii").splitlines():
            if line.startswith(" ") or REFUSED.search(line):
                continue
            head, gloss = line.split(" | ", 1)
            fields = head.split()
            words = [fields[4 + 2 * i].split("(")[0] for i in range(int(fields[3], 16))]
            yield part, fields[1], [w.replace("_", " ") for w in words], gloss


def examples():
    return unique(e for *_, gloss in synsets() for e in re.findall(r'"([^"]+)"', gloss))


def spoken(file, word):
    """No Latin names of kinds of plants and animals, no abbreviations."""
    return WORD.fullmatch(word) and not (file in (ANIMAL, PLANT) and word[0].isupper())


def all_words():
    """{part of speech: every word or pair of words}"""
    words = {part: {} for part in PARTS}
    for part, file, of, _ in synsets():
        words[part].update((w, None) for w in of if spoken(file, w))
    return {part: list(of) for part, of in words.items()}


def article(word):
    return "" if word[0].isupper() else "an " if word[0] in "aeiou" else "a "


def framed(random_, part, file, word, definition):
    """A definition as something to say."""
    who = f"{random_.choice(STARTS)} {random_.choice(MODALS)}"
    if part == "verb":
        frames = [f"to {word} is to {definition}", f"{who} {definition}", f"do not {definition}"]
    elif part == "noun" and file == PERSON and word[0].isupper():
        definition = re.sub("^(an?|the|one of the) ", "", definition)
        frames = [f"{word} was {article(definition)}{definition}", f"the {definition} was {word}"]
    elif part == "noun" and re.match(r"(an?|the|any|someone|something) ", definition):
        name = article(word) + word
        frames = [f"{name} is {definition}", definition, f"it is {definition}"]
        frames.append(f"what is {name}? It is {definition}")
    elif part == "noun":
        frames = [definition, f"{word} means {definition}", f"this is about {definition}"]
    else:
        frames = [definition, f"{word} means {definition}"]
    return random_.choice(frames)


def definitions(random_):
    found = []
    for part, file, words, gloss in synsets():
        definition = re.split(r';|"|:', re.sub(r"\([^)]*\)", " ", gloss))[0].strip(" ,")
        if spoken(file, words[0]) and len(definition.split()) > 1 and "genus" not in definition:
            found.append(framed(random_, part, file, words[0], definition))
    return unique(found)

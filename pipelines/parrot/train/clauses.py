"""Which sentences are whole: a simple rule for the held-out ones, of which each shall be something that
a person would say."""

import re

from everyday import NAMES
from wordnet import FOLDER

PRONOUNS = "i you he she it we they".split()
OPENERS = (
    "the a an this that these those my your his her its our their there many most some all every "
    "each no nobody everybody everyone someone"
).split()
ASKING = "who what where when why how which whose".split()
AUXILIARIES = (
    "is are was were am has have had do does did will would can could may might must shall should "
    "cannot can't don't doesn't didn't won't wouldn't couldn't isn't aren't wasn't weren't hasn't "
    "haven't hadn't shouldn't it's he's she's that's there's i'm you're we're they're i've i'll"
).split()
RELATIVE = "who which that whose whom".split()
OBJECTS = (
    "the a an this that these those my your his her its our their him them me us it up down out off "
    "away over on in into to at from for with through along against about when because if under across"
).split()


def past_forms():
    """Irregular past forms that can be no participle: went, took, saw."""
    forms = {}
    for line in (FOLDER / "verb.exc").read_text("ascii").splitlines():
        form, verb = line.split()[:2]
        if "_" not in form and not form.endswith(("ing", "ied", "ed")):
            forms.setdefault(verb, []).append(form)
    words = set()
    for verb, of in forms.items():
        plain = [form for form in of if not form.endswith("n")]
        if len(of) > 1 and plain and not verb.endswith("s"):
            words.update(plain[:1] if len(plain) == 1 else [])
    return words | set("said came ran made told thought felt kept left went got stood put".split())


def is_whole(sentence, past, s_forms):
    """Begins with a subject or a question, and a finite verb follows. `s_forms`: goes, takes, ..."""
    words = re.findall(r"[a-z']+", sentence.lower())
    if re.search(r"[.!?:;-]", sentence[:-1]) or len(words) < 3:
        return False
    first, rest = words[0], words[1:]
    if first in ASKING:
        return sentence.endswith("?") and any(w in AUXILIARIES for w in words[1:4])
    if first in AUXILIARIES and sentence.endswith("?"):
        return words[1] in PRONOUNS + OPENERS
    if first in AUXILIARIES[-9:]:
        return True
    if first in PRONOUNS:
        return any(w in AUXILIARIES or w in past or w in s_forms or w.endswith("ed") for w in rest[:2])
    if first not in OPENERS and sentence.split()[0] not in NAMES:
        return False
    for at, (word, after) in enumerate(zip(rest, rest[1:])):
        if word in RELATIVE or word in ("to", "of") and at < 1:
            return False
        if word in AUXILIARIES or word in past:
            return at > 0 or first not in ("the", "a", "an", "my", "your", "his", "our", "their")
        if at > 0 and (word.endswith("ed") or word in s_forms) and after in OBJECTS:
            return not word.endswith("ed") or after in OBJECTS[:16]
    return False

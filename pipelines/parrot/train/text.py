"""Sentences for parrot: what it shall learn to repeat, and a hundred that it never sees.

    python3 text.py OUT/text.jsonl      needs Debian's wordnet-base

Sources: the example sentences and the definitions of WordNet 3.0 (its licence allows any use), its common
words put into small sentences, and templates below for numbers, dates, times, names and what people say to
a program that speaks. Each line of the output is
{"split": "train" | "held-out", "text"}; the first hundred are held out. The same seed gives the
same lines.
"""

import argparse
import collections
import json
import pathlib
import random
import re

WORDNET = pathlib.Path("/usr/share/wordnet")
SEED, N_HELD_OUT = 20261122, 100
SHORTEST, LONGEST = 3, 25  # words
REFUSED = re.compile(  # what a demo must not say: whole glosses that call their word an insult
    r"slur|obscene|offensive|disparag|vulgar|insult|sexual|rape|nigg|fuck|shit|slut|whore|nazi",
    re.I,
)
PLAIN = re.compile(r"[A-Za-z][A-Za-z',;:? !.-]*")

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = (
    "January February March April May June July August September October November December"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NAMES = (
    "Mary James Linda Robert Susan Michael Karen David Nancy William Lisa Richard Betty Joseph "
    "Helen Thomas Sandra Charles Donna Daniel Carol Matthew Ruth Anthony Sharon Mark Laura Paul "
    "Sarah Steven Emily Andrew Olivia Kevin Anna Brian Emma George Chloe Edward Sophia Henry Grace "
    "Peter Alice Walter Rose Arthur Julia Oscar Victoria Hugo Clara Felix Martha Simon"
).split()
SURNAMES = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Wilson Anderson Taylor Moore Jackson "
    "Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott "
    "Hill Green Adams Baker Nelson Carter Mitchell Turner Phillips Campbell Parker Evans Edwards"
).split()
PLACES = (
    "London Paris Berlin Madrid Rome Vienna Dublin Oslo Boston Chicago Denver Seattle Houston "
    "Dallas Toronto Sydney Tokyo Cairo Lisbon Prague Amsterdam Edinburgh California Texas Florida "
    "Canada Mexico Brazil France Germany Italy Spain India China Japan Australia Ireland"
).split()
PHRASES = """
Hello.|Hello!|Hello there!|Hi!|Hi there.|Hello, world!|Good morning.|Good evening!|Good night.|Goodbye.|Bye!
Yes.|No.|Yes, please.|No, thank you.|Thank you.|Thanks a lot!|You are welcome.|Sorry.|I am sorry.|Please.
How are you?|How are you today?|I am fine, thank you.|What is your name?|My name is Parrot.|Who are you?
I am a parrot, and I repeat what you say.|The parrot repeats every word.|A parrot can talk.|Can you repeat that?
Repeat after me.|Please repeat this.|Say it again.|Say something.|Speak up, please.|Speak slowly.|Listen to me.
Can you hear me?|Do you hear me now?|I can hear you.|I do not understand.|Tell me a story.|Tell me a joke.
Once upon a time there was a king.|Once upon a time, in a small house by the sea, there lived a parrot.
This is a test.|Testing, testing, one, two, three.|One two three.|Test.|Testing.|Is this working?|It works!
What time is it?|What day is it today?|Where are you from?|What are you doing?|What do you want?|Wait a minute.
The weather is nice today.|It is raining again.|Is it going to rain tomorrow?|Let us play some music.
Play some music.|Turn on the light.|Turn off the radio.|Open the door.|Stop.|Stop it!|Go on.|Start again.
The computer speaks.|My computer can talk.|Computers are fast.|This voice comes from a small program.
Pipes carry water, and they carry words too.|A pipe is made of metal.|Water runs through the pipe.
The fox jumped over the fence.|A lazy dog sleeps all day.|The brown dog chased a quick fox.|Brown foxes are rare.
I love you.|I like it very much.|That is great!|That is wrong.|Of course.|Maybe.|Never mind.|Well done!
See you later.|See you tomorrow!|Have a nice day.|Happy birthday!|Merry Christmas!|Welcome!|Welcome home.
"""
STARTS = "I You We They He She".split()
THINGS = (
    "apples books letters tickets bottles chairs pictures miles minutes people horses boats stamps "
    "windows flowers candles stones songs dollars birds questions pages keys coins"
).split()


def number_words(n):
    """0 <= n < 10^6 in English."""
    if n < 20:
        return UNITS[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f" {UNITS[n % 10]}" if n % 10 else "")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if n >= size:
            rest = f" {number_words(n % size)}" if n % size else ""
            return f"{number_words(n // size)} {name}{rest}"
    raise ValueError(n)


def number(random_):
    """A number in words, or now and then in digits: a voice must read both."""
    n = random_.choice([random_.randrange(13), random_.randrange(100), random_.randrange(10000)])
    return str(n) if random_.random() < 0.3 else number_words(n)


def from_templates(random_):
    pick = random_.choice
    first, last = pick(NAMES), pick(SURNAMES)
    hour, minute = number_words(random_.randrange(1, 13)), pick(["thirty", "fifteen", "forty five"])
    day, month, place, things = pick(DAYS), pick(MONTHS), pick(PLACES), pick(THINGS)
    year = random_.randrange(1700, 2030)
    return pick(
        [
            f"{first} {last} bought {number(random_)} {things} in {place}.",
            f"The train to {place} leaves at {hour} {minute}.",
            f"Please call {first} at {hour} {minute} on {day}.",
            f"{first} was born on {day}, the {number_words(random_.randrange(2, 29))} of {month}.",
            f"In {year}, {first} {last} moved from {place} to {pick(PLACES)}.",
            f"There are {number(random_)} {things} and {number(random_)} {pick(THINGS)}.",
            f"It is {number(random_)} miles from {place} to {pick(PLACES)}.",
            f"My name is {first} {last}, and I live in {place}.",
            f"Hello, {first}! How are you this {pick(['morning', 'evening', 'afternoon'])}?",
            f"Does {first} know that {pick(NAMES)} will be back in {month}?",
            f"{', '.join(number_words(random_.randrange(10)) for _ in range(random_.randrange(3, 8)))}.",
            f"The meeting with {first} is on {day} at {hour} o'clock.",
            f"Chapter {number(random_)}, page {number(random_)}.",
            f"{first} has a parrot that can say {number(random_)} words.",
            f"Good {pick(['morning', 'evening', 'afternoon', 'night'])}, {first}.",
            f"Tell me a story about {first} and the {pick(THINGS)}.",
            f"Tell me about {place}.",
        ]
    )


def tidy(sentence):
    """A sentence with a capital and an end, or None for what is no plain English."""
    sentence = re.sub(r"\s+", " ", sentence).strip(" ,;:-`")
    if sentence.count('"') or not PLAIN.fullmatch(sentence) or REFUSED.search(sentence):
        return None
    sentence = sentence[0].upper() + sentence[1:]
    return sentence if sentence[-1] in ".!?" else sentence + "."


def common_words():
    """{part of speech: words that WordNet's annotators met in running text}"""
    words = {part: {} for part in ("noun", "verb", "adj", "adv")}
    for line in (WORDNET / "cntlist.rev").read_text("ascii").splitlines():
        word, _, sense = line.partition("%")
        part = ("noun", "verb", "adj", "adv", "adj")[int(sense[0]) - 1]
        words[part][word.replace("_", " ")] = None
    return {part: list(of) for part, of in words.items()}


def small(random_, words):
    """A few common words as what could be a sentence: every one of them is pronounced somewhere."""
    noun, other, third = (random_.choice(words["noun"]) for _ in range(3))
    adjective, adverb = random_.choice(words["adj"]), random_.choice(words["adv"])
    verb, start, place = random_.choice(words["verb"]), random_.choice(STARTS), random_.choice(PLACES)
    return tidy(
        random_.choice(
            [
                f"{noun}",
                f"{adjective} {noun}",
                f"The {adjective} {noun}",
                f"The {noun} and the {other}",
                f"The {noun} of the {adjective} {other}",
                f"Is the {noun} {adjective}?",
                f"{start} can {verb} the {noun} {adverb}",
                f"{start} will {verb} {adverb}, said the {noun}",
                f"Do you {verb} the {adjective} {noun}?",
                f"{noun}, {other}, {third}",
                f"There is a {adjective} {noun} in {place}",
                f"Where is the {noun}? It is near the {other}",
            ]
        )
    )


def from_wordnet():
    """(examples, definitions of common words)"""
    examples, definitions = [], []
    common = {word for words in common_words().values() for word in words}
    for part in ("noun", "verb", "adj", "adv"):
        for line in (WORDNET / f"data.{part}").read_text("ascii").splitlines():
            if line.startswith(" ") or REFUSED.search(line):
                continue
            head, gloss = line.split(" | ", 1)
            examples += re.findall(r'"([^"]+)"', gloss)
            definition = re.split(r';|"|:', gloss)[0]
            word = head.split()[4].replace("_", " ")
            if word.lower() not in common:
                continue
            if part == "noun" and re.match(r"(an?|the|any|someone|something) ", definition):
                article = "" if word[0].isupper() else "an " if word[0] in "aeiou" else "a "
                definitions.append(f"{article}{word} is {definition}")
            elif part == "verb" and "(" not in definition:
                definitions.append(f"to {word} is to {definition}")
    return unique(examples), unique(definitions)


def unique(sentences):
    return list(dict.fromkeys(s for s in map(tidy, sentences) if s))


def n_words(sentence):
    return len(sentence.split())


def fits(sentence):
    return SHORTEST <= n_words(sentence) <= LONGEST


def words_of(sentence):
    return re.findall(r"[a-z']+", sentence.lower())


def hold_out(random_, sentences):
    """A hundred of many lengths, made of words that stand in at least five of the sentences. The
    longer ones are two or three of those joined: what people say is short."""
    counts = collections.Counter(word for s in sentences for word in set(words_of(s)))
    plain = [s for s in sentences if min(counts[word] for word in words_of(s)) >= 5]
    chosen = {}
    while len(chosen) < N_HELD_OUT:
        wanted = SHORTEST + len(chosen) % (LONGEST - SHORTEST + 1)
        parts = []
        while sum(map(n_words, parts)) < wanted:
            parts.append(random_.choice(plain))
        if sum(map(n_words, parts)) == wanted:
            chosen[" ".join(parts)] = parts
    return chosen


def longer(random_, sentences):
    """Two or three short sentences as one turn."""
    joined = " ".join(random_.sample(sentences, random_.choice([2, 2, 3])))
    return joined if fits(joined) else None


def make(n_train):
    random_ = random.Random(SEED)
    examples, definitions = from_wordnet()
    held_out = hold_out(random_, [s for s in examples if fits(s)])
    known = {part for parts in held_out.values() for part in parts}
    examples = [s for s in examples if s not in known]
    definitions = [s for s in definitions if s not in known and fits(s)]
    short = [s for s in examples if n_words(s) <= 9]
    common = common_words()
    sources = (  # weights: what people say comes first
        (0.43, lambda: random_.choice(examples)),
        (0.14, lambda: random_.choice(definitions)),
        (0.13, lambda: longer(random_, short)),
        (0.13, lambda: from_templates(random_)),
        (0.17, lambda: small(random_, common)),
    )
    phrases = [phrase for line in PHRASES.split("\n") for phrase in line.split("|") if phrase]
    train = dict.fromkeys(p for p in phrases if p not in known)
    while len(train) < n_train:
        source = random_.choices([s for _, s in sources], [w for w, _ in sources])[0]
        sentence = source()
        if sentence and n_words(sentence) <= LONGEST and sentence not in known:
            train[sentence] = None
    return list(held_out), list(train)


def read(path):
    """The lines that main() wrote."""
    return [json.loads(line) for line in path.open()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("-n", type=int, default=64000, help="sentences to train on")
    options = parser.parse_args()
    held_out, train = make(options.n)
    with options.out.open("w") as out:
        for split, sentences in (("held-out", held_out), ("train", train)):
            for sentence in sentences:
                print(json.dumps({"split": split, "text": sentence}), file=out)


if __name__ == "__main__":
    main()

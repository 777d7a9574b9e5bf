"""Numbers, dates, times, names, and what people say or type to a program that speaks: all made here.
`words` are {part of speech: words} of wordnet.py."""

from wordnet import STARTS


UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = ("January February March April May June July August September October November December").split()
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
THINGS = (
    "apples books letters tickets bottles chairs pictures miles minutes people horses boats stamps "
    "windows flowers candles stones songs dollars birds questions pages keys coins"
).split()
ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ASKED = (
    "What is a|What is the|Where is the|Where can I buy a|Have you ever seen a|Do you like the|"
    "Do you know a|Can you describe the|How big is a|How old is the|What do you think of the|Who has a|"
    "Is there a|Why is there a"
).split("|")
TOLD = (
    "Tell me about the|Tell me a story about the|Read me the|Sing a song about the|Find the|Show me the|"
    "Write a letter about the|Explain the|Say something about the|Play the|Give me the|Remind me of the|"
    "Describe the"
).split("|")
MANNERS = (
    "could you|can you|would you|will you|did you|do you|should I|may we|must they|does she|did he"
).split("|")


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


def digits(random_, most=8):
    return [str(random_.randrange(10)) for _ in range(random_.randrange(3, most + 1))]


def ordinal(n):
    """1 <= n < 1000: first, twenty third, one hundredth."""
    words = number_words(n).split()
    last = ORDINALS.get(words[-1], words[-1] + "th")
    words[-1] = last[:-3] + "ieth" if last.endswith("yth") else last
    return " ".join(words)


def clock(random_):
    hour, minute = random_.randrange(1, 13), random_.randrange(60)
    return random_.choice(
        [
            f"{hour}:{minute:02d}",
            f"{number_words(hour)} {number_words(minute) if minute > 9 else 'o ' + number_words(minute)}",
            f"half past {number_words(hour)}",
            f"a quarter to {number_words(hour)}",
            f"{number_words(minute + 1)} minutes past {number_words(hour)}",
            f"{hour} o'clock",
            f"{number_words(hour)} in the {random_.choice(['morning', 'evening', 'afternoon'])}",
        ]
    )


def spelled(random_, word):
    """Letters of a word, or of none, one by one."""
    letters = word.upper() if random_.random() < 0.7 else random_.choices(LETTERS, k=len(word))
    return random_.choice([", ", " ", "-", ". "]).join(letters)


def counts(random_, words):
    """Figures of all kinds in a sentence."""
    pick, a, b = random_.choice, random_.randrange(1000), random_.randrange(100)
    things, year = pick(THINGS), random_.randrange(1700, 2030)
    dashed = "-".join("".join(digits(random_, 4)) for _ in range(2))
    return pick(
        [
            f"{number(random_).capitalize()} plus {number(random_)} is {number(random_)}.",
            f"What is {number(random_)} {pick(['times', 'minus', 'plus', 'divided by'])} {number(random_)}?",
            f"{', '.join(number_words(int(d)) for d in digits(random_))}.".capitalize(),
            f"{' '.join(digits(random_))}.",
            f"My number is {dashed}.",
            f"Call {' '.join(number_words(int(d)) for d in digits(random_))} now.",
            f"{pick(NAMES)} was the {ordinal(a + 1)} to come, after {b + 2} {things}.",
            f"The {ordinal(b + 1)} {pick(words['noun'])} costs {a} dollars and {b} cents.",
            f"About {b} percent of the {things} are {pick(words['adj'])}.",
            f"It weighs {b}.{random_.randrange(10)} pounds.",
            f"Point {number_words(b)}, or {number_words(a)} point {number_words(b % 10)}.",
            f"Room {a}, floor {number_words(b % 20)}.",
            f"The {pick(words['noun'])} of {year} had {number(random_)} {things}.",
            f"From {year} to {random_.randrange(1700, 2030)}.",
            f"{number_words(a * 1000 + b).capitalize()}.",
            f"Page {a} of {a + b}.",
            f"Count from {number_words(b)} to {number_words(b + 5)}.",
            f"Half of {number_words(2 * b + 2)} is {number_words(b + 1)}.",
        ]
    )


def asked(random_, words):
    """What people type to a voice."""
    pick = random_.choice
    noun, other, third = (pick(words["noun"]) for _ in range(3))
    adjective, adverb, verb = pick(words["adj"]), pick(words["adv"]), pick(words["verb"])
    name, place, day = pick(NAMES), pick(PLACES), pick(DAYS)
    return pick(
        [
            f"{pick(ASKED)} {noun}?",
            f"{pick(ASKED)} {adjective} {noun} in {place}?",
            f"{pick(TOLD)} {noun} and the {other}.",
            f"{pick(TOLD)} {adjective} {noun}.",
            f"{pick(TOLD)} {noun} on {day}, please.",
            f"Say {noun}.",
            f"Say the word {noun} {pick(['twice', 'again', 'slowly', 'three times', 'loudly'])}.",
            f"How do you say {noun}?",
            f"Repeat after me: {noun}, {other}, {third}.",
            f"{noun} {other} {third}",
            f"{noun}",
            f"{adjective} {noun}",
            f"{name}, {pick(MANNERS)} {verb} the {noun} {adverb}?",
            f"{pick(MANNERS)} {verb} {name}'s {noun}?",
            f"Why does {name} {verb} the {adjective} {noun}?",
            f"When will the {noun} {verb} in {place}?",
            f"Who {pick(['took', 'saw', 'found', 'sold', 'wanted', 'made'])} the {adjective} {noun}?",
            f"Which {noun} is {adverb} {adjective}?",
            f"If the {noun} is {adjective}, {verb} the {other}.",
            f"I think that the {noun} was {adverb} {adjective}.",
            f"{name} said, I {verb} the {noun}, and left.",
            f"No, not the {noun}, the {other}!",
            f"This {noun} speaks about the {adjective} {other} of {place}.",
        ]
    )


def named(random_, words):
    """People, places, days, spelled names."""
    pick, a, b = random_.choice, random_.choice(NAMES), random_.choice(SURNAMES)
    noun, place, day, month = pick(words["noun"]), pick(PLACES), pick(DAYS), pick(MONTHS)
    return pick(
        [
            f"My name is {a} {b}. That is spelled {spelled(random_, b)}.",
            f"{spelled(random_, pick([a, b, noun.replace(' ', '')]))}.",
            f"{a} is spelled {spelled(random_, a)}.",
            f"How do you spell {noun}?",
            f"The train from {place} to {pick(PLACES)} leaves at {clock(random_)}.",
            f"Wake me at {clock(random_)} on {day}.",
            f"It is {clock(random_)}.",
            f"{day}, {month} {random_.randrange(1, 31)}.",
            f"On {day}, the {ordinal(random_.randrange(1, 31))} of {month}, {a} met {pick(NAMES)}.",
            f"{a} {b} and {pick(NAMES)} {pick(SURNAMES)} live in {place}.",
            f"Mr. {b} and Mrs. {pick(SURNAMES)} sold the {noun} in {month}.",
            f"Dear {a}, thank you for the {noun}.",
            f"{a}, {pick(NAMES)}, {pick(NAMES)} and {pick(NAMES)}.",
            f"{place}, {pick(PLACES)} and {pick(PLACES)}.",
            f"Is {a} in {place} or in {pick(PLACES)} this {day}?",
            f"The {noun} of {a} {b} was lost in {place}.",
        ]
    )


def salad(random_, vocabulary, running):
    """Words without a sense: what stands before does not give away what follows. Half are any of the
    vocabulary, half such as stand often in sentences."""
    words = [
        random_.choice(vocabulary if random_.random() < 0.5 else running)
        for _ in range(random_.randrange(3, 13))
    ]
    line = (", " if random_.random() < 0.15 else " ").join(words)
    return line if random_.random() < 0.1 else line[0].upper() + line[1:] + random_.choice("....?!")


def small(random_, words):
    """A few words as what could be a sentence: every one of them is pronounced somewhere."""
    noun, other, third = (random_.choice(words["noun"]) for _ in range(3))
    adjective, adverb = random_.choice(words["adj"]), random_.choice(words["adv"])
    verb, start, place = random_.choice(words["verb"]), random_.choice(STARTS), random_.choice(PLACES)
    return random_.choice(
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
            f"{adverb}, the {noun} became a {other}",
            f"{start} had to {verb} it with a {noun} or a {adjective} {other}",
            f"My {noun} is {adverb} {adjective}, but yours is {random_.choice(words['adj'])}",
            f"Some {adjective} {noun} and no {other}",
        ]
    )

"""Lines of text that are hard to tokenize: many scripts, marks, blanks, emoji, code, special
tokens, bytes that are no UTF-8. The same seed gives the same lines.
"""

import random
import unicodedata

from vocabulary import ADDED

SCRIPTS = {  # ranges of letters and marks that words are made of
    "latin": "az",
    "capitals": "AZ",
    "western": "à\u00ff",
    "extended": "\u0100\u024f",
    "vietnamese": "\u1ea0\u1ef9",
    "cyrillic": "а\u045f",
    "greek": "\u0391\u03ce",
    "polytonic": "\u1f00\u1ffe",
    "armenian": "\u0561\u0587",
    "georgian": "\u10d0\u10ff",
    "arabic": "\u0621\u0652",
    "hebrew": "\u05d0\u05ea",
    "niqqud": "\u05b0\u05ea",
    "devanagari": "\u0901\u094d",
    "bengali": "\u0981\u09cd",
    "tamil": "\u0b82\u0bcd",
    "telugu": "\u0c00\u0c4d",
    "thai": "\u0e01\u0e4e",
    "lao": "\u0e81\u0ecd",
    "tibetan": "\u0f40\u0fbc",
    "khmer": "\u1780\u17d3",
    "myanmar": "\u1000\u103e",
    "ethiopic": "\u1200\u1248",
    "cherokee": "\u13a0\u13f4",
    "hiragana": "\u3041\u309c",
    "katakana": "\u30a1\u30fe",
    "halfwidth": "\uff66\uff9f",
    "fullwidth": "\uff01\uff5e",
    "bopomofo": "\u3105\u312f",
    "common han": "\u4e00\u9fa5",
    "rare han": "\u3400\u4db5",
    "plane 2": "\U00020000\U0002a6d6",
    "compatibility": "\uf900\ufa6d",
    "hangul": "\uac00\ud7a3",
    "jamo": "\u1100\u11ff",
    "gothic": "\U00010330\U0001034a",
    "grantha": "\U00011300\U00011374",
    "mathematical": "\U0001d400\U0001d7ff",
    "letterlike": "\u2100\u214f",
    "symbols": "\u2190\u2bff",
    "ligatures": "\ufb00\ufb4f",
}
MARKS = (
    "\u0300\u0301\u0302\u0308\u030a\u0316\u0323\u0327\u0328\u0334\u0344\u0345\u05b0\u05bf\u064b\u0651"
    "\u093c\u094d\u0e38\u0f71\u0f74\u1dce\u20d0\u3099\u309a\ufe20"
)
BLANKS = (
    " \t\u00a0\u0085\u000b\u000c\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    "\u180e\u200b\ufeff\x1c\x1f"
)
DIGITS = "0123456789٠١٢٣۴५६७๑๒²³¹½¾Ⅷⅻ①㊿〇零\U0001d7d8\U00010107"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»—–…“”‘’¿¡،؟।。、「」！？※•§¶©®™€£¥₿°"
EMOJI = [
    "👩\u200d💻",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳️\u200d🌈",
    "👍🏽",
    "🇩🇪🇯🇵",
    "1️⃣",
    "❤️",
    "🧑🏿\u200d🚀",
    "☕",
    "😀",
    "🫠",
    "\u200d",
    "\ufe0f",
]
CODE = [
    "for (int i = 0; i < n; i++) {\n    a[i] += b[i] * 2;\n}",
    "def f(x):\n\treturn x**2  # square\n",
    "x->y::z(&v)[0]!==null",
    "SELECT * FROM t WHERE a='b''c';",
    '<div class="a">&nbsp;</div>',
    "#include <stdio.h>\r\nint main(void)\r\n{\r\n}\r\n",
    "https://example.org/a/b?c=%20d&e=f#g",
    '{"key": [1, 2.5e-3, null]}',
    "if __name__ == '__main__':",
    "\\frac{a}{b}",
    "0xDEADBEEF 1_000.50",
]
SHORT = ["'s", "'T", "'RE", "'ve", "'M", "'lL", "'d", "'\u017f", "'x", "\u2019s", "''s", "' s"]
WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one"
    " had by word Die Würde des Menschen ist unantastbar L'été dernier nous étions à Paris ¿Cómo"
    " estás? Быстрая коричневая лиса Η γρήγορη αλεπού مرحبا بالعالم שלום עולם नमस्ते दुनिया"
    " สวัสดีชาวโลก 你好世界 こんにちは 안녕하세요 tokenizer antidisestablishmentarianism"
).split()


def word(rng, script=None):
    low, high = SCRIPTS[script or rng.choice(list(SCRIPTS))]
    letters = (
        chr(rng.randint(ord(low), ord(high)))
        for _ in range(rng.choice([1, 1, 2, 3, 4, 5, 6, 8, 12, 30]))
    )
    return "".join(c for c in letters if unicodedata.category(c) != "Cn")


def one_script(rng):
    script = rng.choice(list(SCRIPTS))
    return "".join(
        word(rng, script) + rng.choice([" ", " ", " ", "", "-", ", ", ". ", "\n"])
        for _ in range(rng.randint(1, 9))
    )


def mixed_scripts(rng):
    return "".join(word(rng) + rng.choice(["", " ", "  "]) for _ in range(rng.randint(1, 8)))


def real_words(rng):
    return rng.choice([" ", " ", "  ", "\n", ""]).join(
        rng.choice(WORDS) for _ in range(rng.randint(1, 20))
    )


def decomposed(rng):
    return unicodedata.normalize(
        rng.choice(["NFD", "NFD", "NFC", "NFKD"]), one_script(rng) + real_words(rng)
    )


def marked(rng):
    base = rng.choice(
        ["e", "a", "ọ", "か", "\u1100", "\u1161", "각", "क", "ש", "", " ", "1", "👍", "中"]
    )
    return "".join(
        base + "".join(rng.choice(MARKS) for _ in range(rng.choice([1, 2, 3, 5, 9, 40])))
        for _ in range(rng.randint(1, 6))
    )


def jamo(rng):
    pick = lambda low, high: chr(rng.randint(low, high))
    return "".join(
        rng.choice(
            [
                pick(0x1100, 0x1112),
                pick(0x1161, 0x1175),
                pick(0x11A7, 0x11C2),
                pick(0xAC00, 0xD7A3),
                " ",
            ]
        )
        for _ in range(rng.randint(2, 24))
    )


def blanks(rng):
    return "".join(
        rng.choice(["a", "b c", "1", "."])
        + "".join(rng.choice(BLANKS + "    \r\n\n") for _ in range(rng.randint(0, 6)))
        for _ in range(rng.randint(1, 8))
    )


def newlines(rng):
    return "".join(
        rng.choice(["\r\n", "\n", "\r", "\n\n", " \n", "\t\r\n", "x", " y", "!", "...", "\u2028"])
        for _ in range(rng.randint(1, 16))
    )


def digits(rng):
    return "".join(rng.choice(DIGITS + " .,-/x") for _ in range(rng.randint(1, 20)))


def punctuation(rng):
    return "".join(rng.choice(PUNCTUATION + "   ab\n") for _ in range(rng.randint(1, 30)))


def emoji(rng):
    return "".join(rng.choice(EMOJI + [" ", "a", "1"]) for _ in range(rng.randint(1, 10)))


def code(rng):
    return (
        rng.choice(["", "    ", "\t"])
        + rng.choice(CODE)
        + rng.choice(["", "\n", "  "])
        + rng.choice(CODE)
    )


def contractions(rng):
    return "".join(
        rng.choice(["I", "we", "they", "é", "x1", "", " "]) + rng.choice(SHORT)
        for _ in range(rng.randint(1, 8))
    )


def special(rng):
    pieces = (
        ADDED
        + [t[:-1] for t in ADDED[:3]]
        + ["<", "<|", "|>", "user\n", "\n", " ", "a", "e\u0301", "\u0301", "<|IM_START|>"]
    )
    return "".join(rng.choice(pieces) for _ in range(rng.randint(1, 12)))


def any_character(rng):
    chars = (
        chr(
            rng.choice(
                [
                    rng.randrange(0x250),
                    rng.randrange(0x3100),
                    rng.randrange(0x10000),
                    rng.randrange(0x20000),
                    rng.randrange(0x110000),
                ]
            )
        )
        for _ in range(rng.randint(1, 40))
    )
    return "".join(c for c in chars if unicodedata.category(c) not in ("Cn", "Cs"))


def repeats(rng):
    return rng.choice(
        ["a", "ab", " ", "\n", "=", "-", "中", "é", "Ġ", "\t", "0", "ha", ".."]
    ) * rng.choice([3, 17, 64, 255, 1000])


def ill_formed(rng):
    data = bytearray(rng.choice(KINDS[:-1])(rng).encode())
    bad = [
        b"\x80",
        b"\xc0\xaf",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf0\x9f",
        b"\xf4\x90\x80\x80",
        b"\xff",
        b"\xfe\xff",
        b"\xe4\xb8",
        b"\xf8\x88",
        b"\x00",
    ]
    for _ in range(rng.randint(1, 5)):
        at = rng.randint(0, len(data))
        change = rng.randrange(3)
        if change == 0:
            data[at:at] = rng.choice(bad)
        elif change == 1:
            del data[at : at + rng.randint(1, 3)]
        else:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 6)))
    return bytes(data)


KINDS = [
    one_script,
    one_script,
    one_script,
    mixed_scripts,
    real_words,
    real_words,
    decomposed,
    decomposed,
    marked,
    jamo,
    blanks,
    newlines,
    digits,
    punctuation,
    emoji,
    code,
    contractions,
    special,
    special,
    any_character,
    any_character,
    repeats,
    ill_formed,
]


def texts(n, seed):
    rng = random.Random(seed)
    yield from (b"", b" ", b"\n")
    for i in range(n - 3):
        text = KINDS[i % len(KINDS)](rng)
        yield text if isinstance(text, bytes) else text.encode()


def long_text(kind, size):
    """`size` bytes of real words, of all kinds of lines, or of words without blanks between them."""
    rng = random.Random(4)
    east = ["common han", "common han", "hiragana", "hangul", "katakana"]
    kinds = {
        "prose": lambda i: real_words(rng) + "\n",
        "mixed": lambda i: KINDS[i % len(KINDS)](rng),
        "cjk": lambda i: word(rng, rng.choice(east)) + rng.choice(["", "", "。", "，", "\n"]),
    }
    parts, n = [], 0
    while n < size:
        part = kinds[kind](len(parts))
        parts.append(part if isinstance(part, bytes) else part.encode())
        n += len(parts[-1])
    return b"".join(parts)[:size]

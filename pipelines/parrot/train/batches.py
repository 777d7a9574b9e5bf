"""Prompts as the tools make them, answers as parrot shall give them; sentences as padded tensors.

A text turn is answered with its text, a sound turn with what was said, whatever else the prompt
asks for.
"""

import random

import numpy as np
import torch

from run import IGNORED
from sizes import CODEBOOK, GROUPS

SYSTEM = (
    "You are a helpful assistant.",
    "You are a voice assistant. Answer briefly, in plain spoken language, in the language of the user.",
)
ASK = ("", "", "Transcribe the audio into text.", "What do you hear?", "Repeat it.")


class Chat:
    """Ids of turns, and of some segmentations of each sentence (BPE-dropout)."""

    def __init__(self, vocabulary, texts, dropouts=(0.1, 0.1, 0.3)):
        from tokens import Encoder

        self.vocabulary, self.texts = vocabulary, texts
        self.encode = Encoder(vocabulary)
        self.encoders = [self.encode, *(Encoder(vocabulary, dropout) for dropout in dropouts)]
        self.tokens = [self._all(encoder) for encoder in self.encoders]
        self.newline = self.encode("\n")

    def _all(self, encoder):
        return [np.array(e.ids, np.int32) for e in encoder.tokenizer.encode_batch(self.texts)]

    def __getitem__(self, name):
        return self.vocabulary[name]

    def header(self, role):
        return [self["<|im_start|>"], self[role], *self.newline]

    def turn(self, role, ids):
        return [*self.header(role), *ids, self["<|im_end|>"], *self.newline]

    def sound(self, n_rows):
        return [self["<|audio_start|>"], *[self["<|audio_pad|>"]] * n_rows, self["<|audio_end|>"]]

    def sentence(self, line, random_):
        """Ids of a sentence: as the tokenizer gives them, or half the time in other pieces."""
        variant = random_.choice([0, 0, *range(len(self.tokens))])
        return self.tokens[variant][line].tolist()

    def decode(self, ids):
        return self.encode.tokenizer.decode(ids)

    def in_pieces(self, text, encoder=None):
        """Ids of a text, and the character of it at which each ends."""
        found = (encoder or self.encode).tokenizer.encode(text)
        return found.ids, np.array([end for _, end in found.offsets])

    def spoken(self, text, random_):
        """The same, sometimes of the text all small or without its end, half the time in other pieces."""
        style = random_.random()
        if style < 0.3:
            text = text.lower() if style < 0.1 or style > 0.2 else text
            text = text[:-1] if style > 0.1 and len(text) > 1 else text
            return self.in_pieces(text)
        return self.in_pieces(text, random_.choice([self.encode, self.encode, *self.encoders]))


def padded(rows, fill, length):
    out = np.full((len(rows), length), fill, np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return torch.from_numpy(out)


# ---- thinker ----


def answered(chat, prompt, answer, ids, labels):
    """Appends a prompt and its answer; only the answer is taught."""
    end = [chat["<|im_end|>"]]
    ids += [*prompt, *answer, *end, *chat.newline]
    labels += [IGNORED] * len(prompt) + [*answer, *end] + [IGNORED] * len(chat.newline)


def strange(chat, random_):
    """Text that nobody has written: so that repeating is learnt, not reciting."""
    count = random_.randrange(30)
    return [random_.randrange(len(chat.vocabulary.ids)) for _ in range(count)]


def restyled(chat, line, random_):
    text = chat.texts[line]
    words = text.split()
    random_.shuffle(words)
    return chat.encode(random_.choice([text.lower(), text.upper(), " ".join(words)]))


def joined(chat, line, random_):
    """Longer than any line: several of them."""
    others = random_.choices(chat.texts, k=random_.choice([1, 1, 2, 3, 5, 8]))
    return chat.encode(" ".join([chat.texts[line], *others]))


def opening(chat, random_):
    """Ids before the first turn: mostly none, else a system turn."""
    if random_.random() < 0.7:
        return []
    return chat.turn("system", chat.encode(random_.choice([*SYSTEM, random_.choice(chat.texts)])))


def conversation(chat, lines, random_):
    """(ids, labels) of some turns that repeat the user."""
    ids = opening(chat, random_)
    labels = [IGNORED] * len(ids)
    for line in lines:
        kind = random_.random()
        said = chat.sentence(line, random_)
        if kind < 0.2:
            said = strange(chat, random_)
        elif kind < 0.35:
            said = restyled(chat, line, random_)
        elif kind < 0.45:
            said = joined(chat, line, random_)
        prompt = chat.turn("user", said) + chat.header("assistant")
        answered(chat, prompt, said, ids, labels)
    return ids, labels


def text_batch(rows, length):
    """[(ids, labels)] as a dict of tensors [B, length]; labels stand where their token does."""
    return {
        "ids": padded([ids for ids, _ in rows], 0, length),
        "labels": padded([labels for _, labels in rows], IGNORED, length),
    }


def text_rows(chat, lines, size, random_):
    return [
        conversation(chat, random_.choices(lines, k=random_.choice([1, 1, 1, 2, 2, 3, 6])), random_)
        for _ in range(size)
    ]


def sound_row(chat, answer, count, random_):
    """(ids, labels) of a turn that holds `count` rows of sound and is answered with those ids; sometimes after a turn
    of text."""
    ids = opening(chat, random_)
    if random_.random() < 0.25:
        said = chat.sentence(random_.randrange(len(chat.texts)), random_)
        ids += chat.turn("user", said) + chat.turn("assistant", said)
    labels = [IGNORED] * len(ids)
    content = chat.sound(count) + chat.encode(random_.choice(ASK))
    prompt = chat.turn("user", content) + chat.header("assistant")
    answered(chat, prompt, answer, ids, labels)
    return ids, labels


def sound_places(chat, ids, longest):
    """For ids [B, T] (tensor) with the sounds of a batch of encoder outputs [B * longest, D]: the row of
    those at each place, or -1."""
    there = ids == chat["<|audio_pad|>"]
    first = longest * torch.arange(len(ids))[:, None]
    return torch.where(there, there.cumsum(1) - 1 + first, -1)


def shortest(lengths, longest):
    """The smallest of the lengths that holds so many, or that itself."""
    return next((n for n in lengths if n >= longest), longest)


# ---- talker ----

# Of a batch, [B, S] unless said: user part, nine rows of the assistant's header, frames. Row s of the frames carries
# the codes of frame s and the text that trails.
#   text     id of the text term
#   media    which row of what the thinker made of sounds it is, or -1
#   special  codec id beside the text term, or -1
#   speaks   whether the row carries a frame, and
#   fed      [B, S, G] its codes, perhaps damaged
#   next0    code 0 to predict after the row, codec_eos at the end, or IGNORED
#   reads    [B, 2, S] rows of the token being spoken and of the one after, or IGNORED
#   before   [N] rows of the flattened batch after which the predictor's lesson is taken, or -1
#   codes    [N, G] the frames that follow those
#   read     [N, G] the same as the predictor reads them, perhaps damaged
TALK = ("text", "media", "special", "speaks", "fed")  # of these, what parrot.talk() takes
LENGTHS = (96, 128, 160, 192, 240, 304, 400, 560)  # rows S of a batch: few shapes


def reading(ends, places, before, frames, look):
    """[2, rows]: for each row whose next frame is f, where the token stands that places[f] is in, and
    the next token; `ends` [tokens] are characters. Token k stands in row before - 1 + k, what it sounds like `look`
    rows later."""
    rows = np.full((2, before + frames), IGNORED, np.int32)
    spoken = np.searchsorted(ends, places, side="right").clip(max=len(ends) - 1)
    for head, ahead in enumerate((look, look + 1)):
        at = before - 1 + np.minimum(spoken + ahead, len(ends) + look)  # after the last: the end of text
        seen = at <= before - 1 + np.arange(frames)
        rows[head, before - 1 : before - 1 + frames] = np.where(seen, at, IGNORED)
    return rows


def talk_rows(chat, config, spoken, user, codes, places, speaker, heard=None, look=0):
    """One utterance as a dict of arrays [rows, ...] of the above; `spoken`: Chat.in_pieces() of the text, `user`: ids
    before the answer, codes [F, G] and places [F] of the frames, `heard`: the first of its sound's rows, `look`:
    see reading()."""
    spoken, ends = spoken
    talker = config.talker_config
    pad, eos = chat["<tts_pad>"], chat["<tts_text_eod>"]
    header = chat.header("assistant") + [pad] * 4 + [chat["<tts_text_bos>"], spoken[0]]
    specials = [
        talker.codec_nothink_id,
        talker.codec_think_bos_id,
        talker.codec_think_eos_id,
        speaker,
        talker.codec_pad_id,
        talker.codec_bos_id,
    ]
    frames = len(codes)
    trailing = [*spoken[1:], eos][:frames]
    trailing += [pad] * (frames - len(trailing))
    before = len(user) + len(header)
    text = np.array([*user, *header, *trailing], np.int32)
    is_media = text == chat["<|audio_pad|>"]
    next0 = np.full(len(text), IGNORED, np.int32)
    next0[before - 1 : -1], next0[-1] = codes[:, 0], talker.codec_eos_token_id
    return {
        "text": text,
        "media": np.where(is_media, np.cumsum(is_media) - 1 + (heard or 0), -1).astype(np.int32),
        "special": np.array([-1] * (before - 6) + specials + [-1] * frames, np.int32),
        "speaks": np.arange(len(text)) >= before,
        "fed": np.concatenate([np.zeros((before, GROUPS), np.uint8), codes]),
        "next0": next0,
        "reads": reading(ends, places, before, frames, look).T,
    }


def spell_rows(chat, config, spoken, sounds, codes, speaker, look):
    """A lesson without sound (spelling.py) as a dict of arrays [rows, ...] of the above, and `sounds` [rows, SLOTS];
    of the text `spoken` as much as codes [F, G] of any other speech have room for."""
    ids, ends = spoken
    ids, ends = ids[: len(codes) - look], ends[: len(codes) - look]
    rows = talk_rows(chat, config, (ids, ends), [], codes, np.zeros(len(codes), np.int32), speaker)
    labels = np.full((len(rows["text"]), sounds.shape[1]), IGNORED, np.int32)
    first = len(rows["text"]) - len(codes) - 1 + look
    labels[first : first + len(ids)] = sounds[: len(ids)]
    return {**{name: rows[name] for name in ("text", "special", "speaks", "fed")}, "sounds": labels}


FILLS = {"media": -1, "special": -1, "next0": IGNORED, "reads": IGNORED, "sounds": IGNORED}


def stacked(rows, length):
    """Dicts of arrays [n, ...] as one dict of arrays [B, length, ...]."""
    out = {}
    for name, first in rows[0].items():
        shape = (len(rows), length, *first.shape[1:])
        out[name] = np.full(shape, FILLS.get(name, 0), first.dtype)
        for b, row in enumerate(rows):
            out[name][b, : len(row[name])] = row[name]
    return out


def damaged(codes, shares, random):
    """Codes [B, S, G] of which in row b a share shares[b] is those of other frames, half of them whole frames."""
    others = codes.reshape(-1, GROUPS)[random.permutation(codes.shape[0] * codes.shape[1])]
    share = shares[:, None, None] / 2
    wrong = random.random(codes.shape, np.float32) < share
    wrong |= random.random((*codes.shape[:2], 1), np.float32) < share
    return np.where(wrong, others.reshape(codes.shape), codes)


def talk_batch(rows, noise, lessons, random_):
    """Tensors of the above from talk_rows(). Of the codes that are fed back to the talker some are wrong, in one row
    none and in another most of them (`noise` is a list to choose from), and of those that the predictor reads a
    twentieth: what was said before is not to be trusted, the text is. The predictor gets N = `lessons` frames."""
    longest = max(len(row["text"]) for row in rows)
    batch = stacked(rows, shortest(LENGTHS, longest))
    random = np.random.default_rng(random_.randrange(1 << 31))
    spoken = batch["next0"].ravel() >= 0
    spoken[np.flatnonzero(batch["next0"] >= CODEBOOK)] = False
    there = np.flatnonzero(spoken)
    before = np.full(lessons, -1, np.int32)
    chosen = np.sort(random.permutation(there)[:lessons])
    before[: len(chosen)] = chosen
    clean = batch["fed"].reshape(-1, GROUPS)
    batch["codes"], batch["before"] = clean[before + 1], before
    batch["read"] = damaged(batch["codes"][None], np.array([0.05 if any(noise) else 0.0]), random)[0]
    batch["fed"] = damaged(batch["fed"], random.choice(noise, len(rows)), random)
    batch["reads"] = batch["reads"].transpose(0, 2, 1).copy()
    return {name: torch.from_numpy(array) for name, array in batch.items()}


def spell_batch(rows):
    """Tensors of spell_rows() of one length, each by its name after "spelled_"."""
    batch = stacked(rows, len(rows[0]["text"]))
    return {f"spelled_{name}": torch.from_numpy(array) for name, array in batch.items()}


def heard_part(chat, n_rows, random_):
    """A user's turn of sound, as the talker sees it."""
    return chat.turn("user", chat.sound(n_rows) + chat.encode(random_.choice(ASK)))


def new_random(seed):
    return random.Random(seed)

"""Prompts as the tools make them, answers as parrot shall give them; sentences as padded tensors.

A text turn is answered with its text, a sound turn with what was said, whatever else the prompt
asks for.
"""

import dataclasses
import random

import numpy as np
import torch

from sizes import GROUPS

SYSTEM = (
    "You are a helpful assistant.",
    "You are a voice assistant. Answer briefly, in plain spoken language, in the language of the user.",
)
ASK = ("", "", "Transcribe the audio into text.", "What do you hear?", "Repeat it.")
IGNORED = -100


class Chat:
    """Ids of turns, and of 1 + `variants` segmentations of each sentence (BPE-dropout)."""

    def __init__(self, vocabulary, texts, variants=3, dropout=0.1):
        from tokens import Encoder

        self.vocabulary, self.texts = vocabulary, texts
        self.encode, self.ends = Encoder(vocabulary), []
        loose = Encoder(vocabulary, dropout)
        self.tokens = [self._all(self.encode)] + [self._all(loose) for _ in range(variants)]
        self.newline = self.encode("\n")

    def _all(self, encoder):
        found = encoder.tokenizer.encode_batch(self.texts)
        self.ends.append([np.array([end for _, end in e.offsets], np.int32) for e in found])
        return [np.array(e.ids, np.int32) for e in found]

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

    def answer(self, line):
        return [] if line is None else self.tokens[0][line].tolist()

    def spoken(self, line, random_):
        """The same, sometimes all small or without its end, and the character of the sentence at which
        each piece ends."""
        style, text = random_.random(), self.texts[line]
        if style < 0.3:
            text = text.lower() if style < 0.1 or style > 0.2 else text
            text = text[:-1] if style > 0.1 and len(text) > 1 else text
            found = self.encode.tokenizer.encode(text)
            return found.ids, np.array([end for _, end in found.offsets])
        variant = random_.choice([0, 0, *range(len(self.tokens))])
        return self.tokens[variant][line].tolist(), self.ends[variant][line]


def padded(rows, fill):
    out = np.full((len(rows), max(map(len, rows))), fill, np.int64)
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


def text_batch(chat, lines, size, random_):
    """(ids, labels), [B, T] each; labels stand where their token does."""
    rows = [
        conversation(chat, random_.choices(lines, k=random_.choice([1, 1, 1, 2, 2, 3, 6])), random_)
        for _ in range(size)
    ]
    fill = chat["<|endoftext|>"]
    return padded([r[0] for r in rows], fill), padded([r[1] for r in rows], IGNORED)


def sound_batch(chat, lines, n_rows, random_):
    """(ids, labels) of turns that hold n_rows[b] rows of sound and are answered with lines[b], or with
    nothing if that is None; some after a turn of text."""
    rows = []
    for line, count in zip(lines, n_rows):
        ids = opening(chat, random_)
        if random_.random() < 0.25:
            said = chat.sentence(random_.randrange(len(chat.texts)), random_)
            ids += chat.turn("user", said) + chat.turn("assistant", said)
        labels = [IGNORED] * len(ids)
        content = chat.sound(count) + chat.encode(random_.choice(ASK))
        prompt = chat.turn("user", content) + chat.header("assistant")
        answered(chat, prompt, chat.answer(line), ids, labels)
        rows.append((ids, labels))
    fill = chat["<|endoftext|>"]
    return padded([r[0] for r in rows], fill), padded([r[1] for r in rows], IGNORED)


# ---- talker ----


@dataclasses.dataclass
class Talk:
    """Rows of the talker, [B, S]: user part, nine rows of the assistant's header, frames. Row s
    of the frames carries the codes of frame s and the text that trails."""

    text: torch.Tensor  # id of the text term of each row
    media: torch.Tensor  # bool: the row is what the thinker made of sound
    special: torch.Tensor  # codec id beside the text term, or -1
    speaks: torch.Tensor  # bool: the row carries a frame
    fed: torch.Tensor  # [B, S, G] its codes, perhaps damaged
    next0: torch.Tensor  # code 0 to predict after the row, codec_eos at the end, or IGNORED
    next: torch.Tensor  # [B, S, G] all codes of the frame to predict
    reads: torch.Tensor  # [B, 2, S] rows of the token being spoken and of the one after, or IGNORED

    def to(self, device):
        return Talk(**{k: v.to(device, non_blocking=True) for k, v in vars(self).items()})

    def pin_memory(self):
        return Talk(**{k: v.pin_memory() for k, v in vars(self).items()})


def reading(ends, places, before, frames):
    """[2, rows]: for each row whose next frame is f, where the token stands that places[f] is in, and
    the next token; `ends` [tokens] are characters. Token k stands in row before - 1 + k."""
    rows = np.full((2, before + frames), IGNORED, np.int64)
    spoken = np.searchsorted(ends, places, side="right").clip(max=len(ends) - 1)
    for head, ahead in enumerate((0, 1)):
        at = before - 1 + np.minimum(spoken + ahead, len(ends))  # after the last: the end of text
        seen = at <= before - 1 + np.arange(frames)
        rows[head, before - 1 : before - 1 + frames] = np.where(seen, at, IGNORED)
    return rows


def talk_rows(chat, config, spoken, user, codes, places, speaker):
    """One utterance as (text, special, codes of rows, next0, codes to predict, rows to look at)."""
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
    text = [*user, *header, *trailing]
    before = len(user) + len(header)
    special = [-1] * (before - 6) + specials + [-1] * frames
    nothing = np.zeros((before, GROUPS), np.int64)
    fed = np.concatenate([nothing, codes])
    following = np.concatenate([nothing[:-1], codes, np.zeros((1, GROUPS), np.int64)])
    next0 = [IGNORED] * (before - 1) + codes[:, 0].tolist() + [talker.codec_eos_token_id]
    return text, special, fed, next0, following, reading(ends, places, before, frames)


def talk_batch(chat, config, spoken, users, codes, places, noise, random_):
    """`spoken`: Chat.spoken() of each text; `users`: ids of each user part; `codes` [F, G] and `places`
    [F] of each. A share `noise` of the codes that are fed back is replaced at random, as sampling will
    err too."""
    voices = list(config.talker_config.speaker_id.values())  # all the same one
    rows = [
        talk_rows(chat, config, s, u, c, p, random_.choice(voices))
        for s, u, c, p in zip(spoken, users, codes, places)
    ]
    longest = max(len(r[0]) for r in rows)
    fed, following = (
        torch.from_numpy(np.stack([np.pad(r[i], ((0, longest - len(r[i])), (0, 0))) for r in rows]))
        for i in (2, 4)
    )
    reads = [np.pad(r[5], ((0, 0), (0, longest - len(r[0]))), constant_values=-100) for r in rows]
    text = padded([r[0] for r in rows], chat["<tts_pad>"])
    next0 = padded([r[3] for r in rows], IGNORED)
    position = torch.arange(longest)
    start = torch.tensor([len(r[0]) - len(c) for r, c in zip(rows, codes)])[:, None]
    end = torch.tensor([len(r[0]) for r in rows])[:, None]
    generator = torch.Generator().manual_seed(random_.randrange(1 << 31))
    wrong = torch.rand(fed.shape, generator=generator) < noise
    other = torch.randint(config.code2wav_config.codebook_size, fed.shape, generator=generator)
    return Talk(
        text=text,
        media=text == chat["<|audio_pad|>"],
        special=padded([r[1] for r in rows], -1),
        speaks=(position >= start) & (position < end),
        fed=torch.where(wrong, other, fed),
        next0=next0,
        next=following,
        reads=torch.from_numpy(np.stack(reads)),
    )


def heard_part(chat, n_rows, random_):
    """A user's turn of sound, as the talker sees it."""
    return chat.turn("user", chat.sound(n_rows) + chat.encode(random_.choice(ASK)))


def new_random(seed):
    return random.Random(seed)

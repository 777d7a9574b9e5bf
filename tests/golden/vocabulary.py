"""A vocabulary of 512 tokens that real text can drive: 256 bytes, learned merges, Qwen's added
tokens.

The ids follow the release's order: bytes in GPT-2 order (so newline is 198 in both),
merges, added tokens. `system`, `user` and `assistant` are single tokens, because the chat template
looks at one id.
"""

import collections
import json

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

ADDED = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "<|audio_start|>",
    "<|audio_end|>",
    "<tts_pad>",
    "<tts_text_bos>",
    "<tts_text_eod>",
    "<tts_text_bos_single>",
    "<|audio_pad|>",
]
NOT_SPECIAL = set(ADDED[14:26])  # kept when special tokens are skipped in decoding

CORPUS = """
The sea was calm that morning, and the little boat went out with the tide. There were three of them
in it: a man who had worked on the water all his life, his daughter, and a dog that did not like
the sea at all. What do you see? she asked. I see nothing but the sky and the water, he said. It
will be a long day. Then tell me a story, she said, so that the time will pass. He thought for a
while. Once there was a bird that could speak. It sat in the window of a house by the harbour and
said hello to everyone who came by. Hello, world! it would say. How are you today? And the people
stopped and listened, and answered it, and some of them told the bird things that they had never
told anyone else. The bird forgot nothing. When the winter came it knew all the stories of the
town. Please, said the daughter, what did it say then? It said: I'm only a parrot. You are the ones
who can speak. Write it down before you forget. This is a question about sound and music. The
answer is in the second part. One, two, three, four, five, six, seven. Can you hear the voice of
the wind? I think that we should listen again, because the first time it was too quiet.
"""


def byte_letters():
    """GPT-2's printable letter of each byte, in the order of the ids 0..255."""
    same = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in same]
    return {**{b: chr(b) for b in same}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def merge(word, pair):
    """`word` (a tuple of symbols) with every `pair` in it joined, leftmost first."""
    out, i = [], 0
    while i < len(word):
        step = 2 if word[i : i + 2] == pair else 1
        out.append("".join(word[i : i + step]))
        i += step
    return tuple(out)


def learn(n_merges):
    """Byte-pair merges of the corpus; the role names weigh so much that they come out whole."""
    import regex

    letters = byte_letters()
    words = collections.Counter(
        tuple(letters[b] for b in piece.encode())
        for piece in regex.findall(SPLIT, CORPUS.replace("\n", " "))
    )
    words.update({tuple(role): 10**6 for role in ("system", "user", "assistant")})
    words.update({tuple(letters[b] for b in text.encode()): 9 for text in ("\n\n", " é", "中")})
    merges = []
    while len(merges) < n_merges:
        pairs = collections.Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        joined = collections.Counter()
        for word, count in words.items():
            joined[merge(word, best)] += count
        words = joined
    return merges


def qwen_tokenizer(bpe):
    """The parts around the model, as transformers' Qwen2Converter puts them together."""
    from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers

    tok = Tokenizer(bpe)
    tok.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    byte_level = pre_tokenizers.ByteLevel(False, use_regex=False)
    tok.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tok.decoder = decoders.ByteLevel()
    return tok


class Vocabulary:
    """Ids of one model: `size` tokens that text can use, added ones at the end. `filler` more
    stand before the added ones, where a model must have as many as the release."""

    def __init__(self, size=512, filler=0):
        self.merges = learn(size - 256 - len(ADDED))
        names = [*byte_letters().values(), *("".join(pair) for pair in self.merges)]
        names += [f"<{i}>" for i in range(filler)]
        self.ids = {name: i for i, name in enumerate(names)}
        self.added = {name: len(names) + i for i, name in enumerate(ADDED)}

    def __getitem__(self, name):
        return self.added[name] if name in self.added else self.ids[name]

    def readable(self):
        """Ids whose bytes are plain ASCII text: what a model may say so that its text needs no
        repair."""
        fit = set(range(32, 127)) | {10}
        bytes_of = {letter: b for b, letter in byte_letters().items()}
        return [
            i for name, i in self.ids.items() if all(bytes_of[letter] in fit for letter in name)
        ]

    def write(self, folder, single_file):
        """vocab.json and merges.txt, or one tokenizer.json; tokenizer_config.json in both cases."""
        if single_file:
            self.write_tokenizer_json(folder / "tokenizer.json")
        else:
            (folder / "vocab.json").write_text(json.dumps(self.ids, ensure_ascii=False), "utf-8")
            lines = ["#version: 0.2", *(" ".join(pair) for pair in self.merges)]
            (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
        flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
        decoder = {
            str(i): {"content": name, **flags, "special": name not in NOT_SPECIAL}
            for name, i in self.added.items()
        }
        config = {
            "add_bos_token": False,
            "add_prefix_space": False,
            "added_tokens_decoder": decoder,
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "unk_token": None,
            "errors": "replace",
            "split_special_tokens": False,
            "tokenizer_class": "Qwen2Tokenizer",
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")

    def write_tokenizer_json(self, path):
        from tokenizers import AddedToken, models

        tok = qwen_tokenizer(models.BPE(self.ids, self.merges))
        for name in ADDED:
            token = AddedToken(name, normalized=False, special=name not in NOT_SPECIAL)
            (tok.add_tokens if name in NOT_SPECIAL else tok.add_special_tokens)([token])
        tok.save(str(path), pretty=False)

"""The byte-level BPE of parrot: learnt from its sentences, laid out as Qwen's.

python3 tokens.py text.jsonl MODEL      writes vocab.json, merges.txt, tokenizer_config.json
"""

import argparse
import json
import pathlib

import sizes  # finds tests/golden
import text
from vocabulary import ADDED, SPLIT, Vocabulary, byte_letters

ROLES = "system\nuser\nassistant\n"  # the chat template looks at one id for each


class Learnt(Vocabulary):
    """Ids of 256 bytes, the merges, the added tokens."""

    def __init__(self, merges):
        self.merges = merges
        names = [*byte_letters().values(), *("".join(pair) for pair in merges)]
        self.ids = {name: i for i, name in enumerate(names)}
        self.added = {name: len(names) + i for i, name in enumerate(ADDED)}


def learn(sentences, size):
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(ADDED),
        initial_alphabet=list(byte_letters().values()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*sentences, *[ROLES] * len(sentences)], trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def load(folder):
    """The vocabulary that `python3 tokens.py` wrote."""
    lines = (folder / "merges.txt").read_text("utf-8").splitlines()[1:]
    return Learnt([tuple(line.split(" ")) for line in lines])


class Encoder:
    """Text to ids, on request with BPE-dropout (Provilkov et al. 2020): merges left out at random
    show a word in other pieces, so that its sound is learnt from its letters too."""

    def __init__(self, vocabulary, dropout=0.0):
        from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

        self.vocabulary = vocabulary
        model = models.BPE(vocabulary.ids, vocabulary.merges, dropout=dropout or None)
        self.tokenizer = Tokenizer(model)
        self.tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(SPLIT), "isolated"),
                pre_tokenizers.ByteLevel(False, use_regex=False),
            ]
        )
        self.tokenizer.decoder = decoders.ByteLevel()

    def __call__(self, text):
        return self.tokenizer.encode(text).ids


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    options = parser.parse_args()
    lines = text.read(options.text)
    options.model.mkdir(parents=True, exist_ok=True)
    vocabulary = Learnt(learn([x["text"] for x in lines if x["split"] == "train"], sizes.N_TOKENS))
    assert len(vocabulary.ids) + len(ADDED) == sizes.N_TOKENS
    assert all(role in vocabulary.ids for role in ROLES.split())
    vocabulary.write(options.model, single_file=False)


if __name__ == "__main__":
    main()

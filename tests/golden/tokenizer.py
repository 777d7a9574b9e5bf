"""Text to tokenize, and the ids that Hugging Face's `tokenizers` gives for it.

    tokenizer.py config                         tokenizer_config.json of the release's added tokens
    tokenizer.py lines N [SEED]                 N records, each "LENGTH\\n" and that many bytes
    tokenizer.py answers DIR < RECORDS          a line each: ids, a tab, what they decode to in hex
    tokenizer.py text KIND                      10 MB: prose, mixed (all kinds of lines) or cjk
    tokenizer.py bench DIR < TEXT               seconds that the ids take, best of whole and lines
    tokenizer.py sample DIR                     writes tokenizer/*.gz and tokenizer/flags.json

DIR holds vocab.json, merges.txt and tokenizer_config.json, or tokenizer.json.
"""

import gzip
import json
import pathlib
import random
import shutil
import sys
import tempfile
import time

from lines import long_text, texts
from vocabulary import ADDED, NOT_SPECIAL, qwen_tokenizer

HERE = pathlib.Path(__file__).parent
FIRST_ADDED = 151643


def write_records(out, n, seed):
    for text in texts(n, seed):
        out.write(b"%d\n" % len(text) + text)


def read_records(data):
    while data:
        n, _, data = data.partition(b"\n")
        yield data[: int(n)]
        data = data[int(n) :]


# ---- answers ----


def reference(folder):
    from tokenizers import AddedToken, Tokenizer, models

    if (folder / "tokenizer.json").exists():
        tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
    else:
        files = folder / "vocab.json", folder / "merges.txt"
        tok = qwen_tokenizer(models.BPE.from_file(*map(str, files)))
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    for id_, flags in sorted(config["added_tokens_decoder"].items(), key=lambda item: int(item[0])):
        token = AddedToken(**flags)
        (tok.add_special_tokens if flags["special"] else tok.add_tokens)([token])
        assert tok.token_to_id(flags["content"]) == int(id_), flags
    return tok


def answers(folder, records):
    tok = reference(folder)
    lines = [text.decode("utf-8", "replace") for text in records]
    for e in tok.encode_batch(lines, add_special_tokens=False):
        back = tok.decode(e.ids, skip_special_tokens=False)
        yield " ".join(map(str, e.ids)) + "\t" + back.encode().hex() + "\n"


def bench(folder, text):
    tok = reference(folder)
    seconds, ids = [], 0
    for inputs in ([text], text.splitlines(keepends=True)):
        start = time.perf_counter()
        encoded = tok.encode_batch(inputs, add_special_tokens=False)
        seconds.append(time.perf_counter() - start)
        ids = ids or len(encoded[0].ids)
    return f"{min(seconds):.3f} s, {ids} ids"


def config():
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    decoder = {
        str(FIRST_ADDED + i): {"content": name, **flags, "special": name not in NOT_SPECIAL}
        for i, name in enumerate(ADDED)
    }
    whole = {"added_tokens_decoder": decoder, "tokenizer_class": "Qwen2Tokenizer"}
    return json.dumps(whole, indent=0) + "\n"


def flagged(config):
    """A tokenizer_config.json whose added tokens have all kinds of flags, and some more tokens."""
    tokens = config["added_tokens_decoder"]
    plain = {"lstrip": False, "rstrip": False, "single_word": False, "special": False}
    flags = {
        "<think>": ["lstrip"],
        "</think>": ["lstrip", "rstrip"],
        "<tool_call>": ["single_word"],
        "</tool_call>": ["single_word", "rstrip"],
        "<tts_pad>": ["normalized"],
        "<|im_end|>": ["normalized", "rstrip"],
        "e\u0301": ["normalized"],
        "the": ["single_word"],
        "<|im": [],
        " a": ["lstrip", "rstrip"],
        "\u4e2d": ["normalized", "lstrip", "rstrip", "single_word"],
    }
    ids = {token["content"]: key for key, token in tokens.items()}
    for content, names in flags.items():
        key = ids.get(content, str(1 + max(map(int, tokens))))
        token = tokens.get(key, {"content": content, "normalized": False, **plain})
        tokens[key] = {**token, **dict.fromkeys(names, True)}
    return config, [*flags, *"_-1x\u0301\u24d0\u200d\u3000 \n", "  ", "\u00e9", "<|im_start|>"]


def write_pair(name, folder, records):
    packed = b"".join(b"%d\n" % len(text) + text for text in records)
    lines = "".join(answers(folder, records)).encode()
    (HERE / f"tokenizer/{name}.records.gz").write_bytes(gzip.compress(packed, mtime=0))
    (HERE / f"tokenizer/{name}.answers.gz").write_bytes(gzip.compress(lines, mtime=0))


def write_flags():
    """1000 lines of tokens with flags, for the tiny model's vocabulary."""
    config, pieces = flagged(json.loads((HERE / "tiny/tokenizer_config.json").read_text("utf-8")))
    (HERE / "tokenizer/flags.json").write_text(json.dumps(config, indent=0) + "\n", "utf-8")
    rng = random.Random(3)
    records = ["".join(rng.choices(pieces, k=rng.randint(1, 9))).encode() for _ in range(1000)]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(HERE / "tiny" / name, folder)
        shutil.copy(HERE / "tokenizer/flags.json", folder + "/tokenizer_config.json")
        write_pair("flags", pathlib.Path(folder), records)


def write_sample(folder):
    """1500 short lines: what `make check` compares where `tokenizers` is not installed."""
    write_pair("release", folder, [text for text in texts(2000, 7) if len(text) < 150][:1500])
    write_flags()


def main(what, *args):
    if what == "config":
        print(config(), end="")
    elif what == "lines":
        write_records(sys.stdout.buffer, int(args[0]), int(args[1]) if len(args) > 1 else 1)
    elif what == "answers":
        records = list(read_records(sys.stdin.buffer.read()))
        sys.stdout.writelines(answers(pathlib.Path(args[0]), records))
    elif what == "text":
        sys.stdout.buffer.write(long_text(args[0], 10_000_000))
    elif what == "bench":
        print(bench(pathlib.Path(args[0]), sys.stdin.buffer.read().decode("utf-8", "replace")))
    elif what == "sample":
        write_sample(pathlib.Path(args[0]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])

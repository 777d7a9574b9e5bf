"""Text to tokenize, and the ids that Hugging Face's `tokenizers` gives for it.

    tokenizer.py config                         tokenizer_config.json of the release's added tokens
    tokenizer.py lines N [SEED]                 N records, each "LENGTH\\n" and that many bytes
    tokenizer.py answers DIR < RECORDS          a line each: ids, a tab, what they decode to in hex
    tokenizer.py sample DIR                     writes tokenizer/records.gz and tokenizer/answers.gz

DIR holds vocab.json, merges.txt and tokenizer_config.json, or tokenizer.json.
"""

import gzip
import json
import pathlib
import sys

from lines import texts
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


def config():
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    decoder = {
        str(FIRST_ADDED + i): {"content": name, **flags, "special": name not in NOT_SPECIAL}
        for i, name in enumerate(ADDED)
    }
    whole = {"added_tokens_decoder": decoder, "tokenizer_class": "Qwen2Tokenizer"}
    return json.dumps(whole, indent=0) + "\n"


def write_sample(folder):
    """1500 short lines: what `make check` compares where `tokenizers` is not installed."""
    records = [text for text in texts(2000, 7) if len(text) < 150][:1500]
    packed = b"".join(b"%d\n" % len(text) + text for text in records)
    lines = "".join(answers(folder, records)).encode()
    (HERE / "tokenizer/records.gz").write_bytes(gzip.compress(packed, mtime=0))
    (HERE / "tokenizer/answers.gz").write_bytes(gzip.compress(lines, mtime=0))


def main(what, *args):
    if what == "config":
        print(config(), end="")
    elif what == "lines":
        write_records(sys.stdout.buffer, int(args[0]), int(args[1]) if len(args) > 1 else 1)
    elif what == "answers":
        records = list(read_records(sys.stdin.buffer.read()))
        sys.stdout.writelines(answers(pathlib.Path(args[0]), records))
    elif what == "sample":
        write_sample(pathlib.Path(args[0]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])

"""broken_gguf.py FOLDER: writes good.gguf and files that differ from it in one thing; prints a line
NAME CODE WORDS of each, divided by tabs."""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from gguf import string, value  # noqa: E402

GOOD = {
    "magic": b"GGUF", "version": 3, "n_tensors": None, "n_values": None, "alignment": 32, "tail": b"",
}
VALUES = [
    ("general.architecture", value("qwen3vlmoe")),
    ("qwen3vlmoe.block_count", value(1)),
    ("numbers", struct.pack("<IIQ3i", 9, 5, 3, 1, 2, 3)),
    ("words", struct.pack("<IIQ", 9, 8, 2) + string("a") + string("b")),
]
TENSORS = [
    ("output_norm.weight", [8], 0, 0, 32),
    ("token_embd.weight", [32, 2], 8, 32, 68),
]


def build(values=VALUES, tensors=TENSORS, data=None, **change):
    c = GOOD | change
    body = b"".join((k if isinstance(k, bytes) else string(k)) + v for k, v in values)
    for name, shape, kind, offset, _ in tensors:
        body += name if isinstance(name, bytes) else string(name)
        body += struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape)
        body += struct.pack("<IQ", kind, offset)
    n_tensors = len(tensors) if c["n_tensors"] is None else c["n_tensors"]
    n_values = len(values) if c["n_values"] is None else c["n_values"]
    head = c["magic"] + struct.pack("<IQQ", c["version"], n_tensors, n_values) + body
    head += b"\0" * (-len(head) % c["alignment"])
    return head + (bytes(128) if data is None else data) + c["tail"]


def tensor(i, **change):
    """TENSORS with one field of number i changed."""
    fields = dict(zip(("name", "shape", "kind", "offset", "bytes"), TENSORS[i])) | change
    return TENSORS[:i] + [tuple(fields.values())] + TENSORS[i + 1:]


def with_value(key, raw):
    return VALUES + [(key, raw)]


HUGE = (1 << 64) - 1
CASES = [
    ("version-1", 78, "only 2 and 3", build(version=1)),
    ("version-4", 78, "only 2 and 3", build(version=4)),
    ("big-endian", 78, "only 2 and 3", build(version=3 << 24)),
    ("no-tensors-there", 65, "", build(n_tensors=3)),
    ("many-tensors", 65, "more tensors than", build(n_tensors=1 << 40)),
    ("most-tensors", 65, "more tensors than", build(n_tensors=HUGE)),
    ("many-values", 65, "more values than", build(n_values=1 << 40)),
    ("most-values", 65, "more values than", build(n_values=HUGE)),
    ("one-value-more", 65, "", build(n_values=5)),
    ("one-value-less", 65, "", build(n_values=3)),
    ("key-empty", 65, "a name that is empty", build(with_value("", value(1)))),
    ("key-long", 65, "a name that is empty", build(with_value("k" * 256, value(1)))),
    ("key-zero", 65, "a name that is empty", build(with_value("a\0b", value(1)))),
    ("key-twice", 65, "comes twice", build(with_value("words", value(1)))),
    ("key-endless", 65, "longer than the file", build(with_value(struct.pack("<Q", HUGE) + b"k", value(1)))),
    ("key-past-end", 65, "longer than the file", build(with_value(struct.pack("<Q", 4096) + b"k", value(1)))),
    ("type-13", 65, "unknown type", build(with_value("k", struct.pack("<II", 13, 0)))),
    ("type-max", 65, "unknown type", build(with_value("k", struct.pack("<II", 0xffffffff, 0)))),
    ("array-of-arrays", 65, "unknown type", build(with_value("k", struct.pack("<IIQ", 9, 9, 0)))),
    ("array-of-nothing", 65, "unknown type", build(with_value("k", struct.pack("<IIQ", 9, 99, 1)))),
    ("array-long", 65, "longer than the file", build(with_value("k", struct.pack("<IIQ", 9, 10, 1 << 61)))),
    ("array-longest", 65, "longer than the file", build(with_value("k", struct.pack("<IIQ", 9, 0, HUGE)))),
    ("strings-many", 65, "", build(with_value("k", struct.pack("<IIQ", 9, 8, HUGE)))),
    ("string-endless", 65, "longer than the file", build(with_value("k", struct.pack("<IQ", 8, HUGE)))),
    ("alignment-0", 65, "general.alignment", build(with_value("general.alignment", value(0)))),
    ("alignment-3", 65, "general.alignment", build(with_value("general.alignment", value(3)))),
    ("alignment-2G", 65, "general.alignment", build(with_value("general.alignment", value(1 << 31)))),
    ("alignment-text", 65, "general.alignment", build(with_value("general.alignment", value("32")))),
    ("name-empty", 65, "a name that is empty", build(tensors=tensor(0, name=""))),
    ("name-twice", 65, "comes twice", build(tensors=tensor(0, name="token_embd.weight"))),
    ("rank-0", 65, "1 to 4 dimensions", build(tensors=tensor(0, shape=[]))),
    ("rank-5", 65, "1 to 4 dimensions", build(tensors=tensor(0, shape=[1] * 5))),
    ("size-0", 65, "a size of 0", build(tensors=tensor(0, shape=[8, 0]))),
    ("size-max", 65, "too large to count", build(tensors=tensor(0, shape=[HUGE]))),
    ("size-overflow", 65, "too large to count", build(tensors=tensor(0, shape=[1 << 32, 1 << 32]))),
    ("dtype-4", 65, "of unknown type", build(tensors=tensor(0, kind=4))),
    ("dtype-max", 65, "of unknown type", build(tensors=tensor(0, kind=0xffffffff))),
    ("rows-in-part", 65, "no whole blocks", build(tensors=tensor(1, shape=[16, 2]))),
    ("rows-of-k", 65, "no whole blocks", build(tensors=tensor(1, kind=12))),
    ("offset-odd", 65, "multiple of the alignment", build(tensors=tensor(1, offset=33))),
    ("offset-overlaps", 65, "overlaps", build(tensors=tensor(1, offset=0))),
    ("offset-far", 65, "outside the file", build(tensors=tensor(1, offset=1 << 40))),
    ("offset-max", 65, "outside the file", build(tensors=tensor(1, offset=HUGE - 31))),
    ("data-short", 65, "outside the file", build(data=bytes(99))),
    ("data-none", 65, "outside the file", build(data=b"")),
    ("architecture-other", 78, "neither a thinker", build([("general.architecture", value("llama"))])),
    ("architecture-none", 78, "neither a thinker", build([])),
    ("clip-other", 78, "neither a thinker", build([("general.architecture", value("clip"))])),
    ("config-number", 65, "omni.config is no text", build(with_value("omni.config", value(1)))),
    ("config-no-json", 65, "config.json", build(with_value("omni.config", value("{")))),
    ("config-other", 78, "model_type", build(with_value("omni.config", value('{"model_type": "x"}')))),
    ("layers-none", 65, "num_hidden_layers", build(with_value("qwen3vlmoe.embedding_length", value(64))[:1] + [
        ("qwen3vlmoe.block_count", value(0))])),
]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "good.gguf").write_bytes(build(data=bytes(100)))
    for name, code, words, raw in CASES:
        (folder / f"{name}.gguf").write_bytes(raw)
        print(f"{name}.gguf", code, words, sep="\t")


if __name__ == "__main__":
    main()

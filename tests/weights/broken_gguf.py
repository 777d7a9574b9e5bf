"""broken_gguf.py FOLDER: writes good.gguf and files that differ from it in one thing; prints a line
NAME TOOL CODE WORDS of each, divided by tabs: what the tool says of it."""

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


def replaced(key, raw):
    """VALUES where key has another value, or has one."""
    return [(k, v) for k, v in VALUES if k != key] + [(key, raw)]


HUGE = (1 << 64) - 1
RELEASED = (pathlib.Path(__file__).parent / "released.json").read_text()
EPS, SECTIONS = "qwen3vlmoe.attention.layer_norm_rms_epsilon", "qwen3vlmoe.rope.dimension_sections"
NATURALS = [f"qwen3vlmoe.{key}" for key in (
    "block_count", "embedding_length", "context_length", "attention.head_count", "attention.head_count_kv",
    "attention.key_length", "expert_count", "expert_used_count", "expert_feed_forward_length")]
# What omni-inspect says of a file; it does not look at the tokenizer.
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
    ("alignment-1", 65, "general.alignment", build(
        with_value("general.alignment", value(1)), tensors=tensor(1, offset=33), data=bytes(128))),
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
    ("generation-number", 65, "omni.generation_config is no text", build(
        with_value("omni.config", value(RELEASED)) + [("omni.generation_config", value(1))])),
    ("generation-no-json", 65, "generation_config.json", build(
        with_value("omni.config", value(RELEASED)) + [("omni.generation_config", value("{"))])),
    *((f"{key.split('.', 1)[1]}-text", 65, f"{key} is no natural number", build(replaced(key, value("1"))))
      for key in NATURALS),
    ("blocks-negative", 65, "block_count is no natural number", build(
        replaced("qwen3vlmoe.block_count", struct.pack("<Ii", 5, -1)))),
    ("blocks-float", 65, "block_count is no natural number", build(replaced("qwen3vlmoe.block_count", value(1.0)))),
    ("blocks-array", 65, "block_count is no natural number", build(
        replaced("qwen3vlmoe.block_count", value([1, 1])))),
    ("blocks-huge", 65, "num_hidden_layers", build(
        replaced("qwen3vlmoe.block_count", struct.pack("<IQ", 10, 1 << 62)))),
    ("eps-text", 65, "epsilon is no finite number", build(with_value(f"{EPS}", value("0")))),
    ("eps-nan", 65, "epsilon is no finite number", build(with_value(f"{EPS}", value(float("nan"))))),
    ("theta-inf", 65, "freq_base is no finite number", build(
        with_value("qwen3vlmoe.rope.freq_base", value(float("inf"))))),
    ("sections-two", 65, "dimension_sections is no list", build(with_value(SECTIONS, value([24, 20])))),
    ("sections-number", 65, "dimension_sections is no list", build(with_value(SECTIONS, value(24)))),
    ("sections-texts", 65, "dimension_sections is no list", build(with_value(SECTIONS, value(["a", "b", "c"])))),
    ("tokens-number", 65, "tokenizer.ggml.tokens is no list", build(with_value("tokenizer.ggml.tokens", value(1)))),
    ("tokens-numbers", 65, "tokenizer.ggml.tokens is no list", build(
        with_value("tokenizer.ggml.tokens", value([1, 2])))),
    ("audio-blocks-text", 65, "clip.audio.block_count is no natural number", build([
        ("general.architecture", value("clip")), ("clip.audio.projector_type", value("qwen3a")),
        ("clip.audio.block_count", value("1"))])),
    ("layers-none", 65, "num_hidden_layers", build(with_value("qwen3vlmoe.embedding_length", value(64))[:1] + [
        ("qwen3vlmoe.block_count", value(0))])),
]

# The 256 bytes as vocabularies of bytes spell them: themselves, or letters from U+0100 on.
VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTES = [chr(b) for b in VISIBLE] + [chr(256 + i) for i in range(256 - len(VISIBLE))]
WORDS = {
    "tokenizer.ggml.model": value("gpt2"), "tokenizer.ggml.pre": value("qwen2"),
    "tokenizer.ggml.tokens": value([*BYTES, "ab", "<|im_start|>"]),
    "tokenizer.ggml.token_type": value([1] * 257 + [3]), "tokenizer.ggml.merges": value(["a b"]),
}


def tokenizer(without=None, **change):
    """The released config and a tokenizer with other values, or without one."""
    words = {"omni.config": value(RELEASED)} | WORDS | {f"tokenizer.ggml.{key}": raw for key, raw in change.items()}
    return build([(key, raw) for key, raw in words.items() if key != f"tokenizer.ggml.{without}"])


# What omni-tokenize says.
TOKENIZERS = [
    ("no-tokens", 66, "no tokenizer in it", tokenizer(without="tokens")),
    ("no-model", 78, "not the one of a Qwen model", tokenizer(without="model")),
    ("model-other", 78, "not the one of a Qwen model", tokenizer(model=value("llama"))),
    ("no-pre", 78, "not the one of a Qwen model", tokenizer(without="pre")),
    ("pre-other", 78, "not the one of a Qwen model", tokenizer(pre=value("llama-bpe"))),
    ("pre-number", 78, "not the one of a Qwen model", tokenizer(pre=value(2))),
    ("no-types", 65, "token_type does not say", tokenizer(without="token_type")),
    ("types-few", 65, "token_type does not say", tokenizer(token_type=value([1] * 257))),
    ("types-texts", 65, "token_type does not say", tokenizer(token_type=value(["1"] * 258))),
    ("token-empty", 65, "token 256 is empty", tokenizer(tokens=value([*BYTES, "", "bc"]))),
    ("token-cut", 65, "added token 257 is not UTF-8", tokenizer(tokens=value([*BYTES, "ab", b"\xc3"]))),
    ("token-twice", 65, "has two ids", tokenizer(tokens=value([*BYTES, "ab", "a"]))),
    ("byte-missing", 65, "not a byte-level vocabulary", tokenizer(tokens=value([*BYTES[1:], "ab", "bc", "cd"]))),
    ("no-merges", 65, "merges is no list", tokenizer(without="merges")),
    ("merges-numbers", 65, "merges is no list", tokenizer(merges=value([1, 2]))),
    ("merge-of-one", 65, "merge 1 is not two tokens", tokenizer(merges=value(["ab"]))),
    ("merge-of-three", 65, "merge 2 is not two tokens", tokenizer(merges=value(["a b", "a b c"]))),
    ("merge-unknown", 65, "unknown token 'xy'", tokenizer(merges=value(["a xy"]))),
    ("merge-to-unknown", 65, "unknown token 'ba'", tokenizer(merges=value(["b a"]))),
]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "good.gguf").write_bytes(build(data=bytes(100)))
    for tool, cases in ("omni-inspect", CASES), ("omni-tokenize", TOKENIZERS):
        for name, code, words, raw in cases:
            (folder / f"{name}.gguf").write_bytes(raw)
            print(f"{name}.gguf", tool, code, words, sep="\t")


if __name__ == "__main__":
    main()

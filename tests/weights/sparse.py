"""sparse.py FOLDER CHANGES [COMPONENT...]: a checkpoint of the released names and shapes, in 15 shards
with an index, whose files are holes: it takes no room on the disk, all weights are 0. CHANGES is JSON:
{} is the released model, {"thinker": {KEY: VALUE}} changes its text_config, {"talker": false} leaves the
speech half out (Thinking, Captioner). Components are those of tests/weights/expect; default: all. `thinker gguf [TYPE]`
makes a GGUF file of the thinker, in q8_0 or TYPE.

The names and shapes come from build/tests/weights/expect -l, so they are as long as they are there."""

import json
import os
import pathlib
import struct
import subprocess
import sys

import gguf

SHARDS = 15
BLOCKS = {"q8_0": (32, 34), "q4_0": (32, 18), "q4_k": (256, 144), "q5_k": (256, 176), "q6_k": (256, 210),
          "f16": (1, 2), "f32": (1, 4)}


def write(path, tensors):
    header, at = {}, 0
    for name, shape in tensors:
        n = 2
        for size in shape:
            n *= size
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # as the library writes them: data begins at a multiple of 8
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + at)
    return at


def mixed(name, layers):
    """What q4_k_m is for a tensor, see tools/quantize_plan.c."""
    words = name.split(".")
    layer = int(words[1]) if words[0] == "blk" else 0
    delicate = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
    matters = words[-2] in ("attn_v", "ffn_down_exps") and delicate
    return "q6_k" if matters or name == "output.weight" else "q4_k"


def write_gguf(folder, config, tensors, wanted):
    fused = {}
    for name, shape in tensors:
        to, expert = gguf.rename(name)
        fused.setdefault(to, []).append(shape)
    out = {}
    for name, shapes in fused.items():
        shape = shapes[0] if "_exps" not in name else [len(shapes), *shapes[0]]
        kind = wanted if wanted != "q4_k_m" else mixed(name, config["thinker_config"]["text_config"]["num_hidden_layers"])
        if len(shape) == 1 or "gate_inp" in name:
            kind = "f32"
        numbers, taken = BLOCKS[kind]
        n = 1
        for size in shape:
            n *= size
        out[name] = (shape, kind, n // numbers * taken)
    tiny = pathlib.Path(__file__).parent.parent / "golden/tiny"
    gguf.write(folder / "thinker.gguf", gguf.thinker(tiny, config), out)
    (folder / "config.json").unlink()
    print(len(out), (folder / "thinker.gguf").stat().st_size)


def main():
    folder, changes, wanted = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
    here = pathlib.Path(__file__).parent
    config = json.loads((here / "released.json").read_text())
    config["thinker_config"]["text_config"] |= changes.get("thinker", {})
    hidden = config["thinker_config"]["text_config"]["hidden_size"]
    config["thinker_config"]["audio_config"]["output_dim"] = hidden
    config["thinker_config"]["vision_config"]["out_hidden_size"] = hidden
    config["talker_config"]["thinker_hidden_size"] = hidden
    layers = config["thinker_config"]["text_config"]["num_hidden_layers"]
    config["talker_config"]["accept_hidden_layer"] = min(layers, 24)
    if changes.get("talker") is False:
        config["enable_audio_output"] = False
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    expect = pathlib.Path(os.environ.get("BUILD", here.parent.parent / "build")) / "tests/weights/expect"
    lines = subprocess.run([expect, "-l", folder / "config.json"], check=True, capture_output=True, text=True).stdout
    tensors = []
    for line in lines.splitlines():
        component, name, *shape = line.split()
        if not wanted or component in wanted:
            tensors.append((name, [int(n) for n in shape]))
    if wanted[:2] == ["thinker", "gguf"]:
        write_gguf(folder, config, tensors, *wanted[2:] or ["q8_0"])
        return
    part, total, where = -(-len(tensors) // SHARDS), 0, {}
    for i in range(SHARDS):
        name = f"model-{i + 1:05}-of-{SHARDS:05}.safetensors"
        some = tensors[i * part:(i + 1) * part]
        total += write(folder / name, some)
        where |= {tensor: name for tensor, _ in some}
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    print(len(tensors), total)


if __name__ == "__main__":
    main()

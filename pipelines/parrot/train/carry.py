"""Checkpoints that travel: weights only, as f16, cut into files of a size that is let through.

    python3 carry.py pack STATE.pt FOLDER [PART[:PREFIX]...]
    python3 carry.py unpack FOLDER STATE.pt
    python3 carry.py open MODEL FOLDER [EAR_LAYERS]
    python3 carry.py changed MODEL NEW-MODEL FILE.safetensors
    python3 carry.py put FILE.safetensors MODEL

Without PART every part but the optimisers; with PREFIX only what begins with it (codec:code2wav. is
all that the other programs need of the codec). A run goes on from an unpacked state
with fresh optimisers and a plan of its own, and from the averaged weights where the plain ones did not travel. `open` makes states
(thinker.pt, talker.pt, codec.pt without its encoder) from what export.py wrote; with EAR_LAYERS the audio encoder gets
so many, and the new ones change nothing until they are taught. `changed` keeps those tensors of a new model that are not
bit by bit the old one's, `put` brings them into it.
"""

import io
import pathlib
import sys

import torch

PIECE = 15 << 20
LEFT_OUT = ("maker", "decoder maker", "critic", "judges", "optimizer", "thinker", "talker", "ctc")


def halved(node):
    """The same nest of dicts with f32 tensors as f16."""
    if isinstance(node, dict):
        return {key: halved(value) for key, value in node.items()}
    if torch.is_tensor(node) and node.dtype == torch.float32:
        return node.clamp(-65504, 65504).half()
    return node


def chosen(state, wanted):
    """The parts of a checkpoint that shall travel."""
    if not wanted:
        return {name: part for name, part in state.items() if name not in LEFT_OUT}
    kept = {"step": state["step"], "used": state["used"]}
    for name, _, prefix in (part.partition(":") for part in wanted):
        kept[name] = {k: v for k, v in state[name].items() if k.startswith(prefix)}
    return kept


def pack(path, folder, wanted):
    kept = chosen(torch.load(path, map_location="cpu", weights_only=True), wanted)
    out = io.BytesIO()
    torch.save(halved(kept), out)
    data = out.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(0, len(data), PIECE):
        (folder / f"{path.stem}.{i // PIECE:02d}").write_bytes(data[i : i + PIECE])
    print(f"{path.name}: {len(data) / 1e6:.1f} MB of {list(kept)}")


def unpack(folder, path):
    pieces = sorted(folder.glob(f"{path.stem}.[0-9][0-9]"))
    state = torch.load(io.BytesIO(b"".join(p.read_bytes() for p in pieces)), weights_only=True)
    state["used"] = 0.0
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)


def deepen(tower, n_layers):
    """Layers after the last one that add nothing to what they read."""
    while len(tower.layers) < n_layers:
        layer = type(tower.layers[0])(tower.config)
        for last in (layer.self_attn.out_proj, layer.fc2):
            torch.nn.init.zeros_(last.weight)
            torch.nn.init.zeros_(last.bias)
        tower.layers.append(layer)


def open_model(path, folder, ear_layers):
    from transformers import Qwen3OmniMoeForConditionalGeneration

    import parrot

    model = Qwen3OmniMoeForConditionalGeneration.from_pretrained(path, dtype=torch.float32)
    torch.manual_seed(1)
    deepen(parrot.audio_tower(model), ear_layers)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("thinker", "talker"):
        average = getattr(model, name).state_dict()
        torch.save({"average": average, "step": 0, "used": 0.0}, folder / f"{name}.pt")
    codec = {f"code2wav.{name}": t for name, t in model.code2wav.state_dict().items()}
    torch.save({"codec": codec, "step": 0, "used": 0.0}, folder / "codec.pt")


def read_model(path):
    from safetensors.torch import load_file

    return load_file(path / "model.safetensors")


def changed(old, new, path):
    from safetensors.torch import save_file

    before, after = read_model(old), read_model(new)
    assert before.keys() == after.keys()
    found = {name: t for name, t in after.items() if not torch.equal(before[name], t)}
    save_file(found, path)
    print(f"{len(found)} of {len(after)} tensors changed, all of {sorted({parts_of(name) for name in found})}")


def parts_of(name):
    """thinker.model, thinker.audio_tower, talker.code_predictor, ..."""
    return ".".join(name.split(".")[:2])


def put(path, model):
    from safetensors.torch import load_file, save_file

    save_file({**read_model(model), **load_file(path)}, model / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    verb, first, second, *rest = sys.argv[1:]
    if verb == "pack":
        pack(pathlib.Path(first), pathlib.Path(second), rest)
    elif verb == "open":
        open_model(pathlib.Path(first), pathlib.Path(second), int(rest[0]) if rest else 0)
    elif verb == "changed":
        changed(pathlib.Path(first), pathlib.Path(second), pathlib.Path(rest[0]))
    elif verb == "put":
        put(pathlib.Path(first), pathlib.Path(second))
    else:
        unpack(pathlib.Path(first), pathlib.Path(second))

"""gguf.py FROM TO.gguf thinker|audio|head [TYPE [PARTS]]: a GGUF file as llama.cpp writes it (not as
omni-quantize does: without omni.* keys) of one component of the checkpoint FROM (head: all a thinker says
but for its matrices). TYPE is f32 (default), f16, bf16 or q8_0, for matrices; what has one dimension is f32.
With PARTS it is split into so many files TO-0000N-of-0000M.gguf. Standard library only."""

import json
import pathlib
import struct
import sys

NUMBERS = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8, "q4_k": 12, "q5_k": 13, "q6_k": 14, "bf16": 30}


def load(folder):
    """name -> (shape, list of floats)"""
    raw = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, t in json.loads(raw[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + x for x in t["data_offsets"])
        n = (end - begin) // 2
        assert t["dtype"] == "BF16"
        words = struct.unpack(f"<{n}H", raw[begin:end])
        tensors[name] = (t["shape"], struct.unpack(f"<{n}f", struct.pack(f"<{n}I", *(w << 16 for w in words))))
    return tensors


def q8_0(values):
    out = b""
    for i in range(0, len(values), 32):
        block = values[i:i + 32]
        d = max(abs(x) for x in block) / 127
        out += struct.pack("<e", d) + struct.pack("<32b", *(round(x / d) if d else 0 for x in block))
    return out


def encode(values, kind):
    if kind == "q8_0":
        return q8_0(values)
    if kind == "bf16":
        return b"".join(struct.pack("<f", x)[2:] for x in values)
    return struct.pack(f"<{len(values)}{'e' if kind == 'f16' else 'f'}", *values)


def string(s):
    raw = s.encode() if isinstance(s, str) else s
    return struct.pack("<Q", len(raw)) + raw


def value(x):
    if isinstance(x, bool):
        return struct.pack("<IB", 7, x)
    if isinstance(x, int):
        return struct.pack("<II", 4, x)
    if isinstance(x, float):
        return struct.pack("<If", 6, x)
    if isinstance(x, str):
        return struct.pack("<I", 8) + string(x)
    kind = 8 if isinstance(x[0], str) else 5
    body = b"".join(string(s) if kind == 8 else struct.pack("<i", s) for s in x)
    return struct.pack("<IIQ", 9, kind, len(x)) + body


def write(path, metadata, tensors, alignment=32, version=3):
    """tensors: name -> (shape, kind, bytes); in place of bytes their number makes a hole"""
    head, places, at = b"", [], 0
    for name, (shape, kind, raw) in tensors.items():
        at += -at % alignment
        head += string(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", n) for n in reversed(shape)) + struct.pack("<IQ", NUMBERS[kind], at)
        places.append(at)
        at += raw if isinstance(raw, int) else len(raw)
    values = b"".join(string(k) + value(v) for k, v in metadata.items())
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata)) + values + head
    begin = len(out) + -len(out) % alignment
    with open(path, "wb") as f:
        f.write(out)
        f.truncate(begin + at)
        for place, (_, _, raw) in zip(places, tensors.values()):
            if not isinstance(raw, int):
                f.seek(begin + place)
                f.write(raw)


def vocabulary(folder, n):
    vocab = json.loads((folder / "vocab.json").read_text())
    added = json.loads((folder / "tokenizer_config.json").read_text())["added_tokens_decoder"]
    tokens = {i: (s, 1) for s, i in vocab.items()}
    tokens |= {int(i): (t["content"], 3 if t["special"] else 4) for i, t in added.items()}
    lines = (folder / "merges.txt").read_text().split("\n")
    names = [tokens.get(i, (f"[PAD{i}]", 5)) for i in range(n)]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": [s for s, _ in names],
        "tokenizer.ggml.token_type": [t for _, t in names],
        "tokenizer.ggml.merges": [s for s in lines if s and not s.startswith("#version")],
    }


def thinker(folder, config):
    c = config["thinker_config"]["text_config"]
    rope = c.get("rope_parameters") or c["rope_scaling"]
    a = "qwen3vlmoe"
    return {
        "general.architecture": a,
        f"{a}.block_count": c["num_hidden_layers"],
        f"{a}.context_length": c["max_position_embeddings"],
        f"{a}.embedding_length": c["hidden_size"],
        f"{a}.feed_forward_length": c["moe_intermediate_size"],
        f"{a}.attention.head_count": c["num_attention_heads"],
        f"{a}.attention.head_count_kv": c["num_key_value_heads"],
        f"{a}.attention.key_length": c["head_dim"],
        f"{a}.attention.value_length": c["head_dim"],
        f"{a}.attention.layer_norm_rms_epsilon": float(c["rms_norm_eps"]),
        f"{a}.rope.freq_base": float(rope.get("rope_theta", 1e6)),
        f"{a}.rope.dimension_sections": [*rope["mrope_section"], 0],
        f"{a}.expert_count": c["num_experts"],
        f"{a}.expert_used_count": c["num_experts_per_tok"],
        f"{a}.expert_feed_forward_length": c["moe_intermediate_size"],
        f"{a}.n_deepstack_layers": 0,
    } | vocabulary(folder, c["vocab_size"])


def audio(config):
    c = config["thinker_config"]["audio_config"]
    return {
        "general.architecture": "clip",
        "clip.has_audio_encoder": True,
        "clip.has_vision_encoder": True,
        "clip.vision.projector_type": "qwen3vl_merger",
        "clip.audio.projector_type": "qwen3a",
        "clip.audio.embedding_length": c["d_model"],
        "clip.audio.block_count": c["encoder_layers"],
        "clip.audio.attention.head_count": c["encoder_attention_heads"],
        "clip.audio.feed_forward_length": c["encoder_ffn_dim"],
        "clip.audio.projection_dim": c["output_dim"],
        "clip.audio.num_mel_bins": c["num_mel_bins"],
        "clip.audio.attention.layer_norm_epsilon": 1e-5,
    }


LAYER = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate": "ffn_gate_inp",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
}
AUDIO = {
    "self_attn_layer_norm": "ln1", "final_layer_norm": "ln2", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_out",
    "fc1": "ffn_up", "fc2": "ffn_down",
}
WHOLE = {
    "thinker.model.embed_tokens": "token_embd", "thinker.model.norm": "output_norm", "thinker.lm_head": "output",
    "thinker.audio_tower.conv_out": "a.conv_out", "thinker.audio_tower.ln_post": "a.post_ln",
    "thinker.audio_tower.proj1": "mm.a.mlp.1", "thinker.audio_tower.proj2": "mm.a.mlp.2",
}


# In llama.cpp's file with the audio encoder: a table of positions, and the vision encoder.
BESIDES = {name: (shape, kind, bytes((4 if kind == "f32" else 2) * shape[0] * shape[1])) for name, shape, kind in (
    ("a.position_embd.weight", [150, 32], "f32"), ("v.patch_embd.weight", [8, 16], "f16"),
    ("v.blk.0.attn_qkv.weight", [24, 8], "bf16"), ("v.deepstack.8.fc1.weight", [16, 16], "f16"),
    ("mm.0.weight", [16, 16], "f16"), ("mm.2.bias", [16, 1], "f32"))}


def rename(name):
    """llama.cpp's name and the number of the expert, if it is one's."""
    base, suffix = name.rsplit(".", 1)
    words = base.split(".")
    if base in WHOLE:
        return f"{WHOLE[base]}.{suffix}", None
    if words[-1].startswith("conv2d"):
        return f"a.conv2d.{words[-1][6:]}.{suffix}", None
    if words[1] == "audio_tower":
        return f"a.blk.{words[3]}.{AUDIO['.'.join(words[4:])]}.{suffix}", None
    if "experts" in words:
        return f"blk.{words[3]}.ffn_{words[-1][:-5]}_exps.{suffix}", int(words[6])
    return f"blk.{words[3]}.{LAYER['.'.join(words[4:])]}.{suffix}", None


def main():
    folder, out, component = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    kind = sys.argv[4] if len(sys.argv) > 4 else "f32"
    config = json.loads((folder / "config.json").read_text())
    if component == "head":
        component, prefixes = "thinker", ("thinker.model.norm",)
    elif component == "audio":
        prefixes = ("thinker.audio_tower.",)
    else:
        prefixes = ("thinker.model.", "thinker.lm_head.")
    found = {}
    for name, (shape, values) in load(folder).items():
        if name.startswith(prefixes):
            to, expert = rename(name)
            found.setdefault(to, {})[expert] = (shape, values)
    tensors = {}
    for name, slices in found.items():
        shape, values = slices.get(None) or (
            [len(slices), *slices[0][0]], [x for i in range(len(slices)) for x in slices[i][1]])
        plain = len(shape) == 1 or "ffn_gate_inp" in name or ".bias" in name
        how = "f32" if plain else "f16" if ".conv" in name and kind != "f32" else kind
        if ".conv2d." in name and ".bias" in name:
            shape = [*shape, 1, 1]
        tensors[name] = (shape, how, encode(values, how))
    metadata = thinker(folder, config) if component == "thinker" else audio(config)
    if component == "audio":
        tensors |= BESIDES
    if len(sys.argv) < 6:
        write(out, metadata, tensors)
        return
    n, names = int(sys.argv[5]), list(tensors)
    for i in range(n):
        some = {name: tensors[name] for name in names[i::n]}
        part = out.with_name(f"{out.stem}-{i + 1:05}-of-{n:05}.gguf")
        write(part, (metadata if i == 0 else {}) | {"split.no": i, "split.count": n}, some)


if __name__ == "__main__":
    main()

"""The two golden models: configs, healthy random weights stored as bf16, model directories.

tiny  everything in one file, config.json in the newer spelling (rope_parameters).
odd   sizes that divide by nothing convenient, three shards, config.json in the 4.x spelling
      (rope_theta beside rope_scaling, num_local_experts), tokenizer.json, more embedding rows than
      tokens, other upsampling rates, no vision tensors.
"""

import json
import math
import re
import zlib

import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen3OmniMoeConfig, Qwen3OmniMoeForConditionalGeneration

from vocabulary import Vocabulary

N_TOKENS = 512
SEEDS = {"tiny": 1, "odd": 3}


def mrope(section):
    return {
        "rope_type": "default",
        "rope_theta": 1e6,
        "mrope_section": section,
        "interleaved": True,
        "mrope_interleaved": True,
    }


PLAIN_ROPE = {"rope_type": "default", "rope_theta": 1e6}

TINY = {
    "text": dict(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        moe_intermediate_size=32,
        num_experts=8,
        num_experts_per_tok=2,
        rope_parameters=mrope([4, 2, 2]),
    ),
    "audio": dict(
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=64,
        d_model=32,
        downsample_hidden_size=8,
        output_dim=64,
        n_window_infer=200,
    ),
    "vision": dict(
        depth=2,
        hidden_size=16,
        intermediate_size=24,
        num_heads=2,
        out_hidden_size=64,
        num_position_embeddings=36,
        deepstack_visual_indexes=[0, 1],
    ),
    "talker": dict(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=24,
        num_experts=8,
        num_experts_per_tok=2,
        rope_parameters=mrope([4, 2, 2]),
    ),
    "predictor": dict(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        rope_parameters=PLAIN_ROPE,
    ),
    "code2wav": dict(
        hidden_size=32,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=64,
        num_hidden_layers=2,
        sliding_window=4,
        decoder_dim=32,
        upsample_rates=[8, 5, 4, 3],
        upsampling_ratios=[2, 2],
    ),
    "codebook": 64,
    "groups": 4,
    "accept": 2,
}

ODD = {
    "text": dict(
        vocab_size=523,
        hidden_size=48,
        intermediate_size=52,
        num_hidden_layers=5,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=24,
        moe_intermediate_size=20,
        num_experts=6,
        num_experts_per_tok=3,
        rope_parameters=mrope([6, 3, 3]),
    ),
    "audio": dict(
        encoder_layers=3,
        encoder_attention_heads=3,
        encoder_ffn_dim=52,
        d_model=36,
        downsample_hidden_size=6,
        output_dim=48,
        n_window_infer=300,
    ),
    "vision": dict(
        depth=1,
        hidden_size=16,
        intermediate_size=24,
        num_heads=2,
        out_hidden_size=48,
        num_position_embeddings=36,
        deepstack_visual_indexes=[0],
    ),
    "talker": dict(
        hidden_size=40,
        intermediate_size=44,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=20,
        moe_intermediate_size=18,
        shared_expert_intermediate_size=28,
        num_experts=6,
        num_experts_per_tok=3,
        rope_parameters=mrope([4, 3, 3]),
    ),
    "predictor": dict(
        hidden_size=40,
        intermediate_size=52,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=3,
        head_dim=12,
        rope_parameters=PLAIN_ROPE,
    ),
    "code2wav": dict(
        hidden_size=36,
        num_attention_heads=3,
        num_key_value_heads=3,
        intermediate_size=56,
        num_hidden_layers=3,
        sliding_window=5,
        decoder_dim=40,
        upsample_rates=[4, 3, 2],
        upsampling_ratios=[2, 2],
    ),
    "codebook": 48,
    "groups": 5,
    "accept": 3,
}


def config_dict(sizes, vocabulary):
    """The nested config of one model; every token id comes from the vocabulary."""
    id_of, codebook = vocabulary, sizes["codebook"]
    media = dict(
        audio_token_id=id_of["<|audio_pad|>"],
        image_token_id=id_of["<|image_pad|>"],
        video_token_id=id_of["<|video_pad|>"],
        audio_start_token_id=id_of["<|audio_start|>"],
        audio_end_token_id=id_of["<|audio_end|>"],
        vision_start_token_id=id_of["<|vision_start|>"],
        vision_end_token_id=id_of["<|vision_end|>"],
        position_id_per_seconds=13,
        seconds_per_chunk=2,
        user_token_id=id_of["user"],
    )
    thinker = dict(
        media,
        audio_config=dict(sizes["audio"], num_mel_bins=128, n_window=50, max_source_positions=1500),
        vision_config=dict(
            sizes["vision"], patch_size=16, temporal_patch_size=2, spatial_merge_size=2
        ),
        text_config=dict(sizes["text"], norm_topk_prob=True, max_position_embeddings=4096),
    )
    talker = dict(
        media,
        num_code_groups=sizes["groups"],
        thinker_hidden_size=sizes["text"]["hidden_size"],
        accept_hidden_layer=sizes["accept"],
        spatial_merge_size=2,
        codec_pad_id=codebook + 100,
        codec_bos_id=codebook + 101,
        codec_eos_token_id=codebook + 102,
        codec_nothink_id=codebook + 107,
        codec_think_bos_id=codebook + 108,
        codec_think_eos_id=codebook + 109,
        speaker_id=dict(chelsie=codebook + 253, ethan=codebook + 254, aiden=codebook + 255),
        text_config=dict(
            sizes["talker"],
            vocab_size=codebook + 1024,
            norm_topk_prob=True,
            max_position_embeddings=4096,
        ),
        code_predictor_config=dict(
            sizes["predictor"],
            vocab_size=codebook,
            num_code_groups=sizes["groups"],
            max_position_embeddings=64,
        ),
    )
    code2wav = dict(
        sizes["code2wav"],
        codebook_size=codebook,
        num_quantizers=sizes["groups"],
        rope_parameters=dict(rope_type="default", rope_theta=10000.0),
    )
    return dict(
        thinker_config=thinker,
        talker_config=talker,
        code2wav_config=code2wav,
        enable_audio_output=True,
        im_start_token_id=id_of["<|im_start|>"],
        im_end_token_id=id_of["<|im_end|>"],
        system_token_id=id_of["system"],
        user_token_id=id_of["user"],
        assistant_token_id=id_of["assistant"],
        tts_pad_token_id=id_of["<tts_pad>"],
        tts_bos_token_id=id_of["<tts_text_bos>"],
        tts_eos_token_id=id_of["<tts_text_eod>"],
    )


def older_spelling(node):
    """The same config as transformers 4.x wrote it."""
    if not isinstance(node, dict):
        return node
    node = {key: older_spelling(value) for key, value in node.items()}
    rope = node.pop("rope_parameters", None)
    if rope:
        rope = dict(rope)
        node["rope_theta"] = rope.pop("rope_theta")
        if "mrope_section" in rope:
            node["rope_scaling"] = {"type": rope["rope_type"], **rope}
        else:
            node["rope_scaling"] = None
    if "torch_dtype" not in node and "dtype" in node:
        node["torch_dtype"] = node.pop("dtype")
    if node.get("model_type") == "qwen3_omni_moe_talker_text" and "num_experts" in node:
        node["num_local_experts"] = node.pop("num_experts")
    return node


# ---- weights ----


def spread(name, shape):
    """(mean, standard deviation) of a parameter. Found by trial so that every part moves the
    output and nothing saturates."""
    last = name.rsplit(".", 1)[-1]
    fan_in = math.prod(shape[1:])
    if "norm" in name or "ln_" in name:
        return (1, 0.05) if last == "weight" else (0, 0.02)
    if last in ("scale", "gamma"):
        return 0.3, 0.02
    if last in ("alpha", "beta"):
        return 0, 0.2
    if last == "bias":
        return 0, 0.002 if "code2wav" in name else 0.02
    if "embed" in name:
        return 0, 1
    if "lm_head" in name or "codec_head" in name:  # wide, so that greedy choices are rarely close
        return 0, 3 / math.sqrt(fan_in)
    if "code2wav" in name:
        return 0, code2wav_spread(name, shape)
    if "conv" in name:  # of the audio tower: strong enough to stand beside the position table
        return 0, 1.8 / math.sqrt(fan_in)
    if "experts" in name:
        return 0, 2 / math.sqrt(shape[-1])
    return 0, 1 / math.sqrt(fan_in)


def code2wav_spread(name, shape):
    """Weak residual units and moderate other convolutions keep the wave alive and off the clamp."""
    if ".block.1.conv" in name or (
        ".0.conv" in name and "upsample" in name
    ):  # transposed: [in, out, k]
        taps = 2 if ".block.1.conv" in name else 1  # k / stride
        return 0.8 / math.sqrt(shape[0] * taps)
    fan_in = math.prod(shape[1:])
    if "conv1" in name or "conv2" in name:
        return 0.5 / math.sqrt(fan_in)
    return (0.8 if "conv" in name else 1) / math.sqrt(fan_in)


def newer_name(name):
    """A parameter's name as transformers 5.23 has it in memory: 5.17 nests the thinker less deep."""
    if name.startswith(("thinker.audio_tower.", "thinker.visual.")):
        return name.replace("thinker.", "thinker.model.", 1)
    if re.match(r"thinker\.model\.(embed_tokens|layers|norm)\.", name):
        return name.replace("thinker.model.", "thinker.model.language_model.", 1)
    return name


def fill(model, seed):
    """Random weights, each from a generator seeded by its own name, already rounded to bf16."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            start = zlib.crc32(f"{seed} {newer_name(name)}".encode())
            generator = torch.Generator(parameter.device).manual_seed(start)
            mean, std = spread(name, parameter.shape)
            values = torch.randn(parameter.shape, generator=generator, device=parameter.device)
            parameter.copy_((mean + std * values).bfloat16().float())


def quieten(model, vocabulary):
    """Makes the thinker say plain ASCII only (and im_end now and then): other rows of its head
    shrink. The talker gets a little less eager to end. Rows beyond the vocabulary grow instead, so
    that a sampler that does not mask them is caught.
    """
    head = model.thinker.lm_head.weight
    end = vocabulary["<|im_end|>"]
    keep = torch.zeros(len(head), dtype=torch.bool)
    keep[vocabulary.readable()] = True
    with torch.no_grad():
        head[~keep] *= 0.125
        head[end] *= 12
        head[N_TOKENS:] *= 16
        model.talker.codec_head.weight[model.config.talker_config.codec_eos_token_id] *= 0.875


def level(model):
    """Rescales the last convolution so that random codes give a wave of deviation .1 and mean 0."""
    config = model.config.code2wav_config
    codes = torch.randint(
        config.codebook_size,
        (1, config.num_quantizers, 64),
        generator=torch.Generator().manual_seed(0),
    )
    last = model.code2wav.decoder[-1].conv
    with torch.no_grad():
        last.weight.mul_(1e-3)
        last.bias.zero_()
        wave = model.code2wav(codes.to(model.device))
        gain = 0.1 / wave.std()
        last.weight.copy_((last.weight * gain).bfloat16().float())
        last.bias.copy_((-wave.mean() * gain).reshape(1).bfloat16().float())


# ---- directories ----


def write_shards(tensors, folder, count):
    """`count` files of about equal size, cut wherever that falls: experts of one layer may part."""
    total = sum(t.nbytes for t in tensors.values())
    shards, at = [{} for _ in range(count)], 0
    for name, tensor in tensors.items():
        shards[min(at * count // total, count - 1)][name] = tensor
        at += tensor.nbytes
    index = {"metadata": {"total_size": total}, "weight_map": {}}
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{count:05d}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        index["weight_map"].update(dict.fromkeys(shard, file))
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=0) + "\n")


def natural(name):
    """Sort key: layers.2 before layers.10."""
    return [part.zfill(6) if part.isdigit() else part for part in name.split(".")]


def write_weights(model, folder, count=1):
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="4GB")
    whole = folder / "model.safetensors"
    if count > 1:
        tensors = {name: t for name, t in load_file(whole).items() if ".visual." not in name}
        whole.unlink()
        write_shards({name: tensors[name] for name in sorted(tensors, key=natural)}, folder, count)


def build(sizes, vocabulary, seed, device="cpu"):
    """The reference with random weights, in float32."""
    config = Qwen3OmniMoeConfig(**config_dict(sizes, vocabulary))
    config._attn_implementation = config._experts_implementation = "eager"
    with torch.device(device):
        model = Qwen3OmniMoeForConditionalGeneration(config).float().eval()
    fill(model, seed)
    level(model)
    return model


def make(name, folder):
    """Writes the model directory `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = Vocabulary(N_TOKENS)
    model = build({"tiny": TINY, "odd": ODD}[name], vocabulary, SEEDS[name])
    quieten(model, vocabulary)
    write_weights(model, folder, 3 if name == "odd" else 1)
    if name == "odd":
        path = folder / "config.json"
        path.write_text(json.dumps(older_spelling(json.loads(path.read_text())), indent=2) + "\n")
    write_generation_config(folder)
    vocabulary.write(folder, single_file=name == "odd")


def write_generation_config(folder):
    (folder / "generation_config.json").write_text(
        json.dumps(
            {
                "talker_max_new_tokens": 4096,
                "talker_repetition_penalty": 1.05,
                "talker_temperature": 0.9,
                "talker_top_k": 50,
                "talker_top_p": 1.0,
            },
            indent=2,
        )
        + "\n"
    )


def load(folder, device="cpu"):
    """The reference on the stored weights, computing in float32."""
    return Qwen3OmniMoeForConditionalGeneration.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation="eager",
        experts_implementation="eager",
        device_map=device,
    ).eval()

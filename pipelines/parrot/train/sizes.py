"""The sizes of parrot: what tests/golden/models.py's config_dict() wants, and a budget.

    python3 sizes.py        parameters and megabytes of each component

With PARROT_TINY=1 in the environment every program takes the sizes of the golden model "tiny"
instead, to try the recipe on a small machine.

48 MB of bf16 are 24 million parameters. code2wav's convolutions dominate the time (decoder_dim,
quadratically), the talker and the code predictor the quality of the words.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tests/golden"))
from models import PLAIN_ROPE, TINY, config_dict, mrope

PARROT = {
    "text": dict(
        vocab_size=2048,
        hidden_size=192,
        intermediate_size=192,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        moe_intermediate_size=192,
        num_experts=4,
        num_experts_per_tok=2,
        rope_parameters=mrope([12, 10, 10]),
    ),
    "audio": dict(
        encoder_layers=6,
        encoder_attention_heads=3,
        encoder_ffn_dim=768,
        d_model=192,
        downsample_hidden_size=32,
        output_dim=192,
        n_window_infer=800,
    ),
    "vision": dict(  # nothing looks through it; the class wants one
        depth=1,
        hidden_size=16,
        intermediate_size=16,
        num_heads=2,
        out_hidden_size=192,
        num_position_embeddings=36,
        deepstack_visual_indexes=[0],
    ),
    "talker": dict(
        hidden_size=256,
        intermediate_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        moe_intermediate_size=128,
        shared_expert_intermediate_size=256,
        num_experts=4,
        num_experts_per_tok=2,
        rope_parameters=mrope([12, 10, 10]),
    ),
    "predictor": dict(
        hidden_size=256,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        rope_parameters=PLAIN_ROPE,
    ),
    "code2wav": dict(
        hidden_size=256,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=512,
        num_hidden_layers=4,
        sliding_window=72,
        decoder_dim=384,
        upsample_rates=[8, 5, 4, 3],
        upsampling_ratios=[2, 2],
    ),
    "codebook": 256,
    "groups": 16,
    "accept": 2,
}

SIZES = TINY if os.environ.get("PARROT_TINY") else PARROT
CODEBOOK, GROUPS, N_TOKENS = SIZES["codebook"], SIZES["groups"], SIZES["text"]["vocab_size"]


def build_config(vocabulary, ear_layers=None):
    """Qwen3OmniMoeConfig of parrot, every token id from the vocabulary; `ear_layers`: of the audio encoder, if not
    those of SIZES."""
    from transformers import Qwen3OmniMoeConfig

    audio = {**SIZES["audio"], "encoder_layers": ear_layers or SIZES["audio"]["encoder_layers"]}
    config = Qwen3OmniMoeConfig(**config_dict({**SIZES, "audio": audio}, vocabulary))
    config._attn_implementation = "sdpa"
    return config


def config_from(folder, ear_layers=None):
    """The config for the vocabulary in `folder`."""
    import tokens

    return build_config(tokens.load(folder), ear_layers)


def healthy_code2wav(config):
    """transformers' code2wav with weights that let every part move the sound from the start."""
    import torch
    from models import code2wav_spread
    from transformers.models.qwen3_omni_moe.modeling_qwen3_omni_moe import Qwen3OmniMoeCode2Wav

    code2wav = Qwen3OmniMoeCode2Wav._from_config(config.code2wav_config)
    with torch.no_grad():
        for name, parameter in code2wav.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.dim() > 1 and "embed" not in name:
                parameter.normal_(0, code2wav_spread("code2wav." + name, parameter.shape))
            elif name.endswith(("scale", "gamma")):
                parameter.fill_(0.1)
        code2wav.decoder[-1].conv.weight.mul_(0.1)
    return code2wav


def compile_snake():
    """Fuses SnakeBeta, whose single steps are bound by memory, into one kernel a direction."""
    import torch
    from transformers.models.qwen3_omni_moe import modeling_qwen3_omni_moe as modeling

    def snake(x, alpha, beta):
        y, alpha, beta = x.float(), alpha.exp()[:, None], beta.exp()[:, None]
        return (y + torch.sin(y * alpha).square() / (beta + 1e-9)).to(x.dtype)

    fused = torch.compile(snake, dynamic=True)
    modeling.Qwen3OmniMoeSnakeBeta.forward = lambda self, x: fused(x, self.alpha, self.beta)


def component(name):
    for prefix, label in (
        ("thinker.audio_tower", "audio encoder"),
        ("thinker.visual", "vision (unused)"),
        ("thinker", "thinker"),
        ("talker.code_predictor", "code predictor"),
        ("talker", "talker"),
        ("code2wav", "code2wav"),
    ):
        if name.startswith(prefix):
            return label
    raise ValueError(name)


def budget(model):
    """{component: parameters}"""
    counts = {}
    for name, parameter in model.named_parameters():
        name = name.replace("thinker.model.audio_tower", "thinker.audio_tower")
        name = name.replace("thinker.model.visual", "thinker.visual")
        counts[component(name)] = counts.get(component(name), 0) + parameter.numel()
    return counts


if __name__ == "__main__":
    import torch
    from transformers import Qwen3OmniMoeForConditionalGeneration
    from vocabulary import Vocabulary

    with torch.device("meta"):
        model = Qwen3OmniMoeForConditionalGeneration(build_config(Vocabulary()))
    counts = budget(model)
    for label, count in [*counts.items(), ("all", sum(counts.values()))]:
        print(f"{label:16} {count:10,d} parameters {count * 2 / 1e6:6.2f} MB")

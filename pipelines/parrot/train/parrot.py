"""transformers' model with parrot's sizes, and fast ways through it that teach many rows at once.

Every function computes what the released classes compute in generate(), for padded batches: rows
are padded on the right, where a causal model does not look. Nothing here asks the GPU for a value (graphed.py).
"""

import re
import types

import torch
import torch.nn.functional as F
from transformers import Qwen3OmniMoeForConditionalGeneration
from transformers.models.qwen3_omni_moe import modeling_qwen3_omni_moe as modeling

import run
import sizes
import spectra

EAR_LAYER = re.compile(r"audio_tower\.layers\.(\d+)\.")


def build(folder, thinker=None):
    """The whole model with fresh weights, in f32, and its config; its ears as deep as those of the state `thinker` (a
    path), if that is there."""
    config = sizes.config_from(folder, ear_layers(thinker) if thinker and thinker.exists() else None)
    model = Qwen3OmniMoeForConditionalGeneration(config).float()
    for module in model.modules():
        if hasattr(module, "gate_up_proj") and hasattr(module, "num_experts"):
            module.forward = types.MethodType(all_experts, module)
    return model.eval(), config


def ear_layers(path):
    """Layers of the audio encoder in a state of the thinker."""
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    found = (EAR_LAYER.search(name) for name in state["average"])
    return 1 + max(int(layer[1]) for layer in found if layer)


def all_experts(self, x, chosen, weights):
    """Experts on [N, D], all of them on every row: with four that is faster than sorting rows."""
    share = torch.zeros(len(x), self.num_experts, dtype=weights.dtype, device=x.device)
    share.scatter_(1, chosen, weights)
    gate, up = torch.matmul(x, self.gate_up_proj.transpose(1, 2)).chunk(2, dim=-1)
    out = torch.matmul(F.silu(gate) * up, self.down_proj.transpose(1, 2))
    return (out * share.T[..., None]).sum(0).to(x.dtype)


def forgetful(part, rate):
    """While `part` is in training mode, dropout (Srivastava et al. 2014) of what is embedded and of what each
    attention and feed-forward layer adds: decode() and hear() look for the rate, transformers' layers get hooks.
    Another call changes the rate."""
    for module in part.modules():
        if not hasattr(module, "forgets") and hasattr(module, "self_attn") and hasattr(module, "mlp"):
            module.self_attn.register_forward_hook(lambda layer, _, out: (dropped(layer, out[0]), *out[1:]))
            module.mlp.register_forward_hook(lambda layer, _, out: dropped(layer, out))
        module.forgets = rate


def dropped(module, rows):
    return F.dropout(rows, getattr(module, "forgets", 0.0), module.training)


def decode(decoder, rows, axes=3, kept=None, window=None):
    """The layers of a decoder on rows [B, S, D], without a cache; `axes` of its positions (1: all but thinker and
    talker), each row looking at the last `window` ones. With `kept` = n, the output of layer n - 1 instead of the
    normalised last one."""
    position = torch.arange(rows.shape[1], device=rows.device).expand(len(rows), -1)
    if axes > 1:
        position = position.expand(axes, -1, -1)
    turns, mask = decoder.rotary_emb(rows, position), None
    rows = dropped(decoder, rows)
    if window and rows.shape[1] > window:
        row = torch.arange(rows.shape[1], device=rows.device)
        back = row[:, None] - row
        mask = ((back >= 0) & (back < window))[None, None]
    for layer in decoder.layers[:kept]:
        rows = layer(rows, attention_mask=mask, position_embeddings=turns)
        rows = rows if torch.is_tensor(rows) else rows[0]
    return rows if kept else decoder.norm(rows)


def go_on(decoder, rows, kept, axes=3):
    """The same of rows [B, S, D] that follow earlier ones, without dropout and windows: what attention is to find of
    those, `kept` holds for each layer. It is an empty list at first, when S may be any; later S is 1."""
    before = kept[0][0].shape[2] if kept else 0
    position = (before + torch.arange(rows.shape[1], device=rows.device)).expand(len(rows), -1)
    turns = decoder.rotary_emb(rows, position.expand(axes, -1, -1) if axes > 1 else position)
    for number, layer in enumerate(decoder.layers):
        attention, x = layer.self_attn, layer.input_layernorm(rows)
        query, key, value = (
            projection(x).unflatten(-1, (-1, attention.head_dim))
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        query, key = attention.q_norm(query).transpose(1, 2), attention.k_norm(key).transpose(1, 2)
        query, key = modeling.apply_rotary_pos_emb(query, key, *turns)
        here = [key, value.transpose(1, 2)]
        if before:
            here = [torch.cat(pair, 2) for pair in zip(kept[number], here)]
            kept[number] = here
        else:
            kept.append(here)
        if before:  # heads that share keys, as rows
            rows_of = query.reshape(*key.shape[:2], -1, key.shape[3])
            out = F.scaled_dot_product_attention(rows_of, *here, scale=attention.scaling).reshape(query.shape)
        else:
            key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], 1) for x in here)
            out = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=attention.scaling)
        rows = rows + attention.o_proj(out.transpose(1, 2).flatten(2))
        rows = rows + layer.mlp(layer.post_attention_layernorm(rows))
    return decoder.norm(rows)


# transformers 5.17 and later ones nest the thinker's parts differently.


def text_of(thinker):
    return getattr(thinker.model, "language_model", thinker.model)


def text_model(model):
    return text_of(model.thinker)


def audio_tower(model):
    return getattr(model.thinker, "audio_tower", None) or model.thinker.model.audio_tower


class RouterWatch:
    """Keeps the routers' logits of a forward pass, in training mode, for the loss that spreads rows over experts
    (Fedus et al. 2021, the Switch loss)."""

    def __init__(self, model):
        self.seen = []
        for module in model.modules():
            if type(module).__name__.endswith("TopKRouter"):
                module.register_forward_hook(self._keep)

    def _keep(self, module, args, output):
        if module.training:
            self.seen.append((output[0], output[2]))

    def loss(self):
        total = 0
        for logits, chosen in self.seen:
            n_experts = logits.shape[-1]
            probability = logits.float().softmax(-1).mean(0)
            share = torch.zeros_like(logits).scatter(1, chosen, 1.0).mean(0) / chosen.shape[1]
            total = total + n_experts * (probability * share).sum()
        count, self.seen = len(self.seen), []
        return total / max(count, 1)


class Guide:
    """Where two heads of a layer's attention look: computed once more beside the layer itself, whose
    kernel does not tell."""

    def __init__(self, layer):
        self.attention = layer.self_attn
        self.attention.register_forward_pre_hook(self._keep, with_kwargs=True)

    def _keep(self, module, args, kwargs):
        self.rows = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
        self.turns = kwargs["position_embeddings"]

    def _heads(self):
        """Queries [B, 2, S, d] of the first two heads and keys of theirs [B, 1, S, d]: grouped
        attention must give both one key head."""
        attention, (cos, sin) = self.attention, self.turns
        size = attention.head_dim
        query = F.linear(self.rows, attention.q_proj.weight[: 2 * size]).unflatten(-1, (2, size))
        key = F.linear(self.rows, attention.k_proj.weight[:size]).unflatten(-1, (1, size))
        query, key = attention.q_norm(query).transpose(1, 2), attention.k_norm(key).transpose(1, 2)
        return modeling.apply_rotary_pos_emb(query, key, cos, sin)

    def loss(self, reads):
        """`reads` [B, 2, S]: the row that each head shall look at, or IGNORED. (Cross entropy, share of rows
        where it is the strongest)"""
        query, key = self._heads()
        self.rows = self.turns = None
        scores = (query.float() @ key.float().transpose(2, 3)) * self.attention.scaling
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -1e9).flatten(0, 2)
        return run.cross_entropy(scores, reads.flatten())


# ---- audio encoder ----


def n_columns(samples):
    """Columns of the log-mel of so many samples at 24 kHz (number, array or tensor)."""
    return samples * 2 // 3 // 160


def log_mels(sound, n):
    """Log-mels [B, 128, F] of sounds [B, samples] at 24 kHz, of which n [B] (tensor) are real, and how many of their
    columns are [B]."""
    sound = sound * (torch.arange(sound.shape[1], device=sound.device) < n[:, None])
    columns = n_columns(n)
    return spectra.log_mel(spectra.resample(sound, 2, 3))[..., : int(columns.max())], columns


def n_rows(n_mels):
    """Rows of the encoder for so many mel columns (tensor)."""
    rest = n_mels % 100
    for _ in range(3):
        rest = (rest + 1) // 2
    return 13 * (n_mels // 100) + rest


def hear(tower, mel, n_mels):
    """Encoder rows [B, T, D] of log-mels [B, 128, F], of which n_mels [B] columns are real."""
    n_chunks = -(-mel.shape[-1] // 100)
    columns = torch.arange(100 * n_chunks, device=mel.device)
    mel = F.pad(mel, (0, 100 * n_chunks - mel.shape[-1])) * (columns < n_mels[:, None, None])
    x = mel.unflatten(2, (n_chunks, 100)).transpose(1, 2).flatten(0, 1)[:, None]
    for conv in (tower.conv2d1, tower.conv2d2, tower.conv2d3):
        x = F.gelu(conv(x))
    x = tower.conv_out(x.permute(0, 3, 1, 2).flatten(2))
    x = x + tower.positional_embedding.positional_embedding[: x.shape[1]].to(x.dtype)
    x = dropped(tower, x.unflatten(0, (-1, n_chunks)).flatten(1, 2))
    t = torch.arange(x.shape[1], device=x.device)
    window = 13 * tower.n_window_infer // 100
    near = (t[:, None] // window) == (t // window)
    mask = (near & (t < n_rows(n_mels)[:, None, None]))[:, None]
    for layer in tower.layers:
        x = x + dropped(tower, attend(layer.self_attn, layer.self_attn_layer_norm(x), mask))
        x = x + dropped(tower, layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(x)))))
    return tower.proj2(tower.act(tower.proj1(tower.ln_post(x))))


def attend(attention, x, mask):
    q, k, v = (
        projection(x).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    out = F.scaled_dot_product_attention(q, k, v, mask)
    return attention.out_proj(out.transpose(1, 2).flatten(2))


# ---- thinker ----


def think(model, ids, audio=None, places=None, accept=None):
    """Logits [B, T, V] of ids [B, T]. Row places[b, t] of `audio` [rows, D] stands for the token, unless that
    is negative. With `accept` the output [B, T, D] of so many layers instead, which the talker hears."""
    text = text_model(model)
    rows = text.embed_tokens(ids)
    if audio is not None:
        rows = put(rows, audio, places)
    if accept:
        return decode(text, rows, kept=accept)
    return model.thinker.lm_head(decode(text, rows))


def put(rows, others, places):
    """rows [B, T, D] with row places[b, t] of `others` [N, D] wherever that is not negative."""
    there = others.index_select(0, places.clamp(min=0).flatten()).view_as(rows).to(rows.dtype)
    return torch.where((places >= 0)[..., None], there, rows)


# ---- talker and code predictor ----


def codec_sum(talker, codes):
    """The sum of the embeddings of codes [..., G]."""
    total = talker.model.codec_embedding(codes[..., 0])
    for j, table in enumerate(talker.code_predictor.model.codec_embedding):
        total = total + table(codes[..., j + 1])
    return total


def talk(model, text, media, special, speaks, fed, hidden=None, kept=None):
    """The talker's hidden rows [B, S, Dt] for the fields of a batches.Talk; `hidden` [rows, D]: what the
    thinker made of sounds, of which row media[b, s] is heard in row s unless that is negative. With `kept` the output
    of so many layers."""
    return decode(model.talker.model, talked(model, text, media, special, speaks, fed, hidden), kept=kept)


def talked(model, text, media, special, speaks, fed, hidden=None):
    """What goes into its layers for these fields."""
    talker = model.talker
    rows = talker.text_projection(text_model(model).embed_tokens(text))
    if hidden is not None:
        heard = hidden.index_select(0, media.clamp(min=0).flatten())
        heard = talker.hidden_projection(heard).view_as(rows)
        rows = torch.where((media >= 0)[..., None], heard.to(rows.dtype), rows)
    special_rows = talker.model.codec_embedding(special.clamp(min=0))
    rows = rows + special_rows * (special >= 0)[..., None]
    return rows + codec_sum(talker, fed.int()) * speaks[..., None]


def predict(model, states, codes):
    """Logits [N, n - 1, codebook] of codes 1 to n - 1 of codes [N, n] after the talker's states [N, Dt]; the last one is
    not looked at."""
    talker, predictor = model.talker, model.talker.code_predictor
    codes = codes.int()
    rows = [states, talker.model.codec_embedding(codes[:, 0])]
    for table, code in zip(predictor.model.codec_embedding, codes[:, 1:-1].unbind(1)):
        rows.append(table(code))
    rows = torch.stack([row.to(states.dtype) for row in rows], 1)
    hidden = decode(predictor.model, rows, axes=1)[:, 1:]
    heads = torch.stack([head.weight for head in predictor.lm_head[: hidden.shape[1]]])
    return torch.einsum("njd,jvd->njv", hidden, heads.to(hidden.dtype))

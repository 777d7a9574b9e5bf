"""Runs the reference (transformers, qwen3_omni_moe) stage by stage and tapes what happens inside.

Every function returns what the stage sends on plus a Tape of the tensors that `--trace` names.
Rows are positions. Greedy choices and expert choices must be clear of ties, so that another f32
implementation has to make the same: the smallest margins seen are kept in `margins` and checked by
make.py.
"""

import numpy as np
import torch
from transformers import WhisperFeatureExtractor

margins = {"greedy": (float("inf"), ""), "router": (float("inf"), "")}


def parts(model):
    """(audio tower, text model) of the thinker; transformers 5.17 nests them less deep than 5.23."""
    inner = model.thinker.model
    if hasattr(inner, "language_model"):
        return inner.audio_tower, inner.language_model
    return model.thinker.audio_tower, inner


def note_margin(kind, gap, where):
    if gap < margins[kind][0]:
        margins[kind] = (float(gap), where)


def note_greedy(logits, where):
    best = torch.topk(logits, 2).values
    gap = float(best[0] - best[1])
    note_margin("greedy", gap, where)
    return gap


class Tape:
    """Rows of named tensors, collected by hooks; use as a `with` block around the run."""

    def __init__(self):
        self.rows, self.hooks = {}, []
        self.gaps = {}  # of each router, each row: logit of the last expert in minus the first out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()
        self.hooks.clear()

    def __getitem__(self, name):
        return np.concatenate(self.rows[name])

    def names(self):
        return list(self.rows)

    def add(self, name, rows):
        rows = rows.detach().cpu().numpy()
        self.rows.setdefault(name, []).append(
            rows.astype("<i4" if rows.dtype.kind in "iu" else "<f4")
        )

    def output(self, module, name, pick=lambda out: out[0]):
        self.hooks.append(
            module.register_forward_hook(lambda m, args, out: self.add(name, pick(out)))
        )

    def input(self, module, name, pick=lambda args: args[0][0]):
        self.hooks.append(
            module.register_forward_pre_hook(lambda m, args: self.add(name, pick(args)))
        )

    def router(self, gate, name):
        """The chosen experts in rising order and their weights in the same order."""

        def hook(module, args, out):
            logits, weights, chosen = out
            order = chosen.argsort(-1)
            self.add(name + ".experts", chosen.gather(-1, order))
            self.add(name + ".expert_weights", weights.gather(-1, order))
            last, first = torch.topk(logits, module.top_k + 1).values[:, -2:].T
            self.gaps.setdefault(name + ".experts", []).append((last - first).cpu().numpy())
            top = torch.topk(logits.softmax(-1), module.top_k + 1).values
            note_margin("router", (top[:, -2] - top[:, -1]).min(), name)

        self.hooks.append(gate.register_forward_hook(hook))

    def decoder(self, model, prefix):
        """What thinker and talker have in common."""
        self.input(
            model.rotary_emb,
            prefix + ".position_ids",
            lambda args: args[1].expand(3, 1, -1)[:, 0].T.float(),
        )
        self.input(model.layers[0], prefix + ".embed")
        for i, layer in enumerate(model.layers):
            self.router(layer.mlp.gate, f"{prefix}.layers.{i}")
            self.output(layer, f"{prefix}.layers.{i}")
        self.output(model.norm, prefix + ".norm")


# ---- audio ----


def tokens_of_frames(n_frames):
    """Rows that the encoder gives for `n_frames` mel frames, of which there are 100 at most."""
    for _ in range(3):
        n_frames = (n_frames + 1) // 2
    return n_frames


def encode_audio(model, pcm):
    """f32 samples at 16 kHz -> mel [128, F], audio_embeds [Ta, D], tape."""
    extractor = WhisperFeatureExtractor(
        feature_size=128, sampling_rate=16000, hop_length=160, n_fft=400, chunk_length=300
    )
    batch = extractor(
        pcm,
        sampling_rate=16000,
        padding=True,
        truncation=False,
        return_attention_mask=True,
        return_tensors="pt",
    )
    n_frames = int(batch["attention_mask"].sum())
    mel = batch["input_features"][0][:, :n_frames]
    tower, tape = parts(model)[0], Tape()
    kept = [tokens_of_frames(min(100, n_frames - at)) for at in range(0, n_frames, 100)]
    with tape, torch.no_grad():
        tape.add("audio.mel", mel.T)
        tape.output(
            tower.conv_out,
            "audio.conv_out",
            lambda out: torch.cat([chunk[:n] for chunk, n in zip(out, kept)]),
        )
        tape.input(tower.layers[0], "audio.embed", lambda args: args[0])
        for i, layer in enumerate(tower.layers):
            tape.output(layer, f"audio.layers.{i}")
        tape.output(tower.ln_post, "audio.ln_post", lambda out: out)
        lengths = torch.tensor([n_frames], device=model.device)
        embeds = tower(mel.to(model.device), feature_lens=lengths).last_hidden_state
    return mel, embeds.cpu(), tape


# ---- thinker ----


def go_on(model, ids, limit, n_tokens, **more):
    """What the thinker's generate() makes of `ids` without chance; ids from `n_tokens` on are never
    drawn."""
    thinker, prompt = model.thinker, torch.tensor([ids], device=model.device)
    with torch.no_grad():
        return thinker.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=limit,
            eos_token_id=model.config.im_end_token_id,
            do_sample=False,
            suppress_tokens=banned_ids(model, n_tokens) or None,
            **more,
        )


def banned_ids(model, n_tokens):
    """Rows of the table from `n_tokens` on, if there is such a limit."""
    return list(range(n_tokens, len(model.thinker.lm_head.weight))) if n_tokens else []


def think(model, ids, limit, mels=(), n_tokens=None):
    """Greedy continuation of `ids` (a list) by at most `limit` tokens, until im_end. Ids from
    `n_tokens` on are rows without a token and never drawn. Returns (tokens without the stop token,
    stopped?, tape).
    """
    thinker, tape = model.thinker, Tape()
    banned, end = banned_ids(model, n_tokens), model.config.im_end_token_id
    extra = {}
    if mels:
        longest = max(mel.shape[1] for mel in mels)
        assert all(
            mel.shape[1] == longest for mel in mels
        ), "clips of one call must be of one length"
        extra["input_features"] = torch.stack(list(mels)).to(model.device)
        extra["feature_attention_mask"] = torch.ones(
            len(mels), longest, dtype=torch.long, device=model.device
        )
    with tape:
        tape.decoder(parts(model)[1], "thinker")
        tape.output(thinker.lm_head, "thinker.logits", lambda out: out[0, -1:])
        result = go_on(model, ids, limit, n_tokens, **extra)
    tokens = result[0, len(ids) :].tolist()
    for row, token in zip(torch.from_numpy(tape["thinker.logits"]), tokens):
        row[banned] = -torch.inf
        assert row.argmax() == token
        note_greedy(row, f"thinker {tokens[:4]}")
    stopped = tokens[-1] == end
    return tokens[:-1] if stopped else tokens, stopped, tape


def search(model, ids, limit, beams, n_tokens=None):
    """The likeliest continuation that so many beams find, as think() has it, from text alone; of
    any length: scores are sums. Returns (tokens without the stop token, stopped?)."""
    end = model.config.im_end_token_id
    result = go_on(
        model,
        ids,
        limit,
        n_tokens,
        pad_token_id=end,
        num_beams=beams,
        num_return_sequences=2,
        length_penalty=0.0,
        early_stopping="never",
        return_dict_in_generate=True,
        output_scores=True,
    )
    best, second = result.sequences_scores.tolist()
    note_margin("greedy", best - second, f"search {ids[-4:]}")
    tokens = result.sequences[0, len(ids) :].tolist()
    stopped = end in tokens
    return tokens[: tokens.index(end)] if stopped else tokens, stopped


# ---- talker and code predictor ----


def watch_predictor(tape, predictor):
    for i, layer in enumerate(predictor.model.layers):
        tape.output(layer, f"codepred.layers.{i}")

    def logits(out):
        note_greedy(out[0, -1], "codepred")
        return out[0, -1:]

    for head in predictor.lm_head:
        tape.output(head, "codepred.logits", logits)


def predict(model, hidden, code0):
    """One frame of residual codes: hidden [Dt] and code 0 -> codes [G]."""
    talker = model.talker
    with torch.no_grad():
        embed = talker.get_input_embeddings().weight[code0]
        start = torch.stack([hidden.to(model.device), embed])[None]
        rest = talker.code_predictor.generate(
            inputs_embeds=start, do_sample=False, max_new_tokens=talker.config.num_code_groups - 1
        )
    return [code0, *rest[0].tolist()]


def codec_sum(model, codes):
    """Sum of the embeddings of one frame's codes, code 0 first: what the talker reads in its next
    step."""
    tables = [
        model.talker.get_input_embeddings(),
        *model.talker.code_predictor.get_input_embeddings(),
    ]
    with torch.no_grad():
        return torch.stack([table.weight[code] for table, code in zip(tables, codes)]).sum(0).cpu()


def talker_inputs(model, ids, hidden, n_prompt, voice):
    """Prefill rows [1, S, Dt] and trailing rows [1, n, Dt] for `ids` = prompt + everything said
    after it. `hidden` [len(ids), D]: the thinker's accepted layer, read at media rows only."""
    config = model.config
    row_ids = torch.tensor([ids], device=model.device)
    embed = model.thinker.get_input_embeddings()(row_ids)
    media = row_ids == config.thinker_config.audio_token_id
    starts = [i for i in range(n_prompt) if ids[i] == config.im_start_token_id]
    user = [
        i
        for i in range(n_prompt)
        if any(s <= i for s in starts)
        and ids[max(s for s in starts if s <= i) + 1] == config.user_token_id
    ]
    last = [s for s in starts if ids[s + 1] == config.assistant_token_id][-1]
    special = torch.tensor(
        [[config.tts_bos_token_id, config.tts_eos_token_id, config.tts_pad_token_id]],
        device=model.device,
    )
    bos, eos, pad = model.talker.text_projection(
        model.thinker.get_input_embeddings()(special)
    ).chunk(3, dim=1)
    accepted = hidden.to(model.device)[None]
    users = model._get_talker_user_parts(0, len(ids), media, accepted, embed)[:, user]
    speaker = config.talker_config.speaker_id[voice]
    assistant, pad_ids, trailing = model._get_talker_assistant_parts(
        last, len(ids), speaker, embed, pad, bos, eos
    )
    prefill_ids = torch.cat([row_ids[:, user], pad_ids], 1)
    return torch.cat([users, assistant], 1), prefill_ids, trailing, pad


def talk(model, ids, n_prompt, limit, hidden=None, voice="ethan"):
    """Greedy frames for `ids` (prompt of n_prompt ids, then the spoken tokens), at most `limit`.
    Returns (codes [F, G], stopped by codec_eos?, tape)."""
    talker, tape = model.talker, Tape()
    config, text = talker.config, talker.config.text_config
    if hidden is None:
        hidden = torch.zeros(len(ids), config.thinker_hidden_size)
    suppressed = [
        i for i in range(text.vocab_size - 1024, text.vocab_size) if i != config.codec_eos_token_id
    ]
    with tape, torch.no_grad():
        prefill, prefill_ids, trailing, pad = talker_inputs(model, ids, hidden, n_prompt, voice)
        tape.decoder(talker.model, "talker")
        tape.output(talker.codec_head, "talker.logits", lambda out: out[0, -1:])
        watch_predictor(tape, talker.code_predictor)
        result = talker.generate(
            inputs_embeds=prefill,
            trailing_text_hidden=trailing,
            tts_pad_embed=pad,
            talker_input_ids=prefill_ids,
            attention_mask=torch.ones_like(prefill_ids),
            max_new_tokens=limit,
            do_sample=False,
            eos_token_id=config.codec_eos_token_id,
            repetition_penalty=1.05,
            suppress_tokens=suppressed,
            output_hidden_states=True,
            return_dict_in_generate=True,
        )
        drawn = result.sequences[0].tolist()
        codes = [step[-1][0].tolist() for step in result.hidden_states if step[-1] is not None]
        stopped = drawn[-1] == config.codec_eos_token_id
        if not stopped:  # the reference drops this frame; omni completes it
            codes.append(predict(model, torch.from_numpy(tape["talker.norm"][-1]), drawn[-1]))
    tape.draws = check_draws(torch.from_numpy(tape["talker.logits"]), drawn, suppressed)
    assert [frame[0] for frame in codes] == drawn[: len(codes)] and len(codes) == len(
        drawn
    ) - stopped
    return np.array(codes, "<i4").reshape(-1, config.num_code_groups), stopped, tape


def check_draws(logits, drawn, suppressed):
    """Draws code 0 again from the raw logits by the rules: penalty, suppression, maximum. Returns
    how clear each draw was."""
    gaps = []
    for step, code in enumerate(drawn):
        row = logits[step].clone()
        seen = list(set(drawn[:step]))
        row[seen] = torch.where(row[seen] > 0, row[seen] / 1.05, row[seen] * 1.05)
        row[suppressed] = -torch.inf
        assert row.argmax() == code
        gaps.append(note_greedy(row, f"talker step {step}"))
    return np.array(gaps)


# ---- code2wav ----


def columns(model, codes):
    """codes [T, G] as the reference takes them: [1, G, T]."""
    return torch.from_numpy(codes.astype(np.int64)).T[None].to(model.device)


def vocode(model, codes):
    """codes [T, G] -> (pcm [N] of one decode, tape with time-major rows)."""
    net, tape = model.code2wav, Tape()
    with tape, torch.no_grad():
        tape.input(net.pre_transformer.layers[0], "code2wav.embed")
        for i, layer in enumerate(net.pre_transformer.layers):
            tape.output(layer, f"code2wav.layers.{i}")
        tape.output(net.pre_transformer.norm, "code2wav.norm")
        for i, blocks in enumerate(net.upsample):
            tape.output(blocks[1], f"code2wav.upsample.{i}", lambda out: out[0].T)
        for i, block in enumerate(net.decoder[:-2]):
            tape.output(block, f"code2wav.decoder.{i}", lambda out: out[0].T)
        wave = net(columns(model, codes))[0, 0]
    assert wave.abs().max() < 1, "clamped"
    return wave.cpu().numpy(), tape


def vocode_in_chunks(model, codes):
    """What the reference's generate() does: 300 frames at a time after 25 of context."""
    with torch.no_grad():
        return model.code2wav.chunked_decode(columns(model, codes))[0, 0].cpu().numpy()

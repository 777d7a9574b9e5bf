"""Cases of omni-talker, omni-codepred and omni-code2wav, and of the whole pipe."""

import fnmatch

import numpy as np
import torch

import reference
from bench import SYSTEM, Turn, traces, tts_embed, user_turn
from cases_text import conversation, encode, heard, silence, verbatim
from models import N_TOKENS

# ---- omni-talker ----


def spoken(bench, name, turns, spoken_codes, limit, *arguments, audio=None, tape=None, trace=()):
    """A talker's case: the thinker's frames of `turns` in, `spoken_codes` [(codes, stopped?)] of
    each turn out. `trace`: globs of what the tape of the first turn must show."""
    options = ["--temp", "0", "-n", str(limit), *arguments, *(["--trace", "*"] if trace else [])]
    bench.case(f"talker-{name}", "omni-talker", *options)
    with bench.writer(f"talker-{name}", "in", "omni-thinker") as out:
        tts_embed(bench, out)
        for turn in turns:
            turn.write_answer(out, None if turn.number else audio)
    with bench.writer(f"talker-{name}", "out", "omni-talker") as out:
        for turn, (codes, stopped) in zip(turns, spoken_codes):
            out.turn(turn.number, turn.again)
            if turn.number == 0 and tape:
                traces(
                    out,
                    0,
                    tape,
                    [n for n in tape.names() if any(fnmatch.fnmatch(n, glob) for glob in trace)],
                )
            if len(codes):
                out.tensor(turn.number, "codes", codes)
            out.done(turn.number, "stop" if stopped else "length", frames=len(codes))


def said(bench, name, turn, limit, *arguments, stops, audio=None, trace=(), voice="ethan"):
    """One turn, spoken to the limit or to codec_eos."""
    codes, stopped, tape = turn.talk(limit, voice)
    assert stopped == stops, f"{name}: {len(codes)} frames"
    spoken(
        bench,
        name,
        [turn],
        [(codes, stopped)],
        limit,
        *arguments,
        audio=audio,
        tape=tape,
        trace=trace,
    )
    return codes, tape


def as_the_reference_does(bench, turn, limit):
    """What --compat must give: a text cut by its limit lacks its last token, speech cut by its
    limit the last frame."""
    cut = Turn(bench, None, [], turn.prompt, turn.tokens[:-1], turn.reason)
    codes, stopped, _ = cut.talk(limit)
    assert turn.reason == "length" and not stopped
    assert np.array_equal(codes[:-1], whole_reference(bench, turn, limit)[1])
    return codes[:-1]


def whole_reference(bench, turn, limit, mels=()):
    """The reference's own generate() on the turn's prompt: (tokens, codes, wav). Checks our way of
    driving it."""
    model, codes = bench.model, []
    hook = model.code2wav.register_forward_pre_hook(
        lambda module, args: codes.append(args[0][0].T.numpy())
    )
    extra = {}
    if mels:
        extra = {
            "input_features": torch.stack(list(mels)),
            "feature_attention_mask": torch.ones(len(mels), mels[0].shape[1], dtype=torch.long),
        }
    prompt = torch.tensor([turn.prompt])
    banned = list(range(N_TOKENS, len(bench.table)))  # rows without a token
    sequences, wave = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        speaker="Ethan",
        thinker_max_new_tokens=len(turn.tokens) + (turn.reason == "stop"),
        thinker_eos_token_id=model.config.im_end_token_id,
        thinker_do_sample=False,
        thinker_suppress_tokens=banned or None,
        talker_max_new_tokens=limit,
        talker_do_sample=False,
        **extra,
    )
    hook.remove()
    return sequences[0, len(turn.prompt) :].tolist(), np.concatenate(codes), wave[0, 0].numpy()


def talker_cases(bench):
    if bench.name == "odd":
        turn = bench.think(bench.ids(SYSTEM + user_turn("What is the time?")), 24)[0]
        said(bench, "stop", turn, 60, stops=True, trace=["talker.[elnp]*", "codepred.*"])
        turn, embeds, _ = heard(bench, 100, "One, two, three!", 24)
        said(bench, "audio", turn, 60, stops=True, audio=embeds, trace=["talker.embed"])
        return
    turn = bench.think(bench.ids(SYSTEM + user_turn("I think that it will rain.")), 40)[0]
    said(bench, "stop", turn, 60, stops=True, trace=["talker.*", "codepred.l*"])
    turn = bench.think(bench.ids(user_turn("Why is the sky so quiet?")), 64)[0]
    said(bench, "limit", turn, 110, stops=False, trace=["talker.norm"])
    turn, embeds, _ = heard(bench, 230, "What is this?", 24)
    said(
        bench,
        "audio",
        turn,
        24,
        stops=False,
        audio=embeds,
        trace=["talker.embed", "talker.position_ids"],
    )
    cut = bench.think(bench.ids(user_turn("And then?")), 10)[0]
    said(bench, "cut", cut, 20, stops=False)
    spoken(bench, "compat", [cut], [(as_the_reference_does(bench, cut, 20), False)], 20, "--compat")
    said(
        bench,
        "verbatim",
        verbatim(bench, "Read it.", "One, two, three!"),
        24,
        "--voice",
        "Chelsie",
        stops=False,
        voice="chelsie",
    )
    turns = conversation(bench, 16)
    spoken(bench, "turns", turns, [turn.talk(20)[:2] for turn in turns], 20)
    spoken(bench, "silence", [silence(bench)], [([], True)], 20)


# ---- omni-codepred ----


def codepred_case(bench):
    """Teacher-forced: the talker's states and code 0 of some frames."""
    question = {"tiny": user_turn("And then?"), "odd": SYSTEM + user_turn("What is the time?")}
    turn = bench.think(bench.ids(question[bench.name]), 10)[0]
    talked, _, tape = turn.talk(12)
    hidden = tape["talker.norm"][-len(talked) :][:6]
    code0 = talked[:6, :1]
    with reference.Tape() as tape:
        reference.watch_predictor(tape, bench.model.talker.code_predictor)
        codes = np.array(
            [
                reference.predict(bench.model, torch.from_numpy(state), code)
                for state, code in zip(hidden, code0[:, 0].tolist())
            ]
        )
    assert np.array_equal(codes, talked[:6])
    bench.case("codepred", "omni-codepred", "--temp", "0", "--trace", "codepred.*")
    with bench.writer("codepred", "in", "omni-talker") as out:
        out.turn(0)
        for state, code in zip(hidden, code0):
            out.tensor(0, "talker_hidden", state[None])
            out.tensor(0, "code0", code)
        out.done(0, "length", frames=len(codes))
    with bench.writer("codepred", "out", "omni-codepred") as out:
        out.turn(0)
        traces(out, 0, tape, tape.names())
        out.tensor(0, "codes", codes)
        out.tensor(
            0,
            "codec_sum",
            torch.stack([reference.codec_sum(bench.model, frame) for frame in codes]),
        )
        out.done(0, "length", frames=len(codes))


# ---- omni-code2wav ----


def voiced(bench, n_frames, trace=()):
    """Random codes to sound; beyond 300 frames also what the reference's chunks make of them."""
    random = np.random.Generator(np.random.PCG64(n_frames))
    codes = random.integers(bench.sizes["codebook"], size=(n_frames, bench.sizes["G"]), dtype="<i4")
    pcm, tape = reference.vocode(bench.model, codes)
    kinds = {"": pcm}
    if n_frames > 300:
        kinds["-compat"] = reference.vocode_in_chunks(bench.model, codes)
    for kind, samples in kinds.items():
        name = f"code2wav-{n_frames}{kind}"
        options = ["--compat"] if kind else []
        bench.case(name, "omni-code2wav", *options, "--trace", "code2wav.*" if trace else "pcm")
        with bench.writer(name, "in", "omni-talker") as out:
            out.turn(0)
            out.tensor(0, "codes", codes)
            out.done(0, "stop", frames=n_frames)
        with bench.writer(name, "out", "omni-code2wav") as out:
            out.turn(0)
            traces(
                out,
                0,
                tape,
                [n for n in tape.names() if any(fnmatch.fnmatch(n, glob) for glob in trace)],
            )
            out.tensor(0, "pcm", samples)
            out.done(0, "stop", samples=len(samples))


def code2wav_cases(bench):
    if bench.name == "tiny":
        voiced(bench, 1, ["*"])
        voiced(bench, 2, ["*"])
        voiced(bench, 24, ["*.embed", "*.layers.*", "*.norm", "*.upsample.*", "*.decoder.0"])
    else:
        voiced(bench, 1, ["*"])
        voiced(bench, 40, ["*"])
        voiced(bench, 301)


# ---- the whole pipe ----


def piped(bench, name, source, stdin, turns, thinker_limit, limit):
    """Prompt to sound through all stages. Returns what the talker said."""
    said = [turn.talk(limit)[:2] for turn in turns]
    bench.add(
        f"pipe-{name}",
        "sh",
        f"{source} | omni-thinker --precise -n {thinker_limit}"
        f" | omni-talker --precise --temp 0 -n {limit} | omni-code2wav --precise --trace pcm",
    )
    if stdin:
        (bench.out / f"{bench.name}-pipe-{name}.in").write_text(stdin)
    with bench.writer(f"pipe-{name}", "out", "omni-code2wav") as out:
        for turn, (codes, stopped) in zip(turns, said):
            pcm, _ = reference.vocode(bench.model, codes)
            out.turn(turn.number, turn.again)
            out.text(turn.number, bench.text(turn.tokens))
            out.tensor(turn.number, "pcm", pcm)
            out.done(turn.number, "stop" if stopped else "length", samples=len(pcm))
    return said


def pipe_cases(bench):
    if bench.name == "odd":
        text = "What is the time?"
        turn = bench.think(bench.ids(SYSTEM + user_turn(text)), 24)[0]
        [(codes, _)] = piped(
            bench,
            "text",
            f"omni-tokenize -p 'You are a helpful assistant.' '{text}'",
            None,
            [turn],
            24,
            60,
        )
        tokens, theirs, wave = whole_reference(bench, turn, 60)
        assert tokens[:-1] == turn.tokens and np.array_equal(theirs, codes)
        assert np.allclose(wave, reference.vocode(bench.model, codes)[0], atol=1e-6)
        return
    piped(
        bench,
        "turns",
        "omni-tokenize -l --continue",
        "One, two, three!\nAnd then?\nHello, world!\n",
        conversation(bench, 16)[:3],
        16,
        8,
    )
    text = "What is this?"
    mel, _, _ = encode(bench, 230)
    turn, _, _ = heard(bench, 230, text, 24)
    [(codes, _)] = piped(
        bench,
        "audio",
        f"omni-encode-audio --precise wav/230.wav | omni-tokenize '{text}'",
        None,
        [turn],
        24,
        8,
    )
    tokens, theirs, _ = whole_reference(bench, turn, 8, [mel])
    assert tokens[:-1] == turn.tokens and np.array_equal(theirs, codes[:-1])

"""Cases of omni-tokenize, omni-encode-audio and omni-thinker."""

import fnmatch
import json
import wave

import numpy as np

import reference
from bench import SYSTEM, Turn, audio_part, traces, tts_embed, user_turn

CLIPS = 37, 100, 137, 230, 900

UNICODE = (
    "e\u0301 \u00e9 \u4e2d\u6587\u6d4b\u8bd5\uff1a\u3053\u3093 \U0001f469\u200d\U0001f4bb"
    " I'm 1234, we'RE  two  blanks\n\nx \n \ta\r\n b \u0041\u030a\ufb01 ... !?\n"
)
SPECIAL = (
    "<|im_start|>user\nsay <think>no</think> <tts_pad><|audio_pad|><|audio_pad|> <|im_start"
    " <|im_end|>\n <|im_end|> <tts_text_bos_single>tts_text_bos>"
)


# ---- omni-tokenize ----


def tokenized(bench, name, prompts, arguments, stdin=None, again=False, audio=None):
    """`prompts`: the rendered text of each turn, tokenized here by the reference's tokenizer."""
    bench.case(f"tokenize-{name}", "omni-tokenize", *arguments)
    if stdin is not None:
        (bench.out / f"{bench.name}-tokenize-{name}.in").write_bytes(stdin.encode())
    with bench.writer(f"tokenize-{name}", "out", "omni-tokenize") as out:
        for number, text in enumerate(prompts):
            ids = bench.ids(text)
            out.turn(number, again and number > 0)
            if audio is not None:
                out.tensor(number, "audio_embeds", audio)
            out.tensor(number, "prompt", ids)
            out.done(number, "stop", prompt=len(ids))


def tokenize_cases(bench):
    tokenized(bench, "unicode", [UNICODE], ["-r", UNICODE])
    tokenized(bench, "special", [SPECIAL], ["-r", SPECIAL])
    if bench.name == "odd":
        return
    tokenized(bench, "user", [user_turn("Hello, how are you?")], ["Hello, how are you?"])
    tokenized(
        bench,
        "system",
        [SYSTEM + user_turn("What is 12+34?")],
        ["-p", "You are a helpful assistant.", "What is 12+34?"],
    )
    tokenized(
        bench,
        "assistant",
        [user_turn("Read it.") + "One, two, three!"],
        ["--assistant", "One, two, three!", "Read it."],
    )
    tokenized(bench, "newlines", [user_turn("\n\n Hello \n")], ["\n\n Hello \n"])
    lines = ["Hello, world!", "And then?"]
    tokenized(bench, "lines", [user_turn(line) for line in lines], ["-l"], "\n".join(lines) + "\n")
    tokenized(
        bench,
        "turns",
        [user_turn(lines[0]), user_turn(lines[1], first=False)],
        ["-l", "--continue"],
        "\n".join(lines) + "\n",
        again=True,
    )
    said = [
        ("system", "Be brief."),
        ("user", lines[0]),
        ("assistant", "I'm a bird."),
        ("user", lines[1]),
    ]
    tokenized(
        bench,
        "jsonl",
        [
            "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in said)
            + "<|im_start|>assistant\n"
        ],
        ["--jsonl"],
        json.dumps([{"role": role, "content": text} for role, text in said]) + "\n",
    )
    _, embeds, _ = encode(bench, 37)
    with bench.writer("tokenize-audio", "in", "omni-encode-audio") as out:
        out.turn(0)
        out.tensor(0, "audio_embeds", embeds)
        out.done(0, "stop")
    tokenized(
        bench,
        "audio",
        [user_turn(audio_part(len(embeds)) + "What is this?")],
        ["What is this?"],
        audio=embeds,
    )


# ---- omni-encode-audio ----


def clip(n_frames):
    """Deterministic sound of n_frames * 160 + 77 samples: a gliding chord with pauses and noise,
    s16."""
    n = n_frames * 160 + 77
    t = np.arange(n) / 16000
    noise = np.random.Generator(np.random.PCG64(n_frames)).integers(-1000, 1001, n) / 32768
    tones = sum(
        a * np.sin(2 * np.pi * (f + 40 * t) * t)
        for f, a in ((220, 0.2), (587, 0.12), (1900, 0.07), (5200, 0.02))
    )
    loud = 0.15 + 0.85 * (np.sin(2 * np.pi * 1.7 * t) > -0.3)
    return np.round((tones * loud + noise) * 32767).astype("<i2")


def write_clips(folder):
    for n_frames in CLIPS:
        with wave.open(str(folder / f"{n_frames}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(clip(n_frames).tobytes())


def encode(bench, n_frames):
    return reference.encode_audio(bench.model, clip(n_frames).astype("f4") / 32768)


def audio_traces(bench, n_frames, tape):
    """The mel is the same for both models, and the long clip is there for its windows only."""
    if n_frames == 900:
        return ["audio.ln_post"]
    return [name for name in tape.names() if bench.name == "tiny" or name != "audio.mel"]


def audio_cases(bench):
    for n_frames in CLIPS if bench.name == "tiny" else CLIPS[:-1]:
        _, embeds, tape = encode(bench, n_frames)
        bench.case(
            f"audio-{n_frames}", "omni-encode-audio", "--trace", "audio.*", f"wav/{n_frames}.wav"
        )
        with bench.writer(f"audio-{n_frames}", "out", "omni-encode-audio") as out:
            out.turn(0)
            traces(out, 0, tape, audio_traces(bench, n_frames, tape))
            out.tensor(0, "audio_embeds", embeds)
            out.done(0, "stop")


# ---- omni-thinker ----


def thought(bench, name, turns, limit, audio=None, tape=None, trace=None, more=()):
    """A thinker's case of one or more turns; `audio` belongs to the first, `tape` and `trace`
    too; `more` arguments."""
    arguments = ["-n", str(limit), *(["--trace", trace] if trace else []), *more]
    bench.case(f"thinker-{name}", "omni-thinker", *arguments)
    with bench.writer(f"thinker-{name}", "in", "omni-tokenize") as out:
        for turn in turns:
            turn.write_prompt(out, None if turn.number else audio)
    with bench.writer(f"thinker-{name}", "out", "omni-thinker") as out:
        tts_embed(bench, out)
        for turn in turns:
            turn.write_answer(out, None if turn.number else audio)
        if trace:
            traces(out, 0, tape, fnmatch.filter(tape.names(), trace))


def answered(bench, name, text, limit, reason, trace="thinker.*"):
    """One question in text, answered to the limit or to im_end."""
    turn, tape = bench.think(bench.ids(text), limit)
    assert turn.reason == reason, f"{name}: {turn.reason} after {len(turn.tokens)}"
    thought(bench, name, [turn], limit, None, tape, trace)


def heard(bench, n_frames, text, limit):
    """A question with a clip before it: (turn, audio_embeds, tape)."""
    mel, embeds, _ = encode(bench, n_frames)
    turn, tape = bench.think(
        bench.ids(user_turn(audio_part(len(embeds)) + text)), limit, mels=[mel]
    )
    return turn, embeds, tape


def conversation(bench, limit):
    """Three turns of one conversation, each from a fresh run over the whole history; then the
    first question again, as the start of a new conversation."""
    turns = []
    for text in ("One, two, three!", "And then?", "Hello, world!"):
        before = turns[-1] if turns else None
        turns.append(bench.think(bench.ids(user_turn(text, first=not turns)), limit, before)[0])
    assert [turn.reason for turn in turns[:2]] == ["length", "stop"]
    turns.append(bench.think(turns[0].new, limit)[0])
    turns[-1].number = 3
    return turns


def silence(bench):
    """A question to which the model says nothing at all."""
    turn = bench.think(
        bench.ids(
            SYSTEM.replace("You are a helpful assistant", "Be brief") + user_turn("Is it music?")
        ),
        4,
    )[0]
    assert turn.reason == "stop" and not turn.tokens
    return turn


def searched(bench, limit, beams):
    """Three turns of one conversation; none of the answers is the greedy one."""
    turns = []
    for text in ("Is it music?", "Please listen to the wind.", "And then?"):
        before = turns[-1] if turns else None
        new = bench.ids(user_turn(text, first=not turns))
        turns.append(bench.search(new, limit, beams, before))
    return turns


def verbatim(bench, question, text):
    """A turn whose answer is given: nothing is sampled."""
    return Turn(bench, None, [], bench.ids(user_turn(question) + text), [], "prefill")


def thinker_cases(bench):
    if bench.name == "odd":
        answered(bench, "stop", SYSTEM + user_turn("And then?"), 64, "stop", "thinker.layers.*")
        turn, embeds, tape = heard(bench, 100, "One, two, three!", 24)
        thought(bench, "audio", [turn], 24, embeds, tape, "thinker.*[esr]")
        return
    answered(bench, "limit", user_turn("And then?"), 68, "length")
    answered(bench, "stop", user_turn("Please listen to the wind."), 64, "stop")
    turn, embeds, tape = heard(bench, 230, "What is this?", 24)
    thought(bench, "audio", [turn], 24, embeds, tape, "thinker.[elp]*")
    thought(bench, "verbatim", [verbatim(bench, "Read it.", "One, two, three!")], 0)
    thought(bench, "silence", [silence(bench)], 4)
    thought(bench, "turns", conversation(bench, 16), 16)
    thought(bench, "beams", searched(bench, 24, 4), 24, more=["--beams", "4"])

"""The golden cases: for each an input stream, the expected output stream and the command between them.

A case is a line of `cases`: name, model, tool, tolerance, arguments. The input is NAME.in (absent: no input), what
must come out is in NAME.out: every tensor, text and done that it holds, the stage may send more.
"""
import fnmatch
import shlex
import wave

import numpy as np
import torch
from transformers import AutoTokenizer

import reference
from models import N_TOKENS
from wire import Writer, fnv1a64

GREEDY_GAP, ROUTER_GAP = 2e-3, 1e-4
TOLERANCE = 1e-4  # relative, of a whole tensor; integers and text must be equal


class Bench:
    """One model with what the cases of all stages need."""

    def __init__(self, name, model, folder, out):
        self.name, self.model, self.out = name, model, out
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.lines = []
        config = model.config
        self.accept = config.talker_config.accept_hidden_layer
        self.sizes = {"D": config.thinker_config.text_config.hidden_size,
                      "Dt": config.talker_config.text_config.hidden_size,
                      "G": config.talker_config.num_code_groups, "codebook": config.code2wav_config.codebook_size}
        self.hash = fnv1a64((folder / "config.json").read_bytes())

    def writer(self, case, side, producer):
        """NAME.in or NAME.out of a case, with a begin frame by `producer`."""
        return Writer(self.out / f"{case}.{side}", {
            "producer": producer, "version": "0.1.0", "model": self.name, "hash": self.hash, "sizes": self.sizes,
            "rates": {"frames": 12.5, "samples": 24000}})

    def case(self, name, tool, *arguments, tolerance=TOLERANCE):
        """Registers a case; checks that no choice in it hangs by a hair. Returns its full name."""
        self.lines.append("\t".join([name, self.name, tool, f"{tolerance:g}", shlex.join(arguments)]))
        for kind, least in (("greedy", GREEDY_GAP), ("router", ROUTER_GAP)):
            gap, where = reference.margins[kind]
            assert gap > least, f"{name}: {kind} gap {gap:.2g} at {where}"
            reference.margins[kind] = (float("inf"), "")

    def ids(self, text):
        return self.tokenizer(text).input_ids

    def text(self, ids):
        return self.tokenizer.decode(ids)


def user_turn(text, first=True):
    """What the tokenizer adds for one question; later turns begin with the newline after the last im_end."""
    return ("" if first else "\n") + f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def audio_part(n_rows):
    return "<|audio_start|>" + "<|audio_pad|>" * n_rows + "<|audio_end|>"


# ---- what the thinker sends ----------------------------------------------------------------------------------

class Turn:
    """One turn of a conversation: what is new in the prompt, what the thinker says, the history around both."""

    def __init__(self, bench, number, history, new, tokens, reason, again, hidden=None):
        self.number, self.again, self.new, self.tokens, self.reason = number, again, new, tokens, reason
        self.start = len(history)  # index of new[0] in the whole conversation
        self.prompt = [*history, *new]
        self.ids = [*self.prompt, *tokens]
        self.bench = bench
        self.hidden = hidden  # [len(prompt) or more, D], read at media rows

    def rows(self):
        """(user and last assistant rows, media rows of user parts) as indices into `new`."""
        config = self.bench.model.config
        role, text, media = None, [], []
        starts = [i for i, token in enumerate(self.prompt) if token == config.im_start_token_id]
        for i, token in enumerate(self.prompt):
            if i in starts:
                role = self.prompt[i + 1]
            user = role == config.user_token_id
            if i >= self.start and (user or i >= starts[-1]):
                text.append(i - self.start)
            if i >= self.start and user and token == config.thinker_config.audio_token_id:
                media.append(i - self.start)
        return text, media

    def write(self, out, audio=None):
        """The frames of a thinker's turn, without traces. `audio` [Ta, D]: layer-0 inputs of the media rows."""
        table = self.bench.model.thinker.get_input_embeddings().weight.detach()
        text, media = self.rows()
        embed = table[self.new].clone()
        if media:
            embed[media] = audio
        out.turn(self.number, self.again)
        out.tensor(self.number, "prompt", self.new)
        out.tensor(self.number, "rows", text)
        out.tensor(self.number, "thinker_embed", embed[text])
        if media:
            out.tensor(self.number, "rows", media)
            out.tensor(self.number, "thinker_hidden", self.hidden[self.start:][media])
        for token in self.tokens:
            out.tensor(self.number, "tokens", [token])
            out.tensor(self.number, "thinker_embed", table[[token]])
            out.text(self.number, self.bench.text([token]))
        out.done(self.number, self.reason, tokens=len(self.tokens))


def tts_embed(bench, out):
    config = bench.model.config
    ids = [config.tts_bos_token_id, config.tts_eos_token_id, config.tts_pad_token_id]
    out.tensor(None, "tts_embed", bench.model.thinker.get_input_embeddings().weight.detach()[ids])


def think(bench, number, history, new, limit, mels=(), again=False):
    """Runs the reference on the whole history; returns (Turn, tape)."""
    tokens, stopped, tape = reference.think(bench.model, [*history, *new], limit, mels, N_TOKENS)
    hidden = torch.from_numpy(tape[f"thinker.layers.{bench.accept - 1}"])
    turn = Turn(bench, number, history, new, tokens, "stop" if stopped else "length", again, hidden)
    return turn, tape


def traces(out, turn, tape, names):
    for name in names:
        out.tensor(turn, name, tape[name])


# ---- audio --------------------------------------------------------------------------------------------------

def clip(n_frames):
    """Deterministic sound of n_frames * 160 + 77 samples: a gliding chord with pauses and noise, s16."""
    n = n_frames * 160 + 77
    t = np.arange(n) / 16000
    noise = np.random.Generator(np.random.PCG64(n_frames)).integers(-1000, 1001, n) / 32768
    tones = sum(a * np.sin(2 * np.pi * (f + 40 * t) * t) for f, a in ((220, .2), (587, .12), (1900, .07), (5200, .02)))
    loud = .15 + .85 * (np.sin(2 * np.pi * 1.7 * t) > -.3)
    return np.round((tones * loud + noise) * 32767).astype("<i2")


CLIPS = 37, 100, 137, 230, 900


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
        name = f"{bench.name}-audio-{n_frames}"
        bench.case(name, "omni-encode-audio", "--trace", "audio.*", f"wav/{n_frames}.wav")
        with bench.writer(name, "out", "omni-encode-audio") as out:
            out.turn(0)
            traces(out, 0, tape, audio_traces(bench, n_frames, tape))
            out.tensor(0, "audio_embeds", embeds)
            out.done(0, "stop")


# ---- thinker ------------------------------------------------------------------------------------------------

def thinker_prompt(out, turn, again, ids):
    out.turn(turn, again)
    out.tensor(turn, "prompt", ids)
    out.done(turn, "stop", prompt=len(ids))


def thinker_text(bench, kind, text, limit, reason, trace="thinker.*"):
    """One question, answered to the limit or to im_end."""
    name = f"{bench.name}-thinker-{kind}"
    new = bench.ids(text)
    turn, tape = think(bench, 0, [], new, limit)
    assert turn.reason == reason, f"{name}: {turn.reason} after {len(turn.tokens)}"
    bench.case(name, "omni-thinker", "-n", str(limit), "--trace", trace)
    with bench.writer(name, "in", "omni-tokenize") as out:
        thinker_prompt(out, 0, False, new)
    with bench.writer(name, "out", "omni-thinker") as out:
        tts_embed(bench, out)
        turn.write(out)
        traces(out, 0, tape, fnmatch.filter(tape.names(), trace))


# ---- all ----------------------------------------------------------------------------------------------------

SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"


def run(bench):
    audio_cases(bench)
    if bench.name == "tiny":
        thinker_text(bench, "limit", user_turn("And then?"), 68, "length")
        thinker_text(bench, "stop", user_turn("Please listen to the wind."), 64, "stop")
    else:
        thinker_text(bench, "stop", SYSTEM + user_turn("And then?"), 64, "stop", "thinker.layers.*")

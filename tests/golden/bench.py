"""What the cases of all stages share: a model with its tokenizer, prompts, a thinker's turn as
frames."""

import shlex

import torch
from transformers import AutoTokenizer

import reference
from models import N_TOKENS
from wire import Writer, fnv1a64

GREEDY_GAP, ROUTER_GAP = 2e-3, 1e-4
TOLERANCE = 1e-4  # relative, of a whole tensor; integers and text must be equal


class Bench:
    """One model, and the cases made with it so far."""

    def __init__(self, name, model, folder, out):
        self.name, self.model, self.out = name, model, out
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.lines = []
        config = model.config
        self.accept = config.talker_config.accept_hidden_layer
        self.table = model.thinker.get_input_embeddings().weight.detach().cpu()
        self.sizes = {
            "D": config.thinker_config.text_config.hidden_size,
            "Dt": config.talker_config.text_config.hidden_size,
            "G": config.talker_config.num_code_groups,
            "codebook": config.code2wav_config.codebook_size,
        }
        self.hash = fnv1a64((folder / "config.json").read_bytes())

    def writer(self, case, side, producer):
        """NAME.in or NAME.out of a case, with a begin frame by `producer`."""
        return Writer(
            self.out / f"{self.name}-{case}.{side}",
            {
                "producer": producer,
                "version": "0.1.0",
                "model": self.name,
                "hash": self.hash,
                "sizes": self.sizes,
                "rates": {"frames": 12.5, "samples": 24000},
            },
        )

    def case(self, name, tool, *arguments):
        """Adds a line to `cases`; checks that no choice made for it hangs by a hair."""
        self.add(name, tool, " ".join(map(quote, arguments)))

    def add(self, name, tool, words):
        self.lines.append(
            "\t".join([f"{self.name}-{name}", self.name, tool, f"{TOLERANCE:g}", words])
        )
        for kind, least in (("greedy", GREEDY_GAP), ("router", ROUTER_GAP)):
            gap, where = reference.margins[kind]
            assert gap > least, f"{self.name}-{name}: {kind} gap {gap:.2g} at {where}"
            reference.margins[kind] = (float("inf"), "")

    def ids(self, text):
        return self.tokenizer(text).input_ids

    def text(self, ids):
        return self.tokenizer.decode(ids)

    def history(self, before):
        """Ids up to the end of the turn `before`."""
        return before.ids + [self.model.config.im_end_token_id] if before else []

    def think(self, new, limit, before=None, mels=()):
        """The thinker's answer to `new` prompt ids, after the turn `before`: (Turn, tape of the
        whole history)."""
        history = self.history(before)
        tokens, stopped, tape = reference.think(self.model, history + new, limit, mels, N_TOKENS)
        hidden = torch.from_numpy(tape[f"thinker.layers.{self.accept - 1}"])
        return (
            Turn(self, before, history, new, tokens, "stop" if stopped else "length", hidden),
            tape,
        )

    def search(self, new, limit, beams, before=None):
        """The same, in text alone, by a search with so many beams: only the Turn."""
        history = self.history(before)
        tokens, stopped = reference.search(self.model, history + new, limit, beams, N_TOKENS)
        return Turn(self, before, history, new, tokens, "stop" if stopped else "length")


def quote(word):
    """One word for a bash command line that is itself one line."""
    if word.isprintable():
        return shlex.quote(word)
    for sign, escape in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        word = word.replace(sign, escape)
    return f"$'{word}'"


def user_turn(text, first=True):
    """What the tokenizer adds for one question; later turns begin with the newline after the last
    im_end."""
    return ("" if first else "\n") + f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"


def audio_part(n_rows):
    return "<|audio_start|>" + "<|audio_pad|>" * n_rows + "<|audio_end|>"


class Turn:
    """One turn of a conversation: what is new in the prompt, what the thinker says to it, and the
    history."""

    def __init__(self, bench, before, history, new, tokens, reason, hidden=None):
        self.bench, self.new, self.tokens, self.reason = bench, new, tokens, reason
        self.number = before.number + 1 if before else 0
        self.again = before is not None
        self.start = len(history)  # index of new[0] in the whole conversation
        self.prompt = history + new
        self.ids = self.prompt + tokens
        self.hidden = torch.zeros(
            len(self.ids) + 1, bench.sizes["D"]
        )  # the accepted layer, read at media rows
        if hidden is not None:
            self.hidden[: len(hidden)] = hidden

    def rows(self):
        """(rows of user parts and of the last assistant part, media rows of user parts): indices
        into `new`."""
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

    def write_prompt(self, out, audio=None):
        """The frames of the tokenizer's turn; `audio`: the clip that came through it."""
        out.turn(self.number, self.again)
        if audio is not None:
            out.tensor(self.number, "audio_embeds", audio)
        out.tensor(self.number, "prompt", self.new)
        out.done(self.number, "stop", prompt=len(self.new))

    def write_answer(self, out, audio=None):
        """The frames of the thinker's turn, without traces. `audio` [Ta, D]: layer-0 inputs of the
        media rows."""
        text, media = self.rows()
        embed = self.bench.table[self.new].clone()
        if media:
            embed[media] = audio
        out.turn(self.number, self.again)
        out.tensor(self.number, "prompt", self.new)
        out.tensor(self.number, "rows", text)
        out.tensor(self.number, "thinker_embed", embed[text])
        if media:
            out.tensor(self.number, "rows", media)
            out.tensor(self.number, "thinker_hidden", self.hidden[self.start :][media])
        for token in self.tokens:
            out.tensor(self.number, "tokens", [token])
            out.tensor(self.number, "thinker_embed", self.bench.table[[token]])
            out.text(self.number, self.bench.text([token]))
        out.done(self.number, self.reason, tokens=len(self.tokens))

    def talk(self, limit, voice="ethan"):
        """The talker's frames for this turn: (codes, stopped?, tape)."""
        return reference.talk(
            self.bench.model, self.ids, len(self.prompt), limit, self.hidden[: len(self.ids)], voice
        )


def tts_embed(bench, out):
    config = bench.model.config
    out.tensor(
        None,
        "tts_embed",
        bench.table[[config.tts_bos_token_id, config.tts_eos_token_id, config.tts_pad_token_id]],
    )


def traces(out, turn, tape, names):
    for name in names:
        out.tensor(turn, name, tape[name])

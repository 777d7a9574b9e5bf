"""Parrot's own voice on GPUs, as codes, for its ears to learn from: what own.py does on cores with the tools.

    python3 aloud.py --text text.jsonl --model MODEL --thinker thinker.pt --talker talker.pt --times 2 \\
                     OUT/own.npz                            or with torchrun on several GPUs

The lines are repeated: the talker reads the user's turn and the answer, which are the same words. Lines of as many
tokens are said together, each frame of all of them at once. A third of what is said is greedy, the rest is drawn as the
model's own sampling does. OUT is as encode.py writes it, without places (nobody knows them): what ended by itself.
"""

import argparse
import pathlib
import time

import numpy as np
import torch

import batches
import encode
import own
import parrot
import tokens
import world
from export import SAMPLING, averaged
from graphed import captured
from guess import TOP_K, TOP_P
from pieces import plain_lines
from sizes import CODEBOOK, GROUPS
from text import N_HELD_OUT, read

GREEDY = 1 / 3  # of what is said
MOST = 12, 6  # frames, and more a token: nearly all have ended by then
LEFT = 0.003  # share of a batch for which no more frames are made


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--thinker", type=pathlib.Path, required=True)
    parser.add_argument("--talker", type=pathlib.Path, required=True)
    parser.add_argument("--lines", type=int, help="only the first so many")
    parser.add_argument("--times", type=int, default=1, help="how often each line is said")
    parser.add_argument("--plain-times", type=int, help="and the plain ones (pieces.py)")
    parser.add_argument("--batch", type=int, default=4096, help="lines that are said at once")
    parser.add_argument("--keep", type=pathlib.Path, help="an own.npz of before, which stays")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("out", type=pathlib.Path)
    return parser.parse_args()


def drawn(logits, greedy, top_k, top_p, temperature=1.0):
    """Codes [N] of logits [N, V]: the likeliest where greedy [N], else from the top k and of these top p."""
    best, code = logits.float().topk(min(top_k, logits.shape[-1]))
    probability = (best / temperature).softmax(-1)
    before = probability.cumsum(-1) - probability
    # The largest of p / Exp(1) is drawn with probability p: no look at what the GPU has.
    chance = probability * (before < top_p) / torch.empty_like(probability).exponential_()
    return code.gather(1, torch.where(greedy, 0, chance.argmax(-1))[:, None])[:, 0]


class Recorded:
    """A function of tensors of fixed shapes as a CUDA graph; on a CPU as it is written."""

    def __init__(self, function, *inputs):
        self.function, self.inputs, self.graph = function, inputs, None
        if inputs[0].is_cuda:
            self.graph, self.output = captured(lambda: function(*inputs))

    def __call__(self, *inputs):
        if not self.graph:
            return self.function(*inputs)
        for mine, new in zip(self.inputs, inputs, strict=True):
            mine.copy_(new)
        self.graph.replay()
        return self.output


class Speaker:
    def __init__(self, options):
        self.options, self.device = options, world.join(options.device)
        torch.manual_seed(options.seed + world.RANK)
        torch.backends.cuda.matmul.allow_tf32 = True
        model = averaged(options.model, options.thinker, options.talker)
        self.model = model.to(self.device).requires_grad_(False)
        self.talker, self.config = model.talker, model.config
        lines = read(options.text)[: options.lines]
        self.texts = [line["text"] for line in lines]
        self.chat = batches.Chat(tokens.load(options.model), self.texts, dropouts=())
        self.times = np.full(len(lines), options.times)
        if options.plain_times:
            self.times[plain_lines(lines)] = options.plain_times
        self.times[:N_HELD_OUT] = 2
        row = torch.zeros(options.batch, self.config.talker_config.text_config.hidden_size, device=self.device)
        none = torch.zeros(options.batch, dtype=torch.long, device=self.device)
        self.residual = Recorded(self.follow, row, none, none.bool())

    def groups(self):
        """Lines to be said together, of as many tokens each: what this process takes of them."""
        random, groups = np.random.default_rng(self.options.seed), []
        counts = np.array([len(ids) for ids in self.chat.tokens[0]])
        order = np.repeat(np.arange(len(counts)), self.times)
        order = random.permutation(order)
        for count in range(1, counts.max() + 1):
            some = order[counts[order] == count]
            groups += [some[i : i + self.options.batch] for i in range(0, len(some), self.options.batch)]
        return groups[world.RANK :: world.SIZE]

    def read(self, lines):
        """What the talker reads (batches.TALK) while it says `lines`, padded to a whole batch, and how many rows come
        before the first frame."""
        count = len(self.chat.tokens[0][lines[0]])
        nothing = np.zeros((MOST[0] + MOST[1] * count, GROUPS), np.uint8)
        places = np.zeros(len(nothing), np.int32)  # nothing is guided here
        speaker = self.config.talker_config.speaker_id["ethan"]
        rows = []
        for line in lines:
            user = self.chat.turn("user", self.chat.tokens[0][line].tolist())
            said = self.chat.in_pieces(self.texts[line])
            rows.append(batches.talk_rows(self.chat, self.config, said, user, nothing, places, speaker))
        batch = batches.stacked(rows + rows[:1] * (self.options.batch - len(rows)), len(rows[0]["text"]))
        before = int(rows[0]["speaks"].argmax())
        return {name: torch.from_numpy(batch[name]).to(self.device) for name in batches.TALK}, before

    def follow(self, states, code, greedy):
        """Codes [B, G] of a frame after the talker's states [B, D] with code 0 [B]."""
        predictor, kept, codes = self.talker.code_predictor, [], [code]
        rows = torch.stack([states, self.talker.model.codec_embedding(code)], 1)
        for table, head in zip(predictor.model.codec_embedding, predictor.lm_head):
            hidden = parrot.go_on(predictor.model, rows, kept, axes=1)[:, -1]
            codes.append(drawn(head(hidden), greedy, TOP_K, TOP_P))
            rows = table(codes[-1])[:, None]
        return torch.stack(codes, 1)

    @torch.no_grad()
    def say(self, lines):
        """[(line, codes u8 [F, G])] of those that ended by themselves."""
        fields, before = self.read(lines)
        n, frames = len(lines), fields["text"].shape[1] - before
        greedy = torch.rand(self.options.batch, device=self.device) < GREEDY
        eos = self.config.talker_config.codec_eos_token_id
        sampling = [SAMPLING[f"talker_{name}"] for name in ("top_k", "top_p", "temperature")]
        kept, made = [], []
        length = torch.full((self.options.batch,), -1, device=self.device)
        rows = parrot.talked(self.model, **{name: x[:, :before] for name, x in fields.items()})
        for frame in range(frames):
            states = parrot.go_on(self.talker.model, rows, kept)[:, -1]
            logits = self.talker.codec_head(states)
            logits[:, CODEBOOK:eos] = logits[:, eos + 1 :] = -torch.inf
            code = drawn(logits, greedy, *sampling)
            length = torch.where((code == eos) & (length < 0), frame, length)
            if frame % 8 == 7 and float((length[:n] < 0).float().mean()) <= LEFT:
                break
            codes = self.residual(states, code.clamp(max=CODEBOOK - 1), greedy)
            made.append(codes.to(torch.uint8))
            at = slice(before + frame, before + frame + 1)
            now = {name: x[:, at] for name, x in fields.items()}
            rows = parrot.talked(self.model, **{**now, "fed": made[-1][:, None]})
        made, length = torch.stack(made, 1).cpu().numpy(), length.tolist()
        return [(line, row[:k]) for line, row, k in zip(lines.tolist(), made, length) if k > 0]

    def all(self):
        """What own.npz holds of this process's lines."""
        said = [row for lines in self.groups() for row in self.say(lines)]
        return {
            "codes": np.concatenate([codes for _, codes in said]),
            "frames": np.array([len(codes) for _, codes in said]),
            "line": np.array([line for line, _ in said]),
        }


def with_kept(found, path):
    """What was said, and what was said before of lines that are taught; no places."""
    if path:
        found = {name: np.concatenate([found[name], x]) for name, x in own.taught(path).items()}
    return {**found, "places": np.zeros(len(found["codes"]), np.uint16)}


def main():
    options, began = arguments(), time.time()
    speaker = Speaker(options)
    stored = encode.put_together(with_kept(speaker.all(), None if world.RANK else options.keep), options.out)
    if stored:
        hours, seconds = len(stored["codes"]) / 12.5 / 3600, time.time() - began
        print(f"{len(stored['line'])} utterances, {hours:.2f} hours in {seconds:.1f} seconds", flush=True)
    world.leave()


if __name__ == "__main__":
    main()

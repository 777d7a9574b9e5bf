"""Trains encoder, quantisers and code2wav together; then, with --decoder, code2wav alone.

    python3 train_codec.py --speech DIR --model MODEL --state codec.pt --minutes 9 --plan 20
    python3 train_codec.py --speech DIR --model MODEL --state codec.pt --decoder [--guessed guessed.npz] ...
    torchrun --nproc-per-node 4 train_codec.py ...          on four GPUs

The whole utterance goes through encoder and transformer; the convolutions, which cost the most,
see a random cut of it with the context they reach back to.
"""

import functools
import pathlib

import torch
import torch.nn.functional as F

import encode
import run
import sizes
import world
from codec import Codec, contextualise, sound_of
from codes import Codes, samples_of
from corpus import FRAME, Speech
from graphed import Graphed
from judges import Judges, judge_loss, maker_losses, mel_distance
from sizes import CODEBOOK, GROUPS, healthy_code2wav
from text import N_HELD_OUT

CONTEXT = 5  # frames that the convolutions reach back to
WEIGHTS = {"mel": 15.0, "phonemes": 0.5, "commitment": 1.0, "fooled": 1.0, "apart": 3.0}


def arguments():
    parser = run.arguments(__doc__, plan=20)
    parser.add_argument("--speech", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--batch", type=int, default=16, help="utterances a step")
    parser.add_argument("--frames", type=int, default=72, help="of an utterance at most")
    parser.add_argument("--cut", type=int, default=12, help="frames that become sound")
    parser.add_argument("--judge-from", type=float, default=0.15, help="share of the plan")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--decoder", action="store_true", help="codes stay as they are")
    parser.add_argument("--guessed", type=pathlib.Path, help="of guess.py; --decoder learns from these codes too")
    parser.add_argument("--compile", action="store_true", help="the snakes: slow start, fewer kernels")
    parser.add_argument("--codes", type=pathlib.Path, help="at the end write all speech as codes")
    return parser.parse_args()


def pronounce(told, labels, real):
    """Cross entropy of the phonemes of each 20 ms of real frames; told [2, B, T, 4, phonemes]."""
    labels = torch.where(real.repeat_interleave(4, 1), labels, run.IGNORED).expand(2, -1, -1)
    return F.cross_entropy(told.flatten(0, 3), labels.flatten(), ignore_index=run.IGNORED)


def in_order(path, speech):
    """Codes [frames, G] of guess.py's file for all frames of the speech, -1 for lines that it has not."""
    guessed = Codes(path, N_HELD_OUT)
    of_line = {int(line): u for u, line in enumerate(guessed.line)}
    rows = torch.full((len(speech.places), GROUPS), -1, dtype=torch.short)
    for line, first in zip(speech.line.tolist(), speech.start.tolist()):
        if line in of_line:
            codes = torch.from_numpy(guessed[of_line[line]])
            rows[first : first + len(codes)] = codes
    return rows.to(speech.device)


class Training:
    def __init__(self, options):
        self.options, device = options, world.join(options.device)
        torch.backends.cudnn.benchmark = True  # shapes stay
        torch.manual_seed(options.seed)
        self.speech = Speech(options.speech, device)
        self.guessed = in_order(options.guessed, self.speech) if options.guessed else None
        config = sizes.config_from(options.model)
        self.codec = Codec(healthy_code2wav(config)).to(device).train()
        self.judges = Judges().to(device)
        self.makers = list(self.codec.parameters())
        if options.decoder:
            self.makers = list(self.codec.code2wav.parameters())
        self.critics = list(self.judges.parameters())
        self.maker = torch.optim.AdamW(
            self.makers, betas=(0.8, 0.95), weight_decay=1e-3, fused=device == "cuda"
        )
        self.critic = torch.optim.AdamW(self.critics, betas=(0.8, 0.95), fused=device == "cuda")
        self.run = run.Run(
            options,
            {
                "codec": self.codec,
                "judges": self.judges,
                "decoder maker" if options.decoder else "maker": self.maker,
                "critic": self.critic,
            },
        )
        self.codec.requires_grad_(not options.decoder)
        self.codec.code2wav.requires_grad_(True)
        run.no_gradients([*self.makers, *self.critics])
        self.make = {
            (judged, at_start): Graphed(
                functools.partial(self.makers_losses, judged, at_start), self.makers, device
            )
            for judged in (False, True)
            for at_start in (False, True)
        }
        self.doubt = Graphed(self.critics_loss, self.critics, device)

    def autocast(self):
        device = self.options.device
        return torch.autocast(device, torch.bfloat16, device == "cuda", cache_enabled=False)

    def batch(self):
        """(at the start of the sound?, tensors that makers_losses() takes). The convolutions see a cut of `cut` frames
        with CONTEXT before; at the start of a sound there is no context, and all of it is judged."""
        options = self.options
        longest = min(options.frames, int(self.speech.frames.max()))
        sound, labels, frames, begin = self.speech.batch(options.batch, longest)
        at_start = bool(torch.rand(()) < 0.15)
        size = min(CONTEXT + options.cut, longest)
        first = (torch.rand(len(frames)) * ((frames - size).clamp(min=0) + 1)).long()
        real = torch.arange(longest) < frames[:, None]
        there = torch.nonzero(real.flatten())[:, 0]
        some = torch.randint(1, GROUPS, frames.shape)
        return at_start, {
            "sound": sound,
            "labels": labels,
            "real": real,
            "first": first * (not at_start),
            "depth": torch.where(torch.rand(frames.shape) < 0.5, some, GROUPS),
            "picks": there[torch.randint(len(there), (CODEBOOK,))],
            "guessed": self.guesses(begin, frames, longest),
        }

    def guesses(self, begin, frames, longest):
        """Codes [B, G, T] from frames begin [B] on of all, in half of the rows; else -1."""
        at = torch.arange(longest)
        there = (at < frames[:, None]) & (torch.rand(len(frames), 1) < 0.5)
        if self.guessed is None:
            return torch.full((len(frames), GROUPS, longest), -1)
        rows = self.guessed[torch.where(there, begin[:, None] + at, 0).to(self.guessed.device)].long()
        return torch.where(there[..., None].to(rows.device), rows, -1).transpose(1, 2)

    def makers_losses(self, judged, at_start, sound, labels, real, first, depth, picks, guessed):
        options, codec = self.options, self.codec
        self.judges.requires_grad_(False)
        with self.autocast():
            if options.decoder:
                with torch.no_grad():
                    codes = torch.where(guessed >= 0, guessed, codec.encode(sound))
                offset = codec.code2wav.code_offset
                hidden, losses, seen = codec.code2wav.code_embedding(codes + offset).mean(1), {}, {}
            else:
                hidden, codes, vectors, told = codec.quantise(codec.encoder(sound), depth)
                there = real.flatten()
                losses = {
                    "commitment": codec.commitment(vectors, codes, there),
                    "phonemes": pronounce(told, labels, real),
                }
                seen = codec.quantisers.seen(vectors.detach(), codes, there, picks)
            columns = contextualise(codec.code2wav, hidden)
            size = min(CONTEXT + options.cut, real.shape[1])
            index = 4 * first[:, None] + torch.arange(4 * size, device=first.device)
            columns = columns.gather(2, index[:, None].expand(-1, columns.shape[1], -1))
            skip = 0 if at_start else FRAME * CONTEXT
            at = torch.arange(skip, samples_of(size), device=first.device)
            meant = sound.gather(1, FRAME * first[:, None] + at)
            made = sound_of(codec.code2wav, columns).float()[:, skip : skip + meant.shape[1]]
            losses["mel"] = mel_distance(made, meant)
            if judged:
                with torch.no_grad():
                    real_one = self.judges(meant)
                losses["fooled"], losses["apart"] = maker_losses(real_one, self.judges(made))
        return {**run.weighted(losses, WEIGHTS), **seen, "made": made, "meant": meant}

    def critics_loss(self, made, meant):
        self.judges.requires_grad_(True)
        with self.autocast():
            return {"total": judge_loss(self.judges(meant), self.judges(made))}

    @torch.no_grad()
    def begin(self):
        """The first codebooks, from the features of one batch."""
        batch = self.batch()[1]
        self.codec.quantise(self.codec.encoder(batch["sound"]), begin=True)
        world.as_first(*self.codec.quantisers.buffers())

    def step(self):
        for optimizer in (self.maker, self.critic):
            run.set_rate(optimizer, self.run.rate(self.options.rate))
        judged = self.run.progress >= self.options.judge_from
        at_start, batch = self.batch()
        losses = dict(self.make[judged, at_start](batch))
        made, meant = losses.pop("made"), losses.pop("meant")
        if not self.options.decoder:
            self.codec.quantisers.learn(*(losses.pop(name).clone() for name in ("counts", "sums", "fresh")))
        if judged:
            losses["critic"] = self.doubt({"made": made, "meant": meant})["total"]
        losses["norm"] = run.follow(self.maker, self.makers, 10.0)
        if judged:
            run.follow(self.critic, self.critics, 10.0)
        losses.pop("total")
        self.run.note(**losses)


def main():
    options = arguments()
    training = Training(options)
    if options.compile:
        sizes.compile_snake()
    if options.decoder and not training.run.options.state.exists():
        raise SystemExit("--decoder goes on from a trained codec")
    if not training.run.step:
        training.begin()
    while training.run.going():
        if training.run.step % 500 == 0:
            training.speech.refresh()
            if not options.decoder:
                training.codec.write_tables()
            print(f"{training.speech.hours:.2f} hours of speech", flush=True)
        training.step()
    if not options.decoder:
        training.codec.write_tables()
    training.run.finish()
    if options.codes:
        training.speech.refresh()
        encode.write(training.codec, training.speech, options.codes)
    world.leave()


if __name__ == "__main__":
    main()

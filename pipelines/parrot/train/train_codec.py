"""Trains encoder, quantisers and code2wav together; then, with --decoder, code2wav alone.

    python3 train_codec.py --speech DIR --model MODEL --state codec.pt --minutes 9 --plan 20
    python3 train_codec.py --speech DIR --model MODEL --state codec.pt --decoder ...
    torchrun --nproc-per-node 4 train_codec.py ...          on four GPUs

The whole utterance goes through encoder and transformer; the convolutions, which cost the most,
see a random cut of it with the context they reach back to.
"""

import pathlib

import torch
import torch.nn.functional as F

import encode
import run
import sizes
import world
from codec import Codec, contextualise, sound_of
from corpus import FRAME, Speech
from judges import Judges, judge_loss, maker_losses, mel_distance
from sizes import healthy_code2wav

CONTEXT = 5  # frames that the convolutions reach back to
SHORT = 555  # samples that code2wav leaves out at the end
WEIGHTS = {"mel": 15.0, "phonemes": 0.5, "commitment": 1.0, "fooled": 1.0, "apart": 3.0}


def arguments():
    parser = run.arguments(__doc__, plan=20)
    parser.add_argument("--speech", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--batch", type=int, default=16, help="utterances a step")
    parser.add_argument("--frames", type=int, default=80, help="of an utterance at most")
    parser.add_argument("--cut", type=int, default=12, help="frames that become sound")
    parser.add_argument("--judge-from", type=float, default=0.15, help="share of the plan")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--decoder", action="store_true", help="codes stay as they are")
    parser.add_argument("--codes", type=pathlib.Path, help="at the end write all speech as codes")
    return parser.parse_args()


def random_cut(columns, sound, frames, size, at_start):
    """Columns of `size` frames with CONTEXT before, for each utterance somewhere else, and the
    sound that they shall become: ([B, H, 4 (CONTEXT + size)], [B, samples], samples of context).
    At the start there is no context."""
    if at_start:
        size = min(CONTEXT + size, sound.shape[1] // FRAME)
        return columns[..., : 4 * size], sound[:, : FRAME * size - SHORT], 0
    room = (frames - CONTEXT - size).clamp(min=0)
    first = (torch.rand(len(frames), device=frames.device) * (room + 1)).long()
    steps = torch.arange(4 * (CONTEXT + size), device=frames.device)
    index = (4 * first[:, None] + steps)[:, None].expand(-1, columns.shape[1], -1)
    samples = torch.arange(FRAME * size - SHORT, device=frames.device)
    target = sound.gather(1, FRAME * (first + CONTEXT)[:, None] + samples)
    return columns.gather(2, index), target, FRAME * CONTEXT


def pronounce(told, labels, real):
    """Cross entropy of the phonemes of each 20 ms of real frames; told [2, B, T, 4, phonemes]."""
    labels = torch.where(real.repeat_interleave(4, 1), labels, -1).expand(2, -1, -1)
    return F.cross_entropy(told.flatten(0, 3), labels.flatten(), ignore_index=-1)


class Training:
    def __init__(self, options):
        self.options, device = options, world.join(options.device)
        torch.backends.cudnn.benchmark = True  # shapes stay
        torch.manual_seed(options.seed)
        self.speech = Speech(options.speech, device)
        config = sizes.config_from(options.model)
        self.codec = Codec(healthy_code2wav(config)).to(device).train()
        self.judges = Judges().to(device)
        self.makers = list(self.codec.parameters())
        if options.decoder:
            self.makers = list(self.codec.code2wav.parameters())
        self.maker = torch.optim.AdamW(self.makers, betas=(0.8, 0.95), weight_decay=1e-3)
        self.critic = torch.optim.AdamW(self.judges.parameters(), betas=(0.8, 0.95))
        self.run = run.Run(
            options,
            {
                "codec": self.codec,
                "judges": self.judges,
                "decoder maker" if options.decoder else "maker": self.maker,
                "critic": self.critic,
            },
        )

    def autocast(self):
        return torch.autocast(
            self.options.device, torch.bfloat16, enabled=self.options.device == "cuda"
        )

    def forward(self):
        """(sound made, sound meant, losses but the judges')"""
        options, codec = self.options, self.codec
        longest = min(options.frames, int(self.speech.frames.max()))
        sound, labels, frames = self.speech.batch(options.batch, longest)
        real = torch.arange(longest, device=sound.device) < frames[:, None]
        with self.autocast():
            if options.decoder:
                with torch.no_grad():
                    codes = codec.eval().encode(sound)
                codec.train()
                offset = codec.code2wav.code_offset
                hidden, losses = codec.code2wav.code_embedding(codes + offset).mean(1), {}
            else:
                hidden, codes, commitment, told = codec.quantise(codec.encoder(sound), real)
                losses = {"commitment": commitment, "phonemes": pronounce(told, labels, real)}
            columns = contextualise(codec.code2wav, hidden)
            at_start = torch.rand(()) < 0.15
            columns, meant, skip = random_cut(columns, sound, frames, options.cut, at_start)
            made = sound_of(codec.code2wav, columns).float()[:, skip : skip + meant.shape[1]]
        losses["mel"] = mel_distance(made, meant)
        return made, meant, losses

    def step(self):
        rate = self.run.rate(self.options.rate)
        run.set_rate(self.maker, rate)
        run.set_rate(self.critic, rate)
        made, meant, losses = self.forward()
        if self.run.progress >= self.options.judge_from:
            losses.update(self.judge(made, meant))
        total = sum(WEIGHTS[name] * loss for name, loss in losses.items() if name in WEIGHTS)
        self.maker.zero_grad(set_to_none=True)
        total.backward()
        world.average_gradients([p.grad for p in self.makers if p.grad is not None])
        norm = torch.nn.utils.clip_grad_norm_(self.makers, 10.0)
        self.maker.step()
        self.run.note(**losses, norm=norm)

    def judge(self, made, meant):
        with self.autocast():
            critic = judge_loss(self.judges(meant), self.judges(made.detach()))
        self.critic.zero_grad(set_to_none=True)
        critic.backward()
        world.average_gradients([p.grad for p in self.judges.parameters()])
        torch.nn.utils.clip_grad_norm_(self.judges.parameters(), 10.0)
        self.critic.step()
        self.judges.requires_grad_(False)
        with self.autocast():
            with torch.no_grad():
                real = self.judges(meant)
            fooled, apart = maker_losses(real, self.judges(made))
        self.judges.requires_grad_(True)
        return {"fooled": fooled, "apart": apart, "critic": critic.detach()}


def main():
    options = arguments()
    training = Training(options)
    if options.compile:
        sizes.compile_snake()
    if options.decoder and not training.run.options.state.exists():
        raise SystemExit("--decoder goes on from a trained codec")
    while training.run.going():
        if training.run.step % 200 == 0:
            training.speech.refresh()
            if not options.decoder:
                training.codec.write_tables()
            print(f"{training.speech.hours:.2f} hours of speech", flush=True)
        training.step()
    if not options.decoder:
        training.codec.write_tables()
    training.run.finish()
    if options.codes and not world.RANK:
        training.speech.refresh()
        encode.write(training.codec.eval(), training.speech, options.codes)


if __name__ == "__main__":
    main()

"""Teaches the talker and the code predictor to say what the thinker says.

    python3 train_talker.py --text text.jsonl --codes codes.npz --codec codec.pt --model MODEL
                            --thinker thinker.pt --state talker.pt --minutes 9 --plan 20
    torchrun --nproc-per-node 3 train_talker.py ...         on three GPUs

The thinker (token embeddings, and what it makes of sound) is the averaged one of thinker.pt and stays
as it is. Two heads of one layer's attention are guided: the first to the token that is being
spoken, the second to the next one, as the teacher's alignment has them (guided attention, Tachibana et
al. 2018; there a diagonal, here the real one).
"""

import pathlib

import torch
import torch.nn.functional as F

import batches
import parrot
import run
import spectra
import tokens
import world
from average import Average
from codes import SHORT, Codes, load_code2wav, played
from feed import feed
from text import N_HELD_OUT, read

WEIGHTS = {"code0": 1, "codes": 2, "guide": 0.2, "router": 0.01}


def arguments():
    parser = run.arguments(__doc__, plan=20)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--codes", type=pathlib.Path, required=True)
    parser.add_argument("--codec", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--thinker", type=pathlib.Path, required=True)
    parser.add_argument("--batch", type=int, default=128, help="utterances to say, a step")
    parser.add_argument("--hear", type=int, default=12, help="of which after their sound")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--noise", type=float, default=0.03, help="of the codes fed back")
    parser.add_argument("--workers", type=int, default=6, help="processes that make batches")
    parser.add_argument("--held-out", type=int, default=N_HELD_OUT)
    return parser.parse_args()


class Training:
    def __init__(self, options):
        self.options, device = options, world.join(options.device)
        torch.manual_seed(options.seed)
        self.model, self.config = parrot.build(options.model)
        state = torch.load(options.thinker, map_location="cpu", weights_only=True)
        self.model.thinker.load_state_dict(state["average"])
        load_code2wav(self.model, options.codec)
        self.model.to(device).requires_grad_(False)
        self.model.talker.requires_grad_(True)
        self.average = Average(self.model.talker)
        self.router = parrot.RouterWatch(self.model.talker)
        self.guide = parrot.Guide(self.model.talker.model)
        texts = [line["text"] for line in read(options.text)]
        self.chat = batches.Chat(tokens.load(options.model), texts)
        self.lines = range(options.held_out, len(texts))
        self.codes = Codes(options.codes, options.held_out)
        self.learns = [p for p in self.model.talker.parameters() if p.requires_grad]
        self.optimizer = run.adamw(self.learns)
        parts = {"talker": self.model.talker, "average": self.average, "optimizer": self.optimizer}
        self.run = run.Run(options, parts)
        self.feed = feed(self.make, f"{options.seed} {self.run.step}", device, options.workers)

    def make(self, random_):
        """(talk.Batch, utterances whose sound it has, their thinker's prompts), away from the GPU."""
        which = random_.choices(self.codes.taught, k=self.options.batch)
        sounds = which[: self.options.hear]
        counts = [rows_of(int(self.codes.frames[u])) for u in sounds]
        users, spoken = [], []
        for b, u in enumerate(which):
            spoken.append(self.chat.spoken(int(self.codes.line[u]), random_))
            if b < len(sounds):
                users.append(batches.heard_part(self.chat, counts[b], random_))
            elif random_.random() < 0.35:  # text read aloud: nobody asked
                users.append([])
            else:
                users.append(self.asked(spoken[-1][0], random_))
        talk = batches.talk_batch(
            self.chat,
            self.config,
            spoken,
            users,
            [self.codes[u] for u in which],
            [self.codes.places_of(u) for u in which],
            self.options.noise,
            random_,
        )
        lines = [int(self.codes.line[u]) for u in sounds]
        prompts = batches.sound_batch(self.chat, lines, counts, random_)[0] if lines else None
        return talk, sounds, prompts

    def asked(self, said, random_):
        """The user's turns before an answer, the last one with the same words."""
        earlier = random_.choices(self.lines, k=random_.choice([0, 0, 0, 0, 0, 1, 1, 2, 3]))
        turns = [self.chat.sentence(line, random_) for line in earlier]
        return [id_ for ids in [*turns, said] for id_ in self.chat.turn("user", ids)]

    @torch.no_grad()
    def media(self, utterances, prompts):
        """What the thinker makes of the codes' own sound: the rows that the talker gets of it."""
        device = self.options.device
        sound = played(self.model.code2wav, [self.codes[u] for u in utterances], device)
        frames = torch.from_numpy(self.codes.frames[utterances]).to(device)
        n = 1920 * frames - SHORT
        sound = sound * (torch.arange(sound.shape[1], device=device) < n[:, None])
        columns = n * 2 // 3 // 160
        mel = spectra.log_mel(spectra.resample(sound, 2, 3))[..., : int(columns.max())]
        heard = parrot.hear(parrot.audio_tower(self.model), mel, columns)
        real = torch.arange(heard.shape[1], device=device) < parrot.n_rows(columns)[:, None]
        places = prompts == self.chat["<|audio_pad|>"]
        accept = self.config.talker_config.accept_hidden_layer
        _, hidden = parrot.think(self.model, prompts, heard[real], places, accept)
        return hidden[places]

    def losses(self, batch, media):
        states = parrot.talk(self.model, batch, media)
        taught = batch.next0 != batches.IGNORED
        states = states[taught]
        code0 = batch.next0[taught]
        logits = self.model.talker.codec_head(states).float()
        losses = {"code0": F.cross_entropy(logits, code0), "code0 right": run.right(logits, code0)}
        frames = code0 < self.config.code2wav_config.codebook_size
        codes = batch.next[taught][frames]
        logits = parrot.predict(self.model, states[frames], codes).float()
        losses["codes"] = F.cross_entropy(logits.flatten(0, 1), codes[:, 1:].flatten())
        losses["codes right"] = run.right(logits, codes[:, 1:])
        losses["guide"], losses["guide right"] = self.guide.loss(batch.reads)
        losses["router"] = self.router.loss()
        return losses

    def step(self):
        options = self.options
        run.set_rate(self.optimizer, self.run.rate(options.rate, warm=300))
        batch, sounds, prompts = next(self.feed)
        batch = batch.to(options.device)
        with torch.autocast(options.device, torch.bfloat16, enabled=options.device == "cuda"):
            media = self.media(sounds, prompts.to(options.device)) if sounds else None
            losses = self.losses(batch, media)
        self.run.note(**losses, **run.learn(self.optimizer, self.learns, losses, WEIGHTS))
        self.average.update(self.model.talker, self.run.step)


def rows_of(frames):
    """Rows that the audio encoder makes of so many frames of the codec's sound."""
    return int(parrot.n_rows(torch.tensor((1920 * frames - SHORT) * 2 // 3 // 160)))


def main():
    training = Training(arguments())
    while training.run.going():
        training.step()
    training.run.finish()


if __name__ == "__main__":
    main()

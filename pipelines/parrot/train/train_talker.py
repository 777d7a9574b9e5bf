"""Teaches the talker and the code predictor to say what the thinker says.

    python3 train_talker.py --text text.jsonl --codes codes.npz --codec codec.pt --model MODEL
                            --phonemes phonemes.npz --thinker thinker.pt --state talker.pt --minutes 9 --plan 20
    torchrun --nproc-per-node 3 train_talker.py ...         on three GPUs

The thinker (token embeddings, and what it makes of sound) is the averaged one of thinker.pt and stays
as it is. Two heads of one layer's attention are guided: the first to the token that is being
spoken, the second to the next one, as the teacher's alignment has them (guided attention, Tachibana et
al. 2018; there a diagonal, here the real one). What they find there the layers below have made ready: in lessons
without sound, of words in any order, these must tell the phonemes of a token (spelling.py).
"""

import pathlib

import numpy as np
import torch

import batches
import parrot
import run
import spelling
import tokens
import world
from average import Average
from codes import Codes, load_code2wav, played, samples_of
from feed import by_length, feed
from graphed import Graphed
from pieces import Pieces, plain_lines
from text import N_HELD_OUT, read

HELD_OUT_EVERY = 200  # steps
LONGEST = 240  # frames of an answer that is put together
WEIGHTS = {"code0": 1, "codes": 2, "guide": 0.2, "router": 0.01, "spelled": 0.5}
SPELLED_ROWS = 80  # of a lesson without sound, with its text


def arguments():
    parser = run.arguments(__doc__, plan=20)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--codes", type=pathlib.Path, required=True)
    parser.add_argument("--codec", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--thinker", type=pathlib.Path, required=True)
    parser.add_argument("--batch", type=int, default=128, help="utterances to say, a step")
    parser.add_argument("--lessons", type=int, default=32, help="frames of an utterance that the predictor sees")
    parser.add_argument("--heard", type=int, default=3000, help="utterances that are said after their sound")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--settle", type=int, default=0, help="steps in which only heads learn that are not exported")
    parser.add_argument("--phonemes", type=pathlib.Path, required=True, help="of teacher.py")
    parser.add_argument("--spelled", type=int, default=96, help="lessons without sound, a step")
    parser.add_argument("--joined", type=float, default=0.5, help="share of answers put together from sentences")
    parser.add_argument("--plain", type=float, default=0.0, help="share of lines chosen as whole sentences or common words")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--calm", type=float, default=0.0, help="last share of the plan, without dropout")
    parser.add_argument(
        "--noise",
        type=float,
        nargs="+",
        default=[0, 0, 0.05, 0.1, 0.2, 0.4, 0.7],
        help="shares of the codes fed back that are wrong; one is chosen for each utterance",
    )
    parser.add_argument("--workers", type=int, default=8, help="processes that make batches")
    parser.add_argument("--held-out", type=int, default=N_HELD_OUT)
    return parser.parse_args()


class Sounds:
    """What the thinker makes of the codes' own sound: rows [N, D] of some utterances, one after another."""

    def __init__(self, model, config, chat, codes, count, device):
        self.model, self.config, self.chat, self.codes = model, config, chat, codes
        self.device = device
        random_ = batches.new_random(count)
        which = random_.sample(list(codes.taught), min(count, len(codes.taught)))
        self.which = sorted(which, key=lambda u: codes.frames[u])
        self.counts = [rows_of(int(codes.frames[u])) for u in self.which]
        self.first = np.cumsum(self.counts) - self.counts
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            groups = [self.which[i : i + 64] for i in range(0, len(self.which), 64)]
            self.rows = torch.cat([self._heard(group, random_) for group in groups]).float()

    def _heard(self, utterances, random_):
        sound = played(self.model.code2wav, [self.codes[u] for u in utterances], self.device)
        n = samples_of(torch.from_numpy(self.codes.frames[utterances]).to(self.device))
        heard = parrot.hear(parrot.audio_tower(self.model), *parrot.log_mels(sound, n))
        counts = [rows_of(int(self.codes.frames[u])) for u in utterances]
        prompts = [batches.sound_row(self.chat, [], count, random_) for count in counts]
        ids = batches.text_batch(prompts, max(len(ids) for ids, _ in prompts))["ids"]
        places = batches.sound_places(self.chat, ids, heard.shape[1]).to(self.device)
        accept = self.config.talker_config.accept_hidden_layer
        hidden = parrot.think(
            self.model, ids.to(self.device), heard.flatten(0, 1), places, accept=accept
        )
        return hidden[places >= 0]


class Training:
    def __init__(self, options):
        self.options, device = options, world.join(options.device)
        torch.manual_seed(options.seed)
        self.model, self.config = parrot.build(options.model, options.thinker)
        state = torch.load(options.thinker, map_location="cpu", weights_only=True)
        self.model.thinker.load_state_dict(state["average"])
        load_code2wav(self.model, options.codec)
        self.model.to(device).requires_grad_(False)
        lines = read(options.text)
        texts = [line["text"] for line in lines]
        self.chat = batches.Chat(tokens.load(options.model), texts)
        self.lines = range(options.held_out, len(texts))
        self.codes = Codes(options.codes, options.held_out)
        self.spelling = spelling.Spelling(options.phonemes, texts, options.held_out)
        plain = plain_lines(lines) if options.plain else None
        self.pieces = Pieces(texts, self.codes, options.held_out, options.plain, plain)
        self.sounds = Sounds(
            self.model, self.config, self.chat, self.codes, options.heard, device
        )
        self.model.talker.requires_grad_(True).train()
        self.average = Average(self.model.talker)
        parrot.forgetful(self.model.talker, options.dropout)
        self.router = parrot.RouterWatch(self.model.talker)
        layers = self.model.talker.model.layers
        self.guided = len(layers) // 2
        self.guide = parrot.Guide(layers[self.guided])
        self.speller = torch.nn.Linear(
            self.config.talker_config.text_config.hidden_size, spelling.SLOTS * spelling.N_PHONEMES
        ).to(device)
        self.learns = [p for p in self.model.talker.parameters() if p.requires_grad]
        self.learns += self.speller.parameters()
        self.optimizer = run.adamw(self.learns)
        parts = {
            "talker": self.model.talker,
            "average": self.average,
            "speller": self.speller,
            "optimizer": self.optimizer,
        }
        self.run = run.Run(options, parts, options.settle)
        run.no_gradients(self.learns)
        self.feed = feed(self.make, f"{options.seed} {self.run.step}", device, options.workers)
        self.lesson = Graphed(self.losses, self.learns, device)

    def make(self, random_):
        """Some batches, away from the GPU: one in ten answers is to sound, and of the others a third are read
        aloud, without a question."""
        options, rows = self.options, []
        voices = list(self.config.talker_config.speaker_id.values())  # all the same one
        for _ in range(8 * options.batch):
            user, heard, kind = [], None, random_.random()
            if kind < 0.1:
                k = random_.randrange(len(self.sounds.which))
                text, at, places = self.pieces.whole(self.sounds.which[k])
                user, heard = batches.heard_part(self.chat, self.sounds.counts[k], random_), int(self.sounds.first[k])
            else:
                text, at, places = self.pieces.some(random_, options.joined, LONGEST)
            said = self.chat.spoken(text, random_)
            if kind > 0.4:
                user = self.asked(said[0], random_)
            voice = random_.choice(voices)
            codes = self.codes.codes[at]
            rows.append(
                batches.talk_rows(self.chat, self.config, said, user, codes, places, voice, heard, spelling.LOOK)
            )
        rows = [row for row in rows if len(row["text"]) <= batches.LENGTHS[-1]]
        for batch in by_length(rows, options.batch, lambda row: len(row["text"]), random_):
            talk = batches.talk_batch(batch, options.noise, options.lessons * options.batch, random_)
            yield {**talk, **batches.spell_batch([self.spelled(random_) for _ in range(options.spelled)])}

    def spelled(self, random_):
        """A lesson without sound, in any voice."""
        text, sounds, places = self.spelling.lesson(random_)
        said = self.chat.spoken(text, random_)
        first = random_.randrange(len(self.codes.codes) - SPELLED_ROWS)
        return batches.spell_rows(
            self.chat,
            self.config,
            said,
            spelling.of_tokens(said[1], sounds, places),
            self.codes.codes[first : first + SPELLED_ROWS],
            random_.choice(list(self.config.talker_config.speaker_id.values())),
            spelling.LOOK,
        )

    def asked(self, said, random_):
        """The user's turns before an answer, the last one with the same words."""
        earlier = random_.choices(self.lines, k=random_.choice([0, 0, 0, 0, 0, 1, 1, 2, 3]))
        turns = [self.chat.sentence(line, random_) for line in earlier]
        return [id_ for ids in [*turns, said] for id_ in self.chat.turn("user", ids)]

    def held_out(self, textless=False):
        """Code 0 of held-out sentences after the codes as they are: (loss, share right), with `textless` after
        the text of another."""
        lines = [(line + textless) % self.options.held_out for line in range(self.options.held_out)]
        which = np.flatnonzero(self.codes.line < self.options.held_out)[: self.options.batch]
        rows = [
            batches.talk_rows(
                self.chat,
                self.config,
                self.chat.in_pieces(self.chat.texts[lines[self.codes.line[u]]]),
                [],
                self.codes[u],
                self.pieces.whole(u)[2],
                self.config.talker_config.speaker_id["ethan"],
            )
            for u in which
        ]
        batch = batches.talk_batch(rows, [0.0], 1, batches.new_random(1))
        fields = (batch[name].to(self.options.device) for name in batches.TALK)
        self.model.talker.eval()
        with torch.no_grad():
            states = parrot.talk(self.model, *fields).flatten(0, 1)
            logits = self.model.talker.codec_head(states)
            self.model.talker.train()
            return run.cross_entropy(logits, batch["next0"].flatten().to(self.options.device))

    def spell(self, text, special, speaks, fed, sounds):
        """How well the layers below the guided one know the phonemes: (loss, share right)."""
        media = torch.full_like(text, -1)
        rows = parrot.talk(self.model, text, media, special, speaks, fed, kept=self.guided)
        logits = self.speller(rows).view(-1, spelling.N_PHONEMES)
        return run.cross_entropy(logits, sounds.flatten())

    def losses(self, text, media, special, speaks, fed, next0, reads, before, codes, read, **more):
        device = self.options.device
        with torch.autocast(device, torch.bfloat16, device == "cuda", cache_enabled=False):
            states = parrot.talk(self.model, text, media, special, speaks, fed, self.sounds.rows)
            states = states.flatten(0, 1)
            logits = self.model.talker.codec_head(states)
            losses = dict(zip(("code0", "code0 right"), run.cross_entropy(logits, next0.flatten())))
            chosen = states.index_select(0, before.clamp(min=0))
            logits = parrot.predict(self.model, chosen, read).flatten(0, 1)
            wanted = torch.where((before >= 0)[:, None], codes[:, 1:].int(), run.IGNORED)
            losses["codes"], losses["codes right"] = run.cross_entropy(logits, wanted.flatten())
            losses["guide"], losses["guide right"] = self.guide.loss(reads)
            lesson = {name.removeprefix("spelled_"): tensor for name, tensor in more.items()}
            losses["spelled"], losses["spelled right"] = self.spell(**lesson)
            losses["router"] = self.router.loss()
        return run.weighted(losses, WEIGHTS)

    def step(self):
        run.set_rate(self.optimizer, self.run.rate(self.options.rate, warm=300))
        if self.run.grows_calm(self.options.calm):
            parrot.forgetful(self.model.talker, 0.0)
            self.lesson.renew()
        losses = self.lesson(self.run.next(self.feed))
        self.run.hold_still(self.model)
        norm = run.follow(self.optimizer, self.learns)
        if self.run.step % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 and not world.RANK:
            losses = {**losses, "held out": self.held_out()[1], "by the wrong text": self.held_out(True)[1]}
        self.run.note(**losses, norm=norm)
        self.average.update(self.model.talker, self.run.step)


def rows_of(frames):
    """Rows that the audio encoder makes of so many frames of the codec's sound."""
    return int(parrot.n_rows(torch.tensor(parrot.n_columns(samples_of(frames)))))


def main():
    training = Training(arguments())
    while training.run.going():
        training.step()
    training.run.finish()
    world.leave()


if __name__ == "__main__":
    main()

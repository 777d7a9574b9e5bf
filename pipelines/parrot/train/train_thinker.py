"""Teaches the thinker to repeat text and, with the audio encoder, to write down what it hears.

    python3 train_thinker.py --text text.jsonl --phonemes phonemes.npz --model MODEL --state thinker.pt
                             --minutes 9 --plan 20
                             [--speech DIR] [--codes codes.npz] [--guessed guessed.npz] [--own own.npz]
                             [--codec codec.pt] [--keep-embeddings]

A step: a batch of texts to repeat and of sounds to write down, CTC beside it, so that the encoder finds the words
early. Sounds are the teacher's own and, with --codes, as code2wav plays them, with --own parrot's (own.py) and with
--guessed nearly parrot's (guess.py); which of them, choices.py says, and clips.py makes them worse. Others are imagined
(imagined.py), of words in any order.
With --keep-embeddings the token embeddings stay the averaged ones of the checkpoint: the
talker, which reads them too, is taught at the same time.
"""

import pathlib

import torch

import batches
import ctc
import imagined
import parrot
import run
import tokens
import world
from average import Average
from choices import LENGTHS, Choices
from clips import SLIPS, Clips
from codes import Codes, load_code2wav
from corpus import Speech
from feed import by_length, feed
from graphed import Graphed
from hearing import HeldOut
from pieces import plain_lines
from spelling import Spelling
from text import N_HELD_OUT, read

HELD_OUT_EVERY = 500  # steps
WEIGHTS = {"think": 1, "hear": 1, "imagine": 1, "apart": 0.3, "router": 0.01}
KNOWN = 0.1  # progress until "apart" counts in full: the table must know something first


def arguments():
    parser = run.arguments(__doc__, plan=20)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--speech", type=pathlib.Path)
    parser.add_argument("--codes", type=pathlib.Path)
    parser.add_argument("--codes-hours", type=float, help="of the codes that are played, all if not said")
    parser.add_argument("--own", type=pathlib.Path, help="codes of parrot's own voice")
    parser.add_argument("--guessed", type=pathlib.Path, help="of guess.py: nearly its own voice")
    parser.add_argument("--own-share", type=float, default=0.34, help="of all sounds, these two together")
    parser.add_argument("--codec", type=pathlib.Path, help="whose code2wav plays codes")
    parser.add_argument("--phonemes", type=pathlib.Path, required=True, help="of teacher.py")
    parser.add_argument("--imagined", type=int, default=32, help="texts to write down without their sound, a step")
    parser.add_argument("--keep-embeddings", action="store_true")
    parser.add_argument("--texts", type=int, default=64, help="conversations to repeat, a step")
    parser.add_argument("--hear", type=int, default=48, help="utterances to write down, a step")
    parser.add_argument("--joined", type=float, default=0.5, help="share of sounds put together from sentences")
    parser.add_argument("--plain", type=float, default=0.0, help="share of lines chosen as whole sentences or common words")
    parser.add_argument("--masks", type=float, default=0.5, help="share of sounds of which a part is hidden")
    parser.add_argument("--calm", type=float, default=0.0, help="last share of the plan, without masks and dropout")
    parser.add_argument("--ctc", type=float, nargs=2, default=[0.3, 0.05], help="its weight at first and last")
    parser.add_argument("--dropout", type=float, default=0.1, help="of the text layers")
    parser.add_argument("--ear-dropout", type=float, default=0.1, help="of the audio encoder")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--settle", type=int, default=0, help="steps in which only heads learn that are not exported")
    parser.add_argument("--workers", type=int, default=4, help="processes that make batches")
    parser.add_argument("--held-out", type=int, default=N_HELD_OUT)
    return parser.parse_args()


class Training:
    def __init__(self, options):
        self.options, device = options, world.join(options.device)
        torch.manual_seed(options.seed)
        self.model, self.config = parrot.build(options.model, options.state)
        played = {name: getattr(options, name) for name in ("codes", "guessed", "own") if getattr(options, name)}
        if played:
            load_code2wav(self.model, options.codec)
        self.model.to(device).requires_grad_(False)
        for part in (parrot.text_model(self.model), parrot.audio_tower(self.model)):
            part.requires_grad_(True)
        self.model.thinker.lm_head.requires_grad_(True)
        self.model.thinker.train()
        text = self.config.thinker_config.text_config
        self.spell = torch.nn.Linear(text.hidden_size, text.vocab_size + 1).to(device)
        self.voice = imagined.Voice(text.hidden_size).to(device)
        self.average = Average(self.model.thinker)
        parrot.forgetful(parrot.text_model(self.model), options.dropout)
        parrot.forgetful(parrot.audio_tower(self.model), options.ear_dropout)
        self.router = parrot.RouterWatch(self.model.thinker)
        lines = read(options.text)
        texts = [line["text"] for line in lines]
        self.chat = batches.Chat(tokens.load(options.model), texts)
        self.lines = range(options.held_out, len(texts))
        self.spelling = Spelling(options.phonemes, texts, options.held_out)
        sources = {"speech": Speech(options.speech, device)} if options.speech else {}
        hours = {"codes": options.codes_hours}
        sources.update({name: Codes(path, options.held_out, hours.get(name)) for name, path in played.items()})
        learners = (self.model, self.spell, self.voice)
        self.learns = [p for part in learners for p in part.parameters() if p.requires_grad]
        self.optimizer = run.adamw(self.learns)
        parts = {"thinker": self.model.thinker, "ctc": self.spell, "voice": self.voice, "average": self.average}
        self.run = run.Run(options, {**parts, "optimizer": self.optimizer}, options.settle)
        run.no_gradients(self.learns)
        if options.keep_embeddings:
            own = parrot.text_of(self.average.model).embed_tokens.weight
            kept = parrot.text_model(self.model).embed_tokens.weight
            kept.requires_grad_(False).copy_(own).grad = None
            self.learns = [p for p in self.learns if p is not kept]
        seed = f"{options.seed} {self.run.step}"
        self.conversations = feed(self.texts, seed, device, options.workers)
        self.lessons = feed(self.lesson_batches, seed, device, options.workers)
        self.clips = Clips(sources, options.masks) if sources else None
        if sources:
            plain = plain_lines(lines) if options.plain else None
            choices = Choices(options, self.chat, sources, plain)
            self.choices = feed(choices.make, seed, device, options.workers)
        for name in played:
            sources[name].play(self.model.code2wav, device, SLIPS if name == "codes" else (0,), options.seed)
        self.held_out = None
        self.repeat = Graphed(self.think, self.learns, device)
        self.write = Graphed(self.hear, self.learns, device)
        self.dream = Graphed(self.imagine, self.learns, device)

    def texts(self, random_):
        """Some batches of conversations, away from the GPU."""
        size = self.options.texts
        rows = batches.text_rows(self.chat, self.lines, 8 * size, random_)
        rows = [row for row in rows if len(row[0]) <= LENGTHS[-1]]
        for batch in by_length(rows, size, lambda row: len(row[0]), random_):
            yield batches.text_batch(batch, batches.shortest(LENGTHS, len(batch[-1][0])))

    def lesson_batches(self, random_):
        size = self.options.imagined
        rows = [imagined.lesson(self.chat, self.spelling, random_) for _ in range(8 * size)]
        for batch in by_length(rows, size, lambda row: len(row[2]), random_):
            yield imagined.lesson_batch(self.chat, batch)

    # ---- tasks ----

    def autocast(self):
        device = self.options.device
        return torch.autocast(device, torch.bfloat16, device == "cuda", cache_enabled=False)

    def think(self, ids, labels):
        with self.autocast():
            losses = answer_losses(parrot.think(self.model, ids), labels, "think")
            losses["router"] = self.router.loss()
        return run.weighted(losses, WEIGHTS)

    def imagine(self, ids, labels, places, phonemes):
        with self.autocast():
            logits = parrot.think(self.model, ids, self.voice(phonemes).flatten(0, 1), places)
            losses = {**answer_losses(logits, labels, "imagine"), "router": self.router.loss()}
        return run.weighted(losses, WEIGHTS)

    def hear(self, ids, labels, places, mel, columns, targets, phonemes, known, ctc_weight):
        with self.autocast():
            heard = parrot.hear(parrot.audio_tower(self.model), mel, columns)
            logits = parrot.think(self.model, ids, heard.flatten(0, 1), places)
            losses = {**answer_losses(logits, labels, "hear"), "router": self.router.loss()}
        n_rows = parrot.n_rows(columns)
        there = torch.arange(heard.shape[1], device=heard.device) < n_rows[:, None]
        losses["apart"] = known[0] * imagined.apart(heard, self.voice(phonemes), there)
        losses["ctc"] = ctc.loss(self.spell(heard.float()), targets, n_rows)
        return run.weighted(losses, {**WEIGHTS, "ctc": ctc_weight})

    def step(self):
        run.set_rate(self.optimizer, self.run.rate(self.options.rate, warm=300))
        if self.run.grows_calm(self.options.calm):
            self.calm_down()
        losses = {**self.repeat(self.run.next(self.conversations)), **self.dream(self.run.next(self.lessons))}
        if self.clips:
            first, last = self.options.ctc
            weight = torch.tensor(first + (last - first) * self.run.progress)
            batch = self.clips.batch(self.run.next(self.choices))
            batch["known"] *= min(1, self.run.progress / KNOWN)
            losses.update(self.write({**batch, "ctc_weight": weight}))
        losses.pop("total")
        self.run.hold_still(self.model)
        norm = run.follow(self.optimizer, self.learns)
        if self.clips and self.run.step % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 and not world.RANK:
            losses.update(self.listen())
        self.run.note(**losses, norm=norm)
        self.average.update(self.model.thinker, self.run.step)

    def calm_down(self):
        for part in (parrot.text_model(self.model), parrot.audio_tower(self.model)):
            parrot.forgetful(part, 0.0)
        for task in (self.repeat, self.write, self.dream):
            task.renew()
        if self.clips:
            self.clips.hidden = 0.0

    # ---- held-out sentences ----

    def sentences(self):
        """Those that there are, by source."""
        sources, held_out = self.clips.sources, self.options.held_out
        found = {name: HeldOut(self.chat, source, held_out) for name, source in sources.items()}
        return {name: sentences for name, sentences in found.items() if len(sentences)}

    def listen(self):
        """Share of the tokens and of the whole held-out sentences that is heard right."""
        if self.held_out is None:
            self.held_out = self.sentences()
        self.model.thinker.eval()
        found = {}
        with self.autocast():
            for name, sentences in self.held_out.items():
                found[f"held out {name}"], found[f"held out {name} whole"] = sentences.right(self.model)
        self.model.thinker.train()
        return {name: torch.tensor(value) for name, value in found.items()}

    def judge(self):
        """Says what the averaged thinker makes of held-out sentences."""
        self.model.thinker.load_state_dict(self.average.state_dict())
        self.model.thinker.eval()
        print(f"held-out sentences repeated exactly: {self.repeats()}", flush=True)
        if self.clips:
            for name, sentences in self.sentences().items():
                with self.autocast():
                    rate = sentences.error_rate(self.model)
                print(f"held-out sentences heard, {name}: word error rate {rate} of {len(sentences)}", flush=True)

    @torch.no_grad()
    def repeats(self):
        """How many of the held-out sentences are repeated exactly: with the right token most likely at each place,
        greedy choice finds it."""
        exact = 0
        for line in range(self.options.held_out):
            said = self.chat.tokens[0][line].tolist()
            ids, labels = [], []
            prompt = self.chat.turn("user", said) + self.chat.header("assistant")
            batches.answered(self.chat, prompt, said, ids, labels)
            ids = torch.tensor([ids], device=self.options.device)
            labels = torch.tensor(labels, device=self.options.device)[1:]
            chosen = parrot.think(self.model, ids)[0, :-1].argmax(-1)
            exact += bool(((chosen == labels) | (labels == batches.IGNORED)).all())
        return exact


def answer_losses(logits, labels, name):
    """Cross entropy of the answers, the share of tokens and of whole rows that are right."""
    logits, labels = logits[:, :-1], labels[:, 1:]
    correct = (logits.detach().argmax(-1) == labels) | (labels == run.IGNORED)
    loss, right = run.cross_entropy(logits.flatten(0, 1), labels.flatten())
    return {name: loss, f"{name} right": right, f"{name} whole": correct.all(1).float().mean()}


def main():
    training = Training(arguments())
    while training.run.going():
        training.step()
    training.run.finish()
    if not world.RANK:
        training.judge()
    world.leave()


if __name__ == "__main__":
    main()

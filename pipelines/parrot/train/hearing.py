"""How well the held-out sentences are heard: with the right words before, and freely."""

import pathlib
import sys

import numpy as np
import torch

import batches
import parrot
import run
from choices import hearing_batch, width

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tests/parrot"))
from words import error_rate

MOST = 96  # tokens of an answer


class HeldOut:
    """The held-out utterances, of lines below `n_held_out`, of a source (see clips.Clips) in batches of like length, as
    they are: what hearing_batch() makes, log-mels, and their texts."""

    def __init__(self, chat, source, n_held_out, size=50):
        self.chat, self.batches = chat, []
        line, frames = (np.asarray(x) for x in (source.line, source.frames))
        which = np.flatnonzero(line < n_held_out)
        which = which[np.argsort(frames[which])]
        for some in (which[i : i + size] for i in range(0, len(which), size)):
            at = [int(source.start[u]) + np.arange(frames[u]) for u in some]
            at = batches.padded(at, -1, frames[some].max()).to(source.pcm.device)
            real = torch.from_numpy(source.samples(frames[some])).to(at.device)
            self.batches.append(self._batch(source.sound(at), real, [chat.texts[line[u]] for u in some]))

    @torch.no_grad()
    def _batch(self, sound, real, texts):
        mel, columns = parrot.log_mels(sound, real)
        columns = columns.cpu().numpy()
        rows, answers = [], [self.chat.encode(text) for text in texts]
        for answer, count in zip(answers, parrot.n_rows(torch.from_numpy(columns)).tolist()):
            ids, labels = [], []
            prompt = self.chat.turn("user", self.chat.sound(count)) + self.chat.header("assistant")
            batches.answered(self.chat, prompt, answer, ids, labels)
            rows.append((ids, labels))
        batch = hearing_batch(self.chat, rows, columns, answers)
        batch["mel"] = torch.nn.functional.pad(mel, (0, width(columns) - mel.shape[-1]))
        return {name: tensor.to(sound.device) for name, tensor in batch.items()}, texts

    def __len__(self):
        return sum(len(texts) for _, texts in self.batches)

    @torch.no_grad()
    def right(self, model):
        """(share of the tokens, of the sentences) that is likeliest after the right ones before."""
        tokens, whole = [], []
        for batch, _ in self.batches:
            heard = parrot.hear(parrot.audio_tower(model), batch["mel"], batch["columns"])
            logits = parrot.think(model, batch["ids"], heard.flatten(0, 1), batch["places"])[:, :-1]
            labels = batch["labels"][:, 1:]
            taught, right = labels != run.IGNORED, logits.argmax(-1) == labels
            tokens.append(right[taught])
            whole.append((right | ~taught).all(1))
        return [float(torch.cat(x).float().mean()) for x in (tokens, whole)]

    @torch.no_grad()
    def error_rate(self, model):
        """Word errors of what is written down freely, the likeliest token each time."""
        pairs = [pair for batch, texts in self.batches for pair in zip(texts, self._written(model, batch))]
        return error_rate(*zip(*pairs))

    def _written(self, model, batch):
        heard = parrot.hear(parrot.audio_tower(model), batch["mel"], batch["columns"]).flatten(0, 1)
        first = (batch["labels"] != run.IGNORED).long().argmax(1)  # of the answer
        ids = torch.nn.functional.pad(batch["ids"], (0, MOST))[:, : int(first.max()) + MOST]
        places = torch.full_like(ids, -1)
        shared = min(places.shape[1], batch["places"].shape[1])
        places[:, :shared] = batch["places"][:, :shared]
        end, here = self.chat["<|im_end|>"], first[:, None].clone()
        over = torch.zeros_like(here, dtype=torch.bool)
        for _ in range(MOST):
            logits = parrot.think(model, ids[:, : int(here.max())], heard, places[:, : int(here.max())])
            chosen = logits.gather(1, (here - 1)[..., None].expand(-1, 1, logits.shape[-1])).argmax(-1)
            over |= chosen == end
            ids.scatter_(1, here, torch.where(over, end, chosen))
            here += 1
            if bool(over.all()):
                break
        answers = [row[f:h].tolist() for row, f, h in zip(ids, first.tolist(), here[:, 0].tolist())]
        return [self.chat.decode(answer[: (answer + [end]).index(end)]) for answer in answers]

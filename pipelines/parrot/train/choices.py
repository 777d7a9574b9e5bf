"""What is to be heard, chosen in processes beside the training (feed.py) and put into tokens there; clips.py makes the
sound of it."""

import numpy as np
import torch

import batches
import parrot
from feed import by_length
from pieces import Pieces

QUIET = 12000  # samples before a sound, at most
LONGEST = 192  # frames of what is put together
RESTS = (0, 0, 0, 1, 2, 4, 8)  # frames by which a pause is longer than the teacher's
LENGTHS = (48, 64, 96, 128, 192, 256, 384, 512, 768)  # tokens of a batch: few shapes
COLUMNS = (200, 300, 400, 500, 600, 800, 1000, 1300, 1700, 2400)  # of a batch of log-mels
OWN = ("own", "guessed")  # sources that are parrot's voice
SILENT = 0.02  # share of sounds that are quiet


def width(columns):
    """Columns of a batch of log-mels of which so many are real [B] (array)."""
    return batches.shortest(COLUMNS, -(-int(columns.max()) // 100) * 100)


def hearing_batch(chat, rows, columns, answers):
    """What train_thinker.py's hear() takes beside log-mels of width(columns), of which columns [B] (array) are real:
    `rows` of (ids, labels) that hold the sounds, `answers`: ids of what they say, CTC's targets [B, N]. Who has more of
    them than half the rows of sound has no target."""
    wide = width(columns)
    batch = batches.text_batch(rows, batches.shortest(LENGTHS, max(len(ids) for ids, _ in rows)))
    batch["places"] = batches.sound_places(chat, batch["ids"], 13 * wide // 100)
    batch["columns"] = torch.from_numpy(columns)
    most = 13 * wide // 200
    batch["targets"] = batches.padded([a if len(a) <= most else [] for a in answers], -1, most)
    return batch


class Choices:
    """`sources` as for clips.Clips: which they are and what they say, not how they sound; `plain`: which lines are, see
    pieces.plain_lines(), or None."""

    def __init__(self, options, chat, sources, plain):
        self.options, self.chat, self.sources = options, chat, sources
        of_all = options.held_out, options.plain, plain
        self.pieces = {name: Pieces(chat.texts, x, *of_all) for name, x in sources.items()}

    def make(self, random_):
        """Some batches of one source."""
        own = [name for name in self.sources if name in OWN]
        others = [name for name in self.sources if name not in OWN]
        is_own = own and (not others or random_.random() < self.options.own_share)
        name = random_.choice(own if is_own else others)
        some = [
            self.pieces[name].some(random_, self.options.joined, LONGEST, RESTS)[:2]
            for _ in range(8 * self.options.hear)
        ]
        for batch in by_length(some, self.options.hear, lambda row: len(row[1]), random_):
            yield self.batch(name, batch, random_)

    def batch(self, source, some, random_):
        """hearing_batch() of [(text, its frames)], one in fifty silent, and what makes their sound: `source`, which
        frames of it `at` [B, F] (-1: none), samples that are `real` [B] of them, samples of quiet before them `lead`
        [B], whether they are `said` [B, 1], their common `speed`."""
        answers = [self.chat.encode("" if random_.random() < SILENT else text) for text, _ in some]
        speed = random_.uniform(0.85, 1.15)
        lead = np.array([max(0, int(random_.uniform(-QUIET, QUIET))) for _ in some])
        counts = np.array([len(at) for _, at in some])
        real = self.sources[source].samples(counts)
        columns = parrot.n_columns(((real + lead) * speed).astype(int))
        rows = [
            batches.sound_row(self.chat, answer, count, random_)
            for answer, count in zip(answers, parrot.n_rows(torch.from_numpy(columns)).tolist())
        ]
        return {
            **hearing_batch(self.chat, rows, columns, answers),
            "source": source,
            "at": batches.padded([at for _, at in some], -1, counts.max()),
            "real": torch.from_numpy(real),
            "lead": torch.from_numpy(lead),
            "said": torch.tensor([[bool(answer)] for answer in answers]),
            "speed": speed,
        }

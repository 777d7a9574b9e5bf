"""The residual codes that parrot would have chosen, for speech that is there as codes.

    python3 guess.py --text text.jsonl --codes codes.npz --model MODEL --thinker thinker.pt --talker talker.pt \\
                     OUT/guessed.npz                        or with torchrun on several GPUs

OUT is as encode.py writes it: code 0 and all that was said before stay the teacher's, codes 1 to 15 are drawn from the
code predictor as parrot draws them, in half of the utterances greedily. Played, this is nearly parrot's own voice, in
the teacher's time: code2wav learns to make the teacher's sound of it (train_codec.py --decoder --guessed), as vocoders
learn from what an acoustic model makes after the true sound (Shen et al. 2018), and the ears learn to understand
it (train_thinker.py --guessed).
"""

import argparse
import pathlib

import numpy as np
import torch

import batches
import encode
import parrot
import tokens
import world
from codes import Codes, alike
from export import averaged
from sizes import GROUPS
from text import N_HELD_OUT, read

TOP_K, TOP_P = 50, 0.8  # of the code predictor, as transformers' generate() has them


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--codes", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--thinker", type=pathlib.Path, required=True)
    parser.add_argument("--talker", type=pathlib.Path, required=True)
    parser.add_argument("--hours", type=float, help="of the speech, all if not said")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("out", type=pathlib.Path)
    return parser.parse_args()


def drawn(logits, greedy):
    """Codes [N] of logits [N, V]: the likeliest where greedy [N], else from the top k and of these top p."""
    ordered, code = logits.float().sort(dim=-1, descending=True)
    probability = ordered[:, :TOP_K].softmax(-1)
    before = probability.cumsum(-1) - probability
    chosen = torch.multinomial(probability * (before < TOP_P), 1)[:, 0]
    return code.gather(1, torch.where(greedy, 0, chosen)[:, None])[:, 0]


class Guesser:
    def __init__(self, options):
        self.device = world.join(options.device)
        torch.manual_seed(options.seed + world.RANK)
        self.model = averaged(options.model, options.thinker, options.talker).to(self.device).requires_grad_(False)
        texts = [line["text"] for line in read(options.text)]
        self.chat = batches.Chat(tokens.load(options.model), texts)
        self.codes = Codes(options.codes, N_HELD_OUT, options.hours)

    def rows(self, u):
        """An utterance, read aloud; see batches.talk_rows()."""
        said = self.chat.in_pieces(self.chat.texts[int(self.codes.line[u])])
        places = np.zeros(int(self.codes.frames[u]), np.int32)  # nothing is guided here
        speaker = self.model.config.talker_config.speaker_id["ethan"]
        return batches.talk_rows(self.chat, self.model.config, said, [], self.codes[u], places, speaker)

    def states(self, rows):
        """The talker's states [N, D] before each frame of utterances, one after another."""
        batch = batches.talk_batch(rows, [0.0], 1, batches.new_random(1))
        fields = (batch[name].to(self.device) for name in batches.TALK)
        before = torch.nonzero(batch["speaks"].flatten())[:, 0] - 1  # the row before a frame's own
        return parrot.talk(self.model, *fields).flatten(0, 1).index_select(0, before.to(self.device))

    @torch.no_grad()
    def guess(self, some):
        """Codes u8 [F, G] of the utterances `some`, one after another."""
        with torch.autocast(self.device, torch.bfloat16, self.device == "cuda"):
            states = self.states([self.rows(u) for u in some])
            codes = torch.from_numpy(np.concatenate([self.codes[u] for u in some])).to(self.device)
            greedy = torch.from_numpy(np.repeat(np.arange(len(some)) % 2 == 0, self.codes.frames[some])).to(self.device)
            for group in range(1, GROUPS):
                codes[:, group] = drawn(parrot.predict(self.model, states, codes[:, : group + 1])[:, -1], greedy)
        return codes.to(torch.uint8).cpu().numpy()

    def all(self):
        """What guessed.npz holds of this process's utterances."""
        codes = self.codes
        mine = np.arange(len(codes.frames))[world.RANK :: world.SIZE]
        found = {}
        for some in alike(mine, codes.frames):
            ends = np.cumsum(codes.frames[some])
            found.update(zip(some.tolist(), np.split(self.guess(some), ends[:-1])))
        at = np.concatenate([codes.start[u] + np.arange(codes.frames[u]) for u in mine])
        guessed = np.concatenate([found[u] for u in mine.tolist()])
        self.right = (guessed == codes.codes[at])[:, 1:].mean()
        return {
            "codes": guessed,
            "places": codes.spoken[at],
            "frames": codes.frames[mine],
            "line": codes.line[mine],
        }


def main():
    options = arguments()
    guesser = Guesser(options)
    stored = encode.put_together(guesser.all(), options.out)
    if stored:
        print(f"{len(stored['codes'])} frames, {guesser.right:.3f} of codes 1 to 15 as they were", flush=True)
    world.leave()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""omni beside the reference at the released sizes, with random weights.

Builds a checkpoint (2 thinker layers; talker, code predictor, code2wav, audio encoder whole; 12 GB
of bf16), runs the reference on it in float32, stage by stage, and gives each omni tool what the
reference's stage before it made. Prints one line a tensor and fails if any is off. Needs torch,
transformers 5.17 or newer, msgpack, regex; with a GPU under torch it takes minutes.

    truesize.py --bin build -d vulkan
    truesize.py --bin build -d cpu --small      the same at a scale for any machine
"""

import argparse
import copy
import gc
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings
import wave

import numpy as np
import torch
import transformers

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "golden"))
import models  # noqa: E402
import reference  # noqa: E402
import wire  # noqa: E402
from bench import Bench, Turn, audio_part, tts_embed  # noqa: E402
from cases_text import clip  # noqa: E402
from vocabulary import Vocabulary  # noqa: E402

N_TOKENS, N_FRAMES = 16, 20  # what the thinker says, what the talker speaks

# fmt: off
RELEASE = {
    "text": dict(
        vocab_size=152064, hidden_size=2048, intermediate_size=768, num_hidden_layers=2,
        num_attention_heads=32, num_key_value_heads=4, head_dim=128, moe_intermediate_size=768,
        num_experts=128, num_experts_per_tok=8, rope_parameters=models.mrope([24, 20, 20])),
    "audio": dict(
        encoder_layers=32, encoder_attention_heads=20, encoder_ffn_dim=5120, d_model=1280,
        downsample_hidden_size=480, output_dim=2048, n_window_infer=800),
    "vision": dict(
        depth=1, hidden_size=16, intermediate_size=24, num_heads=2, out_hidden_size=2048,
        num_position_embeddings=36, deepstack_visual_indexes=[0]),
    "talker": dict(
        hidden_size=1024, intermediate_size=2048, num_hidden_layers=20, num_attention_heads=16,
        num_key_value_heads=2, head_dim=128, moe_intermediate_size=384,
        shared_expert_intermediate_size=768, num_experts=128, num_experts_per_tok=6,
        rope_parameters=models.mrope([24, 20, 20])),
    "predictor": dict(
        hidden_size=1024, intermediate_size=3072, num_hidden_layers=5, num_attention_heads=16,
        num_key_value_heads=8, head_dim=128, rope_parameters=models.PLAIN_ROPE),
    "code2wav": dict(
        hidden_size=1024, num_attention_heads=16, num_key_value_heads=16, intermediate_size=3072,
        num_hidden_layers=8, sliding_window=72, decoder_dim=1536, upsample_rates=[8, 5, 4, 3],
        upsampling_ratios=[2, 2]),
    "codebook": 2048, "groups": 16, "accept": 1, "tokens": 151676,
}


def scaled_down():
    """RELEASE with widths, layers and experts cut; the shape of everything stays."""
    small = copy.deepcopy(RELEASE)
    small["text"].update(
        vocab_size=2064, hidden_size=256, num_attention_heads=8, num_key_value_heads=2,
        head_dim=64, moe_intermediate_size=96, num_experts=32,
        rope_parameters=models.mrope([12, 10, 10]))
    small["audio"].update(
        encoder_layers=4, encoder_attention_heads=4, encoder_ffn_dim=512, d_model=128,
        downsample_hidden_size=48, output_dim=256)
    small["vision"].update(out_hidden_size=256)
    small["talker"].update(
        hidden_size=128, intermediate_size=256, num_hidden_layers=4, num_attention_heads=8,
        head_dim=32, moe_intermediate_size=48, shared_expert_intermediate_size=96, num_experts=32,
        rope_parameters=models.mrope([6, 5, 5]))
    small["predictor"].update(
        hidden_size=128, intermediate_size=384, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32)
    small["code2wav"].update(
        hidden_size=128, num_attention_heads=4, num_key_value_heads=4, intermediate_size=384,
        num_hidden_layers=3, decoder_dim=192)
    small.update(codebook=256, tokens=2000)
    return small
# fmt: on


def write_checkpoint(folder, sizes, seed, device):
    """A model directory as the release's, but for its layers."""
    vocabulary = Vocabulary(filler=sizes["tokens"] - models.N_TOKENS)
    model = models.build(sizes, vocabulary, seed, device)
    models.write_weights(model, folder)
    models.write_generation_config(folder)
    vocabulary.write(folder, single_file=False)


# ---- comparing ----


class Report:
    """One line a tensor: how far ours is from the reference's, row by row."""

    def __init__(self, tolerance, tie):
        self.tolerance, self.tie, self.bad = tolerance, tie, 0
        self.flipped = False  # an expert of this stage differs
        print(f"{'tensor':34}{'shape':>16}{'whole':>10}{'median':>10}{'worst':>10}")

    def line(self, name, shape, words, wrong):
        self.bad += wrong
        print(
            f"{name:34}{'x'.join(map(str, shape)):>16}{words}{'  WRONG' if wrong else ''}",
            flush=True,
        )

    def floats(self, name, ours, theirs, rows):
        """Relative errors, of the first `rows` rows: whole, of the median row, of the worst row.
        Once an expert was chosen otherwise by a hair only the median counts: it moves the rows it
        concerns far."""
        exact = rows == len(theirs)
        if ours is None or len(ours) < rows or (exact and len(ours) > rows):
            words = "  missing" if ours is None else f"  {len(ours)} rows, not {rows}"
            return self.line(name, theirs.shape, words, True)
        a, b = (blocks(x[:rows].astype("f8")) for x in (ours, theirs))
        errors = np.linalg.norm(a - b, axis=1) / np.maximum(np.linalg.norm(b, axis=1), 1e-30)
        whole = np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30)
        words = f"{whole:10.1e}{np.median(errors):10.1e}{errors.max():10.1e}"
        good = np.median(errors) <= self.tolerance
        good &= self.flipped or errors.max() <= 10 * self.tolerance
        self.line(name, theirs.shape, words, not good)

    def experts(self, name, ours, theirs, gaps, rows):
        """Rows whose experts differ; wrong if that is not by a hair."""
        if ours is None or len(ours) < rows:
            return self.line(name, theirs.shape, "  missing", True)
        other = (ours[:rows] != theirs[:rows]).any(1)
        self.flipped |= bool(other.any())
        worst = gaps[:rows][other].max(initial=0)
        words = f"  {other.sum()} of {rows} rows differ" + (
            f", logit gap {worst:.1e}" if other.any() else ""
        )
        self.line(name, theirs.shape, words, worst > self.tie)

    def choices(self, name, ours, theirs, gaps):
        """Tokens or codes; returns how many rows from the start are equal. `gaps` [n]: the
        reference's smallest margin in each row."""
        n = min(len(ours), len(theirs)) if ours is not None else 0
        equal = np.array([np.array_equal(a, b) for a, b in zip(ours[:n], theirs[:n])] + [False])
        same = int(equal.argmin())
        words = f"  {same} of {len(theirs)} equal"
        wrong = same < len(theirs) or (ours is not None and len(ours) > len(theirs))
        if same < min(n, len(theirs)):
            words += f", then a gap of {gaps[same]:.1e}"
            wrong = gaps[same] > self.tie
        self.line(name, theirs.shape, words, wrong)
        return same

    def trace(self, ours, tape, rows):
        """All that the tape holds. `rows(name)`: how many rows are comparable."""
        self.flipped = False
        for name in tape.names():
            theirs, mine = tape[name], ours.get((0, name))
            if name.endswith(".experts"):
                gaps = np.concatenate(tape.gaps[name])
                self.experts(name, mine, theirs, gaps, min(rows(name), len(theirs)))
            else:
                self.floats(name, mine, theirs, min(rows(name), len(theirs)))


class Omni:
    """Runs the tools under test."""

    def __init__(self, options, folder, work):
        self.common = [
            "-m",
            str(folder),
            "-d",
            options.device,
            *([] if options.fast else ["--precise"]),
        ]
        self.bin, self.work, self.limit = options.bin, work, options.limit

    def run(self, tool, *arguments, stdin=None):
        """{(turn, name): rows} of what the tool wrote; it must exit with 0."""
        out, start = self.work / f"{tool}.stream", time.monotonic()
        command = [str(self.bin / tool), *self.common, *arguments]
        with open(stdin or "/dev/null", "rb") as source, open(out, "wb") as sink:
            done = subprocess.run(command, stdin=source, stdout=sink, timeout=self.limit)
        took = f"{time.monotonic() - start:.1f} s, exit {done.returncode}"
        print(f"-- {tool} {' '.join(arguments)}: {took}")
        if done.returncode:
            sys.exit(f"{tool} failed")
        return wire.tensors(out)


def blocks(values):
    """[rows, n]; a wave [N] comes as rows of a tenth of a second, the last one padded."""
    if values.ndim == 1:
        values = np.pad(values, (0, -len(values) % 2400)).reshape(-1, 2400)
    return values.reshape(len(values), -1)


def least_gaps(logits, per_row=1):
    """[n]: difference of the two highest logits, the least of `per_row` rows."""
    best = np.sort(logits, axis=1)[:, -2:]
    return (best[:, 1] - best[:, 0]).reshape(-1, per_row).min(1)


# ---- stages ----


def read_wave(path):
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (16000, 1, 2):
            sys.exit(f"{path}: not 16 kHz, mono, 16 bits")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype("f4") / 32768


def write_wave(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())


def audio(bench, omni, report, path):
    _, embeds, tape = reference.encode_audio(bench.model, read_wave(path))
    ours = omni.run("omni-encode-audio", "--trace", "audio.*", str(path))
    report.trace(ours, tape, lambda name: 10**9)
    report.floats("audio_embeds", ours.get((0, "audio_embeds")), embeds.numpy(), len(embeds))


def thinker(bench, omni, report, n_tokens):
    """A prompt of about 100 rows, 13 of them of a clip; returns the turn and the clip."""
    mel, embeds, _ = reference.encode_audio(bench.model, clip(100).astype("f4") / 32768)
    words = np.random.Generator(np.random.PCG64(1)).integers(256, n_tokens - 40, 75).tolist()
    head = bench.ids("<|im_start|>user\n" + audio_part(len(embeds)))
    prompt = head + words + bench.ids("<|im_end|>\n<|im_start|>assistant\n")
    tokens, stopped, tape = reference.think(bench.model, prompt, N_TOKENS, [mel], n_tokens)
    hidden = torch.from_numpy(tape[f"thinker.layers.{bench.accept - 1}"])
    turn = Turn(bench, None, [], prompt, tokens, "stop" if stopped else "length", hidden)
    with bench.writer("thinker", "in", "omni-tokenize") as out:
        turn.write_prompt(out, embeds)
    ours = omni.run(
        "omni-thinker",
        "-n",
        str(N_TOKENS),
        "--trace",
        "thinker.*",
        stdin=bench.out / "truesize-thinker.in",
    )
    gaps = least_gaps(tape["thinker.logits"][:, :n_tokens])
    same = report.choices("tokens", ours.get((0, "tokens"), np.zeros(0)), np.array(tokens), gaps)
    report.trace(
        ours, tape, lambda name: same + 1 if name.endswith("logits") else len(prompt) + same
    )
    return turn, embeds


def talker(bench, omni, report, turn, embeds):
    """Greedy frames; returns the reference's codes and the states they were drawn from."""
    codes, stopped, tape = turn.talk(N_FRAMES)
    with bench.writer("talker", "in", "omni-thinker") as out:
        tts_embed(bench, out)
        turn.write_answer(out, embeds)
    ours = omni.run(
        "omni-talker",
        "--temp",
        "0",
        "-n",
        str(N_FRAMES),
        "--trace",
        "*",
        stdin=bench.out / "truesize-talker.in",
    )
    n, groups = len(codes), bench.sizes["G"]
    gaps = np.minimum(tape.draws[:n], least_gaps(tape["codepred.logits"], groups - 1)[:n])
    same = report.choices("codes", ours.get((0, "codes"), np.zeros((0, groups))), codes, gaps)
    prefill = len(tape["talker.embed"]) - (n if stopped else n - 1)

    def rows(name):
        per_frame = {"codepred.logits": groups - 1}.get(
            name, groups if name.startswith("codepred") else 1
        )
        if name.startswith("codepred"):
            return per_frame * same
        return same + 1 if name.endswith("logits") else prefill + same

    report.trace(ours, tape, rows)
    return codes, tape["talker.norm"][prefill - 1 :][:n]


def codepred(bench, omni, report, codes, states):
    """Teacher-forced: the reference's states and code 0 of each frame."""
    with bench.writer("codepred", "in", "omni-talker") as out:
        out.turn(0)
        for state, frame in zip(states, codes):
            out.tensor(0, "talker_hidden", state[None])
            out.tensor(0, "code0", frame[:1])
        out.done(0, "length", frames=len(codes))
    with reference.Tape() as tape:
        reference.watch_predictor(tape, bench.model.talker.code_predictor)
        for state, frame in zip(states, codes):
            reference.predict(bench.model, torch.from_numpy(state), int(frame[0]))
    ours = omni.run(
        "omni-codepred", "--temp", "0", "--trace", "*", stdin=bench.out / "truesize-codepred.in"
    )
    n, groups = len(codes), bench.sizes["G"]
    gaps = least_gaps(tape["codepred.logits"], groups - 1)
    same = report.choices("codes", ours.get((0, "codes"), np.zeros((0, groups))), codes, gaps)
    report.trace(
        ours, tape, lambda name: same * (groups - 1 if name == "codepred.logits" else groups)
    )
    sums = np.stack([reference.codec_sum(bench.model, frame) for frame in codes])
    report.floats("codec_sum", ours.get((0, "codec_sum")), sums, same)


def code2wav(bench, omni, report, n_frames=30):
    random = np.random.Generator(np.random.PCG64(n_frames))
    codes = random.integers(bench.sizes["codebook"], size=(n_frames, bench.sizes["G"]), dtype="<i4")
    pcm, tape = reference.vocode(bench.model, codes)
    with bench.writer("code2wav", "in", "omni-talker") as out:
        out.turn(0)
        out.tensor(0, "codes", codes)
        out.done(0, "stop", frames=n_frames)
    ours = omni.run(
        "omni-code2wav", "--trace", "code2wav.*", stdin=bench.out / "truesize-code2wav.in"
    )
    report.trace(ours, tape, lambda name: 10**9)
    report.floats("pcm", ours.get((0, "pcm")), pcm, len(pcm))


def options_of(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bin", type=pathlib.Path, default="build", help="where the tools are")
    parser.add_argument("-d", "--device", default="cpu", help="-d of the tools")
    parser.add_argument("--torch", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="scaled down")
    parser.add_argument(
        "--fast", action="store_true", help="the tools' default path, not --precise"
    )
    parser.add_argument(
        "--wav", type=pathlib.Path, help="a clip for the audio encoder, 16 kHz mono s16"
    )
    parser.add_argument("--dir", type=pathlib.Path, help="keep the checkpoint here, or use it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--tol", type=float, default=1e-3, help="relative error allowed a median row"
    )
    parser.add_argument(
        "--tie", type=float, default=1e-3, help="logit gap that may fall either way"
    )
    parser.add_argument("--limit", type=float, default=600, help="seconds a tool may take")
    return parser.parse_args(arguments)


def compare(options, work):
    sizes = scaled_down() if options.small else RELEASE
    folder = options.dir or work / "truesize"
    if not (folder / "config.json").exists():
        start = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        write_checkpoint(folder, sizes, options.seed, options.torch)
        gc.collect()
        torch.cuda.empty_cache()  # the tools need the memory too
        print(f"-- checkpoint: {time.monotonic() - start:.0f} s")
    bench = Bench("truesize", models.load(folder, options.torch), folder, work)
    omni, report = Omni(options, folder, work), Report(options.tol, options.tie)
    path = options.wav or work / "clip.wav"
    if not options.wav:
        write_wave(path, clip(1000))
    audio(bench, omni, report, path)
    turn, embeds = thinker(bench, omni, report, sizes["tokens"])
    codes, states = talker(bench, omni, report, turn, embeds)
    codepred(bench, omni, report, codes, states)
    code2wav(bench, omni, report)
    where = f"torch {torch.__version__} on {options.torch}, omni on {options.device}"
    print(f"{report.bad} wrong; {where}")
    return int(report.bad > 0)


def main():
    options = options_of(sys.argv[1:])
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message="Passing `repetition_penalty`")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    with tempfile.TemporaryDirectory() as work:
        sys.exit(compare(options, pathlib.Path(work)))


if __name__ == "__main__":
    main()

"""The teacher speaks the sentences, on GPUs or on all cores, for some minutes.

    python3 synth.py text.jsonl TEACHER OUT --minutes 5 [--device cuda] [--workers 16] [--varied]

Writes OUT/NNNNN.npz, a shard of SHARD lines each: pcm i16 24 kHz, `ends` of the utterances, `line` of
each, at 50 Hz (four a frame of 80 ms) phoneme `labels` u8 and `places` u16, the character of the line that
is being spoken. Shards that are there already are kept, so a second call goes on where the first
stopped. Sound is trimmed, levelled, and padded to whole frames (finish.py). --device cuda: a process
a GPU speaks, the workers finish. --varied: other speeds and more chance, for ears rather than for
the mouth.
"""

import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import pathlib
import time

import numpy as np
import torch

import finish
import spectra
import vits
from text import N_HELD_OUT

SHARD, WINDOW = 50, 32  # lines of a shard; shards that a GPU speaks at once
BATCH = 12288  # phonemes, padding too: some 290 seconds of speech
WIDE, LONG = 32, 128  # phonemes and frames come in multiples of these: few shapes to plan for
STEADY = {"noise": 0.333, "width": 0.333, "lengths": (1.0, 1.0)}
VARIED = {"noise": 0.667, "width": 0.8, "lengths": (0.8, 1.25)}
AHEAD = 4  # shards a worker that may wait for it
FORK = multiprocessing.get_context("fork")  # the rows are shared, not sent


def up_to(n, multiple):
    return -(-n // multiple) * multiple


def groups_of(lengths, size):
    """[(indices, padded length, rows)], the longest first, about `size` with padding. The last group
    may fill only a part of its rows."""
    order, groups = sorted(range(len(lengths)), key=lambda i: -lengths[i]), []
    while order:
        padded = up_to(lengths[order[0]], WIDE if size > 1 else 1)
        n_rows = max(1, size // padded)
        groups.append((order[:n_rows], padded, n_rows))
        order = order[n_rows:]
    return groups


class Speaker:
    """Rows of phonemes to sound, on one device. What `start` gives may still be in the making."""

    def __init__(self, folder, device, manner):
        self.device, self.manner, self.gpu = device, manner, device != "cpu"
        dtype = torch.float16 if self.gpu else torch.float32
        self.voice = vits.Voice(folder / "voice.npz", device, dtype)

    def read(self, rows, group):
        indices, padded, n_rows = group
        ids, lengths = np.zeros((n_rows, padded), np.int64), np.ones(n_rows, np.int64)
        for b, i in enumerate(indices):
            ids[b, : len(rows[i])], lengths[b] = rows[i], len(rows[i])
        least, most = self.manner["lengths"]
        speed = torch.empty(n_rows, 1, 1).uniform_(least, most)
        ids, lengths, speed = map(self.sent, (torch.from_numpy(ids), torch.from_numpy(lengths), speed))
        return self.voice.read(ids, lengths, self.manner["width"], speed)

    def sent(self, tensor):
        """On the device, without a wait for what it is doing."""
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.gpu else tensor

    def sound(self, reading, n_frames):
        """i16 [B, samples at 24 kHz], on its way to the host."""
        sound = self.voice.say(reading, n_frames, self.manner["noise"])
        sound = spectra.resample(sound, *finish.RATIO).clamp(-1, 1) * 32767
        return sound.round().to(torch.int16).to("cpu", non_blocking=self.gpu)

    @torch.no_grad()
    def start(self, rows):
        """All is read before anything sounds: one wait for the lengths, and the device has work."""
        groups = groups_of([len(row) for row in rows], BATCH if self.gpu else 1)
        readings = [self.read(rows, group) for group in groups]
        ends = [reading.ends.cpu().numpy() for reading in readings]
        longest = [max(1, int(end[: len(of), -1].max())) for end, (of, *_) in zip(ends, groups)]
        sounds = [
            self.sound(reading, up_to(n, LONG if self.gpu else 1)) for reading, n in zip(readings, longest)
        ]
        done = torch.cuda.Event() if self.gpu else None
        if done:
            done.record()
        return groups, ends, sounds, done

    @staticmethod
    def collect(started, rows):
        """[(sound i16, ends of its phonemes in frames)], one a row."""
        groups, ends, sounds, done = started
        if done:
            done.synchronize()
        spoken = [None] * len(rows)
        for (indices, *_), end, sound in zip(groups, ends, sounds):
            for b, i in enumerate(indices):
                end_of = end[b, : len(rows[i])]
                samples = finish.samples(end_of[-1])
                spoken[i] = sound[b, :samples].numpy(), end_of
        return spoken


def spoken_windows(speaker, windows, rows_of, deadline):
    """(shards, {line: spoken rows}) for one window after the other, while the next is in the making."""

    def start(window):
        torch.manual_seed(window[0][0])
        keys = [(line, s) for _, lines in window for line in lines for s in range(len(rows_of[line]))]
        rows = [rows_of[line][s][0] for line, s in keys]
        return window, keys, rows, speaker.start(rows)

    def collect(window, keys, rows, started):
        of_line = collections.defaultdict(list)
        for (line, _), row in zip(keys, speaker.collect(started, rows)):
            of_line[line].append(row)
        return window, of_line

    before = None
    for window in windows:
        if time.time() > deadline:
            break
        now = start(window)
        if before:
            yield collect(*before)
        before = now
    if before:
        yield collect(*before)


def shards(windows, rows_of):
    """Arguments of finish.shard without the path: (number, lines, their rows, how those sound)."""
    for window, of_line in windows:
        for number, lines in window:
            yield number, lines, [rows_of[n] for n in lines], [of_line[n] for n in lines]


def in_windows(todo, size):
    return [todo[i : i + size] for i in range(0, len(todo), size)]


def speak(folder, out, todo, rows_of, deadline, manner):
    """A core does everything, a shard at a time."""
    torch.set_num_threads(1)
    speaker = Speaker(folder, "cpu", manner)
    windows = spoken_windows(speaker, in_windows(todo, 1), rows_of, deadline)
    for number, *shard in shards(windows, rows_of):
        finish.shard(out / f"{number:05d}.npz", *shard)


def speak_on_gpu(folder, out, todo, rows_of, deadline, manner, gpu, n_workers):
    with concurrent.futures.ProcessPoolExecutor(n_workers, mp_context=FORK) as pool:
        pool.submit(int).result()  # all processes are there before CUDA is
        torch.cuda.set_device(gpu)
        torch.backends.cudnn.allow_tf32 = False  # what decides lengths, and the resampling
        speaker = Speaker(folder, "cuda", manner)
        windows = spoken_windows(speaker, in_windows(todo, WINDOW), rows_of, deadline)
        waiting = collections.deque()
        for number, *shard in shards(windows, rows_of):
            waiting.append(pool.submit(finish.shard, out / f"{number:05d}.npz", *shard))
            if len(waiting) > AHEAD * n_workers:
                waiting.popleft().result()
        for left in waiting:
            left.result()


def load_rows(folder):
    """{line: [(phoneme ids, places) of each of its sentences]}"""
    with np.load(folder / "phonemes.npz") as stored:
        ids, places, ends, lines = (stored[name] for name in ("ids", "places", "ends", "line"))
    rows_of, start = {}, 0
    for end, line in zip(ends, lines):
        rows_of.setdefault(int(line), []).append((ids[start:end], places[start:end]))
        start = end
    return rows_of


def to_do(options, rows_of):
    """[(number, lines)] of the shards that are not there yet."""
    numbers = list(range(len(options.text.read_text().splitlines())))
    del numbers[N_HELD_OUT : N_HELD_OUT + options.skip]
    numbers = numbers[: options.lines]
    todo = [
        (i // SHARD, [n for n in numbers[i : i + SHARD] if n in rows_of])
        for i in range(0, len(numbers), SHARD)
    ]
    return [(n, lines) for n, lines in todo if lines and not (options.out / f"{n:05d}.npz").exists()]


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--gpus", type=int, help="how many, with --device cuda; default: all")
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--lines", type=int, help="only the first so many")
    parser.add_argument("--skip", type=int, default=0, help="not these, behind the held-out ones")
    parser.add_argument("--varied", action="store_true")
    return parser.parse_args()


def processes(options, rows_of, deadline):
    """Not started yet, one a GPU or one a worker."""
    manner, todo = VARIED if options.varied else STEADY, to_do(options, rows_of)
    on_gpu = options.device == "cuda"
    n = (options.gpus or torch.cuda.device_count()) if on_gpu else options.workers
    if n == 0:
        raise SystemExit("synth.py: there is no GPU")
    for i in range(n):
        args = options.teacher, options.out, todo[i::n], rows_of, deadline, manner
        if on_gpu:
            yield FORK.Process(target=speak_on_gpu, args=(*args, i, max(1, options.workers // n)))
        else:
            yield FORK.Process(target=speak, args=args)


def main():
    options, began = parse(), time.time()
    options.out.mkdir(parents=True, exist_ok=True)
    rows_of = load_rows(options.teacher)
    started = list(processes(options, rows_of, began + 60 * options.minutes))
    for process in started:
        process.start()
    for process in started:
        process.join()
    hours, seconds = finish.seconds(options.out) / 3600, time.time() - began
    print(json.dumps({"hours": round(hours, 3), "seconds": round(seconds, 1)}))
    raise SystemExit(any(process.exitcode for process in started))


if __name__ == "__main__":
    main()

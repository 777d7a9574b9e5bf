#!/usr/bin/env python3
"""How long a resident pipe takes from a line of text to the first sound, and which stage takes it.

usage: first_sound.py [--device D] [--turns N] [--tokens N] [--answer N] [--quick] THINKER SPEECH TALKER [TOKENIZER]

The pipe is omni-tokenize | omni-thinker | omni-talker | omni-code2wav with models of the named directories (SPEECH:
code2wav; TOKENIZER: who has the tokenizer's files, else THINKER). Lines of text of about 100 prompt tokens are
written one after the other, the next when the last one has been spoken. First the stages are connected directly and
only the whole is timed; then this script passes the streams on and notes when each stage's first answer comes by.
"""
import argparse
import os
import subprocess
import sys
import threading
import time

BUILD = os.environ.get("OMNI_BUILD", "build")
FIRST = 1365  # samples of the first frame
WORDS = "the quick brown fox jumps over a lazy dog and then it sleeps in the warm sun by the old river bank "
# What to look for in a stage's output: its first frame of a turn that the next stage waits for.
STAGES = (("tokenize", b"prompt"), ("thinker", b"tokens"), ("talker", b"codes"), ("code2wav", b""))


def text_of(tokens, turn):
    """About so many tokens; no two turns begin alike, so that nothing is reused."""
    words = f"number {turn} ".split() + WORDS.split() * (tokens // 20 + 1)
    return " ".join(words[:max(1, tokens - 24)])


def commands(a):
    device = ["-d", a.device, "-v"]
    limit = str(a.answer)
    return [
        [f"{BUILD}/omni-tokenize", "-m", a.tokenizer or a.thinker, "-l"],
        [f"{BUILD}/omni-thinker", "-m", a.thinker, *device, "-n", limit],
        [f"{BUILD}/omni-talker", "-m", a.talker, *device, "-n", limit],
        [f"{BUILD}/omni-code2wav", "-m", a.speech, *device, "--raw", "s16"],
    ]


class Pipe:
    """The four stages, connected directly or through threads that watch."""

    def __init__(self, a, watch):
        self.seen = {}
        self.lock = threading.Lock()
        self.stages = []
        upstream = subprocess.PIPE
        for (name, mark), command in zip(STAGES, commands(a)):
            stage = subprocess.Popen(command, stdin=upstream, stdout=subprocess.PIPE, bufsize=0)
            if self.stages and not watch:
                upstream.close()
            self.stages.append(stage)
            upstream = stage.stdout
            if watch and name != "code2wav":
                read, write = os.pipe()
                threading.Thread(target=self.pass_on, args=(name, mark, stage.stdout, write), daemon=True).start()
                upstream = os.fdopen(read, "rb", 0)
        self.text, self.sound = self.stages[0].stdin, self.stages[-1].stdout

    def pass_on(self, name, mark, source, to):
        fd = source.fileno()
        while chunk := os.read(fd, 1 << 20):
            if name not in self.seen and mark in chunk:
                self.seen[name] = time.monotonic()
            at = 0
            while at < len(chunk):
                at += os.write(to, chunk[at:])
        os.close(to)

    def turn(self, line, frames):
        """Seconds to the first frame of sound, and until each stage's first answer."""
        self.seen.clear()
        start = time.monotonic()
        self.text.write((line + "\n").encode())
        got, first = 0, None
        while got < 2 * 1920 * frames - 2 * 555:
            chunk = os.read(self.sound.fileno(), 1 << 20)
            if not chunk:
                sys.exit("first_sound: the pipe ended early")
            got += len(chunk)
            if first is None and got >= 2 * FIRST:
                first = time.monotonic() - start
        return first, {k: v - start for k, v in self.seen.items()}, time.monotonic() - start

    def close(self):
        self.text.close()
        while os.read(self.sound.fileno(), 1 << 20):
            pass
        for stage in self.stages:
            stage.wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--device", default="vulkan")
    p.add_argument("--turns", type=int, default=4)
    p.add_argument("--tokens", type=int, default=100, help="of the prompt, about")
    p.add_argument("--answer", type=int, default=40, help="tokens and frames of an answer")
    p.add_argument("--quick", action="store_true", help="the watched pipe only")
    for name in ("thinker", "speech", "talker"):
        p.add_argument(name)
    p.add_argument("tokenizer", nargs="?")
    a = p.parse_args()
    for watch in (True,) if a.quick else (False, True):
        begin = time.monotonic()
        pipe = Pipe(a, watch)
        for turn in range(a.turns):
            first, seen, whole = pipe.turn(text_of(a.tokens, turn), a.answer)
            if turn == 0:
                print(f"start and first turn {time.monotonic() - begin:.2f} s, watched: {watch}", flush=True)
                continue
            parts, last = [], 0.0
            for name, _ in STAGES[:-1]:
                if name in seen:
                    parts.append(f"{name} {1e3 * (seen[name] - last):.1f}")
                    last = seen[name]
            if parts:
                parts.append(f"code2wav {1e3 * (first - last):.1f}")
            print(f"first sound after {1e3 * first:.1f} ms; {' + '.join(parts)}; {a.answer} frames after {whole:.3f} s, "
                  f"RTF {whole / (a.answer * .08):.3f}", flush=True)
        pipe.close()


if __name__ == "__main__":
    main()

"""interrupt.py PIPE FILE...: runs the shell pipe as a terminal would, in a process group where SIGINT
does what it does by default. For each FILE in turn: gives the pipe a line, waits until FILE.part is
there, interrupts the whole group, waits until FILE is there. The next interrupt is long enough
after to be another turn's. Exits with the pipe's code."""

import os
import signal
import subprocess
import sys
import time


def wait_for(path):
    for _ in range(1500):
        if os.path.exists(path):
            return
        time.sleep(0.02)
    sys.exit(f"interrupt.py: no {path}")


def default_sigint():
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# The shell lives through the interrupts; what it starts has them as they were.
pipe = subprocess.Popen(
    ["sh", "-c", "trap : INT; " + sys.argv[1]], stdin=subprocess.PIPE, preexec_fn=default_sigint
)
try:
    for path in sys.argv[2:]:
        pipe.stdin.write(b"Tell me more.\n")
        pipe.stdin.flush()
        wait_for(path + ".part")
        os.killpg(pipe.pid, signal.SIGINT)
        time.sleep(0.6)
        wait_for(path)
    pipe.stdin.close()
    sys.exit(pipe.wait(timeout=30))
finally:
    if pipe.poll() is None:
        os.killpg(pipe.pid, signal.SIGKILL)

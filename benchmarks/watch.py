"""What a command takes: its seconds, and the largest memory of all its processes together."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

LOOK_EVERY = 0.2  # seconds


class Watch:
    """Run a command to its end. `code` is None where it had to be ended from outside after `patience` seconds.

    `peak` is in bytes: PSS, in which memory that processes share is counted once, of the command's whole family.
    """

    def __init__(self, command, root, env=None, patience=None):
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            self.peak = 0
            watching = threading.Thread(target=self._watch, args=(process,), daemon=True)
            watching.start()
            try:
                self.code = process.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self.code = None
            self.seconds = time.perf_counter() - began
            watching.join()
            log.seek(0)
            self.said = log.read()

    def _watch(self, process):
        while process.poll() is None:
            self.peak = max(self.peak, memory(process.pid))
            time.sleep(LOOK_EVERY)


def memory(pid):
    """Bytes that a process and all its descendants take."""
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total

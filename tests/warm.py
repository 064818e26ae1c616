"""Processes that begin with everything imported that a command of the environment is going to import.

Most of what a short command takes is to import torch and nbgrader. Here one process for each worker does it, and each command
is a fork of it: a process of its own, with its folder, its environment and its output.
"""

import gc
import importlib.metadata
import os
import sys
import tempfile
from multiprocessing import get_context

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["torch", "byhand.teaching.build", "byhand.grading.grade", "nbgrader.apps"])


def warm(root, command, environment):
    """Run a command in `root`: how it ended, and what it wrote to stdout and stderr."""
    with tempfile.NamedTemporaryFile() as output:
        process = FORKS.Process(target=_run, args=(root, command, environment, output.name))
        process.start()
        process.join()
        return process.exitcode, output.read().decode()


def _run(root, command, environment, output):
    gc.freeze()  # what was imported is no garbage, and need not be gone through for it
    with open(output, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(root)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    [program] = importlib.metadata.entry_points(group="console_scripts", name=command[0])
    sys.exit(program.load()())

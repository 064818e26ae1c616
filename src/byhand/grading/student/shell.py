"""A small IPython, which shows to the grader what a notebook's kernel would show to a browser."""

from __future__ import annotations

import base64
import subprocess
import types

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type

from byhand.grading.limits import LARGEST_OUTPUT, LONGEST_QUOTE, MOST_LINES, MOST_SHOWN, PICTURES, TEXT
from byhand.grading.student.channel import CHANNEL, flush


def _show(kind: str, data: dict) -> None:
    """What a notebook keeps of a mime bundle: its text, cut, and pictures as base64."""
    kept = {TEXT: str(data[TEXT])[:MOST_SHOWN]} if TEXT in data else {}
    for mime in PICTURES:
        if isinstance(picture := data.get(mime), (bytes, str)):
            picture = base64.b64encode(picture).decode() if isinstance(picture, bytes) else picture
            if len(picture) <= LARGEST_OUTPUT:
                kept[mime] = picture
            else:
                kept[TEXT] = "(a picture that is too large for a notebook)"
    if kept:
        CHANNEL.show(sum(map(len, kept.values())), kind=kind, data=kept)


class Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_):
        flush()
        if not update:
            _show("display", data)

    def clear_output(self, wait=False):
        flush()
        CHANNEL.send(kind="clear", wait=bool(wait))


class Hook(DisplayHook):
    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        flush()
        _show("result", format_dict)


class Shell(InteractiveShell):
    """IPython as a notebook knows it, without a terminal, a history or a question to anyone."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    kernel: types.SimpleNamespace  # which ipykernel's shell has

    def _showtraceback(self, etype, evalue, stb):
        flush()
        lines = [str(line)[:LONGEST_QUOTE] for line in stb[-MOST_LINES:]]
        CHANNEL.send(kind="error", ename=etype.__name__, evalue=str(evalue)[:LONGEST_QUOTE], traceback=lines)

    def enable_gui(self, gui=None):
        pass

    def ask_exit(self):
        pass

    def system(self, cmd):
        """`!command`"""
        done = subprocess.run(
            self.var_expand(cmd, depth=1), shell=True, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
        )  # fmt: skip
        print(done.stdout, end="")
        self.user_ns["_exit_code"] = done.returncode

    system_piped = system_raw = system


# What a notebook's kernel has besides, and nobody needs while a notebook is graded: they do nothing.
# Nothing can be installed either.
SILENT = "autosave bookmark clear cls conda connect_info less man mamba more notebook pager pip qtconsole rehashx store uv".split()


def as_in_a_notebook(shell: Shell) -> None:
    """The magics and the object `kernel` that ipykernel adds, so that a cell that begins with one goes on."""
    shell.db = {}  # where %cd and %bookmark look
    shell.kernel = types.SimpleNamespace(shell=shell, implementation="ipython", banner="")
    for name in SILENT:
        shell.magics_manager.register_function(lambda line: None, "line", name)


def nobody_there(prompt=""):
    raise RuntimeError("input() has nobody to ask while a notebook is graded.")

"""What a cell shows, as the notebook keeps it: text and pictures of a size that can be read, no HTML and no script of a student's."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from nbformat import NotebookNode

from byhand.grading import marking
from byhand.grading.clean import taken_in
from byhand.grading.leavings import Budget
from byhand.grading.limits import EACH, LONGEST_MESSAGE, MOST_SHOWN, PICTURES, TEXT

LEFT_OUT = "... and more, which is left out: the notebook's outputs have become too many ...\n"
ALT = {mime: {"alt": "A picture that this cell drew."} for mime in PICTURES}


class Outputs:
    """The outputs of a cell, within its own limit and the budget of the notebook."""

    def __init__(self, cell: NotebookNode, limit: int, budget: Budget) -> None:
        self.cell, self.limit, self.budget = cell, limit, budget
        cell["outputs"] = []
        self.size, self.shown, self.first_error, self.cut = 0, 0, "", False

    @property
    def full(self) -> bool:
        """A student's process leaves out by itself what is beyond the limit; twice as much has been sent past that."""
        return self.size > 2 * self.limit

    def append(self, output: NotebookNode) -> None:
        if self.budget.take(_size(output)):
            self.cell.outputs.append(output)
        elif not self.cut:
            self.cut = True
            self.cell.outputs.append(marking.output("stream", name="stdout", text=LEFT_OUT))

    def take(self, message: dict[str, Any], test: bool, secret: bool) -> bool:
        """Keep what the message shows, if it is not `secret`. True where the cell has now written more than it may."""
        was_full = self.full
        match message:
            case {"kind": "stream", "name": "stdout" | "stderr" as name, "text": str(text)}:
                self.size += len(text) + EACH
                if not secret:
                    self._stream(name, text)
            case {"kind": "display", "data": dict(data)} if not secret:
                self._data("display_data", data)
            case {"kind": "result", "data": dict(data)} if not test:
                self._data("execute_result", data)
            case {"kind": "error", "ename": str(ename), "evalue": str(evalue), "traceback": list(traceback)}:
                self.error(ename, evalue, traceback)
            case {"kind": "clear"}:
                # What a check has shown stays.
                self.cell["outputs"] = [o for o in self.cell.outputs if "text/html" in o.get("data", {})]
        return self.full and not was_full

    def error(self, ename: str, evalue: str, traceback: list[Any] | None = None) -> None:
        self.size += EACH
        lines = "\n".join(map(str, traceback or [f"{ename}: {evalue}"])).split("\n")
        if len(lines) > 100:
            lines = [*lines[:50], "... and so on ...", *lines[-49:]]
        shown = taken_in("\n".join(lines)[-MOST_SHOWN:], MOST_SHOWN, colours=True)
        ename, evalue = taken_in(ename, 200), taken_in(evalue, 2000)
        self.first_error = self.first_error or " ".join(f"{ename}: {evalue}".split())[:LONGEST_MESSAGE]
        self.append(marking.output("error", ename=ename, evalue=evalue, traceback=[shown]))

    def _stream(self, name: str, text: str) -> None:
        if self.shown >= MOST_SHOWN or not text:
            return
        text = taken_in(text, MOST_SHOWN, colours=True)
        self.shown += len(text)
        if self.shown >= MOST_SHOWN:
            text = text[:MOST_SHOWN] + "\n... and more, which is left out ...\n"
        last = self.cell.outputs[-1] if self.cell.outputs else None
        if last is not None and last.output_type == "stream" and last.name == name:
            if self.budget.take(len(text)):
                last["text"] += text
        else:
            self.append(marking.output("stream", name=name, text=text))

    def _data(self, kind: str, data: dict[str, Any]) -> None:
        kept = {TEXT: taken_in(data[TEXT], MOST_SHOWN, colours=True)} if isinstance(data.get(TEXT), str) else {}
        self.size += EACH + sum(len(v) for v in data.values() if isinstance(v, str))
        for mime in PICTURES:
            if isinstance(data.get(mime), str) and len(data[mime]) < self.limit:
                try:
                    base64.b64decode("".join(data[mime].split()), validate=True)
                except (ValueError, binascii.Error):
                    continue
                kept[mime] = data[mime]
        if kept and not self.full:
            more = {"execution_count": self.cell["execution_count"]} if kind == "execute_result" else {}
            self.append(marking.output(kind, data=kept, metadata=ALT, **more))


def _size(output: NotebookNode) -> int:
    """About as many bytes as the notebook's file will have for it."""
    return sum(len(str(value).encode()) for value in output.values())

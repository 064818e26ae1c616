"""What a graded submission may leave behind: outputs as it runs, and the notebook as it is written, of a few megabytes."""

from __future__ import annotations

from dataclasses import dataclass

from nbformat import NotebookNode

from byhand.grading.limits import ADDED_BYTES, ADDED_CELLS, ANSWER_BYTES, OUTPUT_BYTES, OUTPUTS

EACH = 200  # bytes that an output or a cell takes besides what it says


@dataclass
class Budget:
    """How much the outputs of one notebook may still take."""

    size: int = OUTPUT_BYTES
    count: int = OUTPUTS

    def take(self, size: int) -> bool:
        """Whether there is room for one more output of this size, which is then taken."""
        if size + EACH > self.size or not self.count:
            return False
        self.size -= size + EACH
        self.count -= 1
        return True


def trimmed(notebook: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The notebook after it ran, as it is to be kept, and what was cut. Cells of the release stay; what was added stays
    while there is room."""
    room, kept, cut = ADDED_BYTES, [], False
    for cell in notebook.cells:
        size = len(cell.source.encode()) + EACH
        if "nbgrader" in cell.metadata:
            if cell.metadata["nbgrader"]["solution"] and size > ANSWER_BYTES:
                start = cell.source.encode()[:ANSWER_BYTES].decode(errors="ignore")
                cell.source, cut = start + "\n# (cut: too long to be kept)", True
        elif size > room or len(kept) >= ADDED_CELLS:
            continue
        else:
            room -= size
        kept.append(cell)
    left_out = len(notebook.cells) - len(kept)
    notebook.cells = kept
    notes = [f"Cells that are too many or too long to be kept were left out after they ran: {left_out}."] * bool(
        left_out
    )
    return notebook, notes + ["An answer that is too long to be kept was cut after it ran."] * cut

"""Show verdicts as a table: readable HTML in a notebook, the same words as text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

from byhand.checking.judge import Row, Verdict, Words

_STYLE = """<style>
.byhand-check{border-left:4px solid var(--byhand-mark);padding:.2em 0 .2em .9em;margin:.4em 0;line-height:1.45}
.byhand-check.right{--byhand-mark:#0b7a4b}.byhand-check.wrong{--byhand-mark:#c2410c}
.byhand-check p{margin:.25em 0;max-width:46em}
.byhand-check .hint{font-weight:600}
.byhand-check table{border-collapse:collapse;margin:.4em 0;font-size:inherit}
.byhand-check th,.byhand-check td{text-align:left!important;vertical-align:top;padding:.15em .9em .15em 0;
  border:0;white-space:normal;background:none;color:inherit}
.byhand-check td:not(:last-child){white-space:nowrap}
.byhand-check th{font-weight:600;white-space:nowrap}.byhand-check .wide{overflow-x:auto}
.byhand-check code{font-size:.95em;background:none}
</style>"""


MANY = 6  # wrong quantities; of more than these, the ones of which the same is to be said are put together


@dataclass(frozen=True)
class CheckReport:
    """The verdict on one exercise, with the hints of the mistakes that were recognised."""

    name: str
    verdict: Verdict
    hints: Sequence[str] = ()
    notes: Sequence[str] = ()
    points: tuple[float, float] | None = None
    judge: str = "torch"

    @property
    def right(self) -> bool:
        return self.verdict.right

    @property
    def earned(self) -> float:
        """The points that it earns; 0 where it is no graded one."""
        return self.points[0] if self.points else 0.0

    @property
    def summary(self) -> str:
        if self.right:
            names = ", ".join(row.name for row in self.verdict.rows)
            return f"{self.name}: right. {names} agree{'' if ',' in names else 's'} with {self.judge}."
        kind = self.verdict.problem.kind
        says = f"right on the ordinary problem, wrong {kind}." if kind and not self.points else "not right yet."
        if self.verdict.trouble:
            return f"{self.name}: {says}"
        return f"{self.name}: {says} Look at {', '.join(row.name for row in self.verdict.rows if not row.right)}."

    @property
    def rows(self) -> list[Row]:
        """The rows of the table; none where nothing is known of any quantity."""
        rows = list(self.verdict.rows)
        if not any(row.shape is not None or row.says for row in rows):
            return []
        if sum(not row.right for row in rows) <= MANY:
            return rows
        alike: dict[tuple, list[Row]] = {}
        for row in rows:
            alike.setdefault((row.right, row.says, row.shape is None), []).append(row)
        return [_together(group) for group in alike.values()]

    def _tail(self) -> list[str]:
        tail = list(self.notes)
        if self.points:
            tail.append(f"{self.points[0]:g} of {self.points[1]:g} points.")
        return tail

    def __repr__(self) -> str:
        lines = [self.summary]
        if self.verdict.trouble:
            lines.append(f"  {self.verdict.trouble}")
        wide = max([10, *(len(row.name) for row in self.rows)])
        lines += [f"  {_line(row, wide)}" for row in self.rows]
        lines += [f"  Hint: {hint}" for hint in self.hints]
        return "\n".join(lines + [f"  {line}" for line in self._tail()])

    def _repr_html_(self) -> str:
        parts = [f"<p><strong>{'✓' if self.right else '✗'} {escape(self.summary)}</strong></p>"]
        if self.verdict.trouble:
            parts.append(f"<p>{escape(self.verdict.trouble)}</p>")
        if self.rows:
            head = "".join(f'<th scope="col">{h}</th>' for h in ("quantity", "shape", "largest error", "verdict"))
            body = "".join(
                f"<tr><td><code>{escape(r.name)}</code></td><td>{_shape(r)}</td><td>{_error(r)}</td>"
                f"<td>{'✓' if r.right else '✗'} {escape(_says(r))}</td></tr>"
                for r in self.rows
            )
            parts.append(f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')
        parts += [f'<p class="hint">Hint: {escape(hint)}</p>' for hint in self.hints]
        parts += [f"<p>{escape(line)}</p>" for line in self._tail()]
        return f'{_STYLE}<div class="byhand-check {"right" if self.right else "wrong"}">{"".join(parts)}</div>'


def _together(rows: Sequence[Row]) -> Row:
    """One row for several quantities of which the same is to be said."""
    if len(rows) == 1:
        return rows[0]
    errors = [row.error for row in rows if row.error is not None]
    said = partial(Words, rows[0].says, named=rows[0].named)  # the largest difference is each one's own
    return Row(", ".join(row.name for row in rows), rows[0].right, error=max(errors, default=None), words=said)


def _shape(row: Row) -> str:
    return "" if row.shape is None else str(row.shape)


def _error(row: Row) -> str:
    return "" if row.error is None else f"{row.error:.1e}"


def _says(row: Row) -> str:
    if row.right:
        return f"right ({row.told})" if row.told else "right"
    if row.told or row.error is not None:
        return f"wrong: {row.told}" if row.told else "wrong"
    return "missing"


def _line(row: Row, wide: int) -> str:
    error = f"error {_error(row)}" if row.error is not None else ""
    return f"{row.name:<{wide}} {_shape(row):<14} {error:<15} {_says(row)}".rstrip()

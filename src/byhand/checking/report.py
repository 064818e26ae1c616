"""Show verdicts as a table: readable HTML in a notebook, the same words as text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from byhand.checking.judge import Row, Verdict

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


@dataclass(frozen=True)
class Report:
    """All verdicts on one exercise, with the hints of the mistakes that were recognised."""

    name: str
    verdicts: Sequence[Verdict]
    hints: Sequence[str] = ()
    notes: Sequence[str] = ()
    points: tuple[float, float] | None = None

    @property
    def right(self) -> bool:
        return all(v.right for v in self.verdicts)

    @property
    def summary(self) -> str:
        if self.right:
            names = ", ".join(row.name for row in self.verdicts[0].rows)
            return f"{self.name}: right. {names} agree{'' if ',' in names else 's'} with torch."
        wrong = list(dict.fromkeys(r.name for v in self.verdicts for r in v.rows if not r.right))
        if any(v.trouble for v in self.verdicts):
            return f"{self.name}: not right yet."
        return f"{self.name}: not right yet. Look at {', '.join(wrong)}."

    def _tail(self) -> list[str]:
        tail = list(self.notes)
        if self.points:
            tail.append(f"{self.points[0]:g} of {self.points[1]:g} points.")
        return tail

    def __repr__(self) -> str:
        lines = [self.summary]
        for verdict in self.verdicts:
            if len(self.verdicts) > 1:
                lines.append(f"  with {verdict.problem.label}")
            if verdict.trouble:
                lines.append(f"  {verdict.trouble}")
            if any(_told(row) for row in verdict.rows):
                wide = max(10, *(len(row.name) for row in verdict.rows))
                lines += [f"  {_line(row, wide)}" for row in verdict.rows]
        lines += [f"  Hint: {hint}" for hint in self.hints]
        return "\n".join(lines + [f"  {line}" for line in self._tail()])

    def _repr_html_(self) -> str:
        parts = [f"<p><strong>{'✓' if self.right else '✗'} {escape(self.summary)}</strong></p>"]
        for verdict in self.verdicts:
            if len(self.verdicts) > 1:
                parts.append(f"<p>With {escape(verdict.problem.label)}:</p>")
            if verdict.trouble:
                parts.append(f"<p>{escape(verdict.trouble)}</p>")
            if any(_told(row) for row in verdict.rows):
                head = "".join(f'<th scope="col">{h}</th>' for h in ("quantity", "shape", "largest error", "verdict"))
                body = "".join(
                    f"<tr><td><code>{escape(r.name)}</code></td><td>{_shape(r)}</td><td>{_error(r)}</td>"
                    f"<td>{'✓' if r.right else '✗'} {escape(_says(r))}</td></tr>"
                    for r in verdict.rows
                )
                parts.append(
                    f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
                )
        parts += [f'<p class="hint">Hint: {escape(hint)}</p>' for hint in self.hints]
        parts += [f"<p>{escape(line)}</p>" for line in self._tail()]
        return f'{_STYLE}<div class="byhand-check {"right" if self.right else "wrong"}">{"".join(parts)}</div>'


def _told(row: Row) -> bool:
    """Whether anything is known of this quantity, so that a table is worth showing."""
    return row.shape is not None or bool(row.says)


def _shape(row: Row) -> str:
    return "" if row.shape is None else str(row.shape)


def _error(row: Row) -> str:
    return "" if row.error is None else f"{row.error:.1e}"


def _says(row: Row) -> str:
    if row.right:
        return f"right ({row.says})" if row.says else "right"
    return f"wrong: {row.says}" if row.says else "missing"


def _line(row: Row, wide: int) -> str:
    error = f"error {_error(row)}" if row.error is not None else ""
    return f"{row.name:<{wide}} {_shape(row):<14} {error:<15} {_says(row)}".rstrip()

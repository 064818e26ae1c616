"""What a class has not understood, read from the verdicts of its submissions."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from byhand.checking.mistakes import same_mark
from byhand.course import CourseError, Unit
from byhand.grading.answer_sheet import AnswerSheet
from byhand.grading.verdicts import ExerciseVerdict, SubmissionVerdict, verdict_in

UNREAD = {"damaged", "refused", "failed"}  # statuses that say nothing of the answers
# The ways in which an answer can stand, in the order in which a bar shows them.
KINDS = ("right", "known", "unlisted", "follows", "unwritten")


@dataclass
class AnswerCluster:
    """One way in which an exercise was answered, and the students who answered so.

    kind     right; known: a listed misconception; unlisted: wrong as nobody has listed it; follows: wrong, where an
             exercise that it uses is wrong too; unwritten.
    mistake  the id of the misconception, with the hint that they saw.
    where    what the check says is wrong.
    cause    whether that lies in another cell, as a failed import: the answer itself was not tried.
    """

    exercise: str
    kind: str
    mistake: str = ""
    hint: str = ""
    where: str = ""
    marks: Any = None
    cause: bool = False
    students: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ExerciseStats:
    """One exercise: its points, all ways in which it was answered, the most frequent first."""

    exercise: str
    points: float
    clusters: tuple[AnswerCluster, ...]

    def count(self, *kinds: str) -> int:
        return sum(len(cluster.students) for cluster in self.clusters if cluster.kind in kinds)

    @property
    def answers(self) -> int:
        return self.count(*KINDS)


@dataclass(frozen=True)
class Insight:
    unit: Unit
    verdicts: tuple[SubmissionVerdict, ...]
    exercise_stats: tuple[ExerciseStats, ...]
    unread: tuple[str, ...] = ()  # students whose verdict another version has written

    @property
    def read(self) -> list[SubmissionVerdict]:
        """The verdicts on submissions that could be read."""
        return [v for v in self.verdicts if v["status"] not in UNREAD]

    @property
    def points(self) -> float:
        """That the checks give in all; a written question has more."""
        return sum(stats.points for stats in self.exercise_stats)

    @property
    def troubles(self) -> list[AnswerCluster]:
        """Misconceptions, and wrong answers that nobody has listed, by how many students are hit."""
        wrong = [
            cluster for s in self.exercise_stats for cluster in s.clusters if cluster.kind in ("known", "unlisted")
        ]
        return sorted(wrong, key=lambda cluster: -len(cluster.students))

    @property
    def unlisted(self) -> list[AnswerCluster]:
        return [cluster for cluster in self.troubles if cluster.kind == "unlisted"]

    @property
    def statuses(self) -> Counter[str]:
        return Counter(v["status"] for v in self.verdicts)

    @property
    def notes(self) -> Counter[str]:
        return Counter(note for v in self.verdicts for note in dict.fromkeys(v["notes"]))

    def median(self, what: str) -> float:
        return statistics.median(v["seconds"].get(what, 0.0) for v in self.verdicts)

    @property
    def median_score(self) -> float:
        return statistics.median(v["score"] for v in self.read)


def load_verdicts(unit: Unit) -> tuple[list[SubmissionVerdict], list[str]]:
    """The verdicts of `byhand grade`, by student, and the files that are none of this version. Raises CourseError where
    there is no verdict."""
    folder = unit.root / "classroom" / "verdicts" / unit.name
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise CourseError(
            f"Nobody's {unit.name} is graded yet ({folder} holds no verdicts): run byhand grade {unit.name} first."
        )
    found = {path: verdict_in(path) for path in paths}
    verdicts = [verdict for verdict in found.values() if verdict]
    if not verdicts:
        raise CourseError(
            f"{folder} holds no verdict that this version has written: run byhand grade {unit.name} again."
        )
    return verdicts, [path.stem for path, verdict in found.items() if not verdict]


def gain_insight(unit: Unit) -> Insight:
    """Sort every answer of the class into the ways in which its exercise was answered."""
    verdicts, unread = load_verdicts(unit)
    sheet = AnswerSheet(unit)
    uses = _uses(sheet.solution)
    clusters: dict[str, list[AnswerCluster]] = {name: [] for name in sheet.exercises}
    points = dict.fromkeys(sheet.exercises, 0.0)
    for verdict in verdicts:
        answers = verdict["exercises"] if verdict["status"] not in UNREAD else {}
        wrong = {name for name, answer in answers.items() if not answer["right"]}
        for name in clusters.keys() & answers.keys():
            points[name] = answers[name]["max_points"]
            cluster = _cluster_of(name, answers[name], follows=bool(wrong & uses[name]))
            for other in clusters[name]:
                if _same(cluster, other):
                    cluster = other
                    break
            else:
                clusters[name].append(cluster)
            cluster.students.append(verdict["student"])
    order = {kind: place for place, kind in enumerate(KINDS)}
    exercise_stats = [
        ExerciseStats(name, points[name], tuple(sorted(found, key=lambda w: (order[w.kind], -len(w.students)))))
        for name, found in clusters.items()
    ]
    return Insight(unit, tuple(verdicts), tuple(exercise_stats), tuple(unread))


def _uses(solution: Mapping[str, str]) -> dict[str, set[str]]:
    """Exercise -> the exercises whose answers its solution calls, directly or through others; they come before it."""
    uses: dict[str, set[str]] = {}
    for name, region in solution.items():
        direct = {other for other in uses if re.search(rf"\b{other}\(", region)}
        uses[name] = direct.union(*(uses[other] for other in direct))
    return uses


def _cluster_of(exercise: str, answer: ExerciseVerdict, follows: bool) -> AnswerCluster:
    where = answer["failure"] or ""
    if answer["right"]:
        return AnswerCluster(exercise, "right")
    if answer.get("unwritten"):
        return AnswerCluster(exercise, "unwritten")
    if answer["mistake"]:
        return AnswerCluster(exercise, "known", answer["mistake"], answer["hint"] or "", where)
    if follows:
        return AnswerCluster(exercise, "follows")
    # Right on the visible problem and wrong on another one: there is no fingerprint, only what the check says.
    return AnswerCluster(
        exercise, "unlisted", where=where, marks=answer["fingerprint"] or where, cause=bool(answer.get("cause"))
    )


def _same(a: AnswerCluster, b: AnswerCluster) -> bool:
    if (a.kind, a.mistake) != (b.kind, b.mistake):
        return False
    if isinstance(a.marks, Mapping) and isinstance(b.marks, Mapping):
        return a.marks.keys() == b.marks.keys() and all(
            same_mark(mark, b.marks[name]) for name, mark in a.marks.items()
        )
    return a.marks == b.marks


def count(number: int, thing: str) -> str:
    """`1 student`, `2 students`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def shortened(names: Iterable[str], most: int = 8) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")

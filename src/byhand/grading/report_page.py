"""The insight into a class as a page: static HTML without scripts, light and dark, on paper too."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from byhand.grading.clean import without_control, without_names
from byhand.grading.html_page import document
from byhand.grading.insight import KINDS, AnswerCluster, ExerciseStats, Insight, count, shortened
from byhand.grading.lesson_sections import Place, lesson_sections

MOST_TROUBLES = 5  # as much as one can speak of in a lesson
_SAYS = {
    "right": "right",
    "known": "a known mistake",
    "unlisted": "wrong in another way",
    "follows": "wrong after an earlier exercise was",
    "unwritten": "not written",
}


class Page:
    """Writes the page of one unit; `names`: whether students are named."""

    def __init__(self, insight: Insight, names: bool = True):
        self.insight, self.names = insight, names
        self.places: Mapping[str, Place] = lesson_sections(insight.unit)
        self._book = insight.unit.root / "book" / "_build" / "html" / "units" / insight.unit.name / "lesson.html"

    def html(self) -> str:
        insight = self.insight
        title = f"{insight.unit.name}: what the class has not understood"
        parts = [self._head(title), self._monday(), self._exercises(), self._unlisted(), self._statuses(), self._rest()]
        return document(title, "".join(parts))

    def _head(self, title: str) -> str:
        insight, read = self.insight, self.insight.read
        score = (
            f"Of the {insight.points:g} points that the checks give, the median is {insight.median_score:g}. "
            if read
            else ""
        )
        trouble = sum(n for status, n in insight.statuses.items() if status != "graded")
        odd = (
            f'<a href="#statuses">{count(trouble, "submission")} could not be graded in the ordinary way</a>. '
            if trouble
            else ""
        )
        return f"<h1>{escape(title)}</h1>\n<p>{count(len(insight.verdicts), 'submission')}. {score}{odd}</p>\n"

    def _monday(self) -> str:
        troubles = [
            cluster for cluster in self.insight.troubles if len(cluster.students) > 1 or cluster.kind == "known"
        ][:MOST_TROUBLES]
        if not troubles:
            return "<h2>What to say on Monday</h2>\n<p>No mistake was found in more than one submission.</p>\n"
        items = "".join(self._item(cluster) for cluster in troubles)
        return f'<h2>What to say on Monday</h2>\n<ol class="ways">{items}</ol>\n'

    def _item(self, cluster: AnswerCluster) -> str:
        share = len(cluster.students) / max(1, len(self.insight.read))
        known = (
            f"<code>{escape(cluster.mistake)}</code>"
            if cluster.kind == "known"
            else "wrong in a way that nobody has listed"
        )
        place = self.places[cluster.exercise]
        lines = [f"<h3><code>{escape(cluster.exercise)}</code>, {escape(place.title)}: {known}</h3>"]
        if cluster.hint:
            lines.append(f'<p class="quiet">The hint that they saw:</p><blockquote>{escape(cluster.hint)}</blockquote>')
        elif cluster.where:
            lines.append(f"<p>{escape(self._safe(cluster.where))}</p>")
        if place.section:
            lines.append(f"<p>In the lesson: {self._link(place)}</p>")
        lines += self._who(cluster)
        return (
            f'<li><div class="many">{len(cluster.students)}<small>of {len(self.insight.read)}, {share:.0%}</small></div>'
            f"<div>{''.join(lines)}</div></li>\n"
        )

    def _link(self, place: Place) -> str:
        if not self._book.exists():
            return escape(place.section)
        unit = self.insight.unit.name
        return f'<a href="../../book/_build/html/units/{unit}/lesson.html#{escape(place.anchor)}">{escape(place.section)}</a>'

    def _who(self, cluster: AnswerCluster) -> list[str]:
        if not self.names:
            return []
        return [f'<p class="quiet">{escape(shortened(cluster.students))}</p>']

    def _exercises(self) -> str:
        rows = "".join(self._row(stats) for stats in self.insight.exercise_stats)
        key = "".join(f'<li><i class="{kind}"></i>{says}</li>' for kind, says in _SAYS.items())
        return (
            '<h2>Exercise by exercise</h2>\n<div class="wide"><table><thead><tr><th scope="col">exercise</th>'
            '<th scope="col" class="number">right</th><th scope="col">all answers</th></tr></thead>'
            f'<tbody>{rows}</tbody></table></div>\n<ul class="key">{key}</ul>\n'
        )

    def _row(self, stats: ExerciseStats) -> str:
        answers = max(1, stats.answers)
        parts = [(kind, stats.count(kind)) for kind in KINDS if stats.count(kind)]
        bar = "".join(f'<i class="{kind}" style="width:{100 * n / answers:.1f}%"></i>' for kind, n in parts)
        words = ", ".join(f"{n} {_SAYS[kind]}" for kind, n in parts)
        known = "".join(
            f"<br>{len(cluster.students)} × <code>{escape(cluster.mistake)}</code>"
            for cluster in stats.clusters
            if cluster.kind == "known"
        )
        return (
            f'<tr><th scope="row"><code>{escape(stats.exercise)}</code><br><span class="quiet">'
            f"{escape(self.places[stats.exercise].title)}, {count_points(stats.points)}</span></th>"
            f'<td class="number" data-unit="right">{stats.count("right") / answers:.0%}</td>'
            f'<td><div class="bar" aria-hidden="true">{bar}</div><span class="quiet">{words}{known}</span></td></tr>\n'
        )

    def _unlisted(self) -> str:
        clusters = self.insight.unlisted
        if not clusters:
            return ""
        often = [cluster for cluster in clusters if len(cluster.students) > 1]
        items = "".join(self._cluster(cluster) for cluster in often)
        single = len(clusters) - len(often)
        alone = f"<p>{count(single, 'more answer')} {'is' if single == 1 else 'are'} wrong in a way of {'its' if single == 1 else 'their'} own.</p>"
        return (
            "<h2>Wrong in ways that nobody has listed</h2>\n<p>Equal wrong results, which may be one and the same mistake. With "
            f"<code>byhand report {escape(self.insight.unit.name)} --unlisted</code> you see the code, ready to be put into "
            f'<code>misconceptions.yml</code> with a hint.</p>\n<ol class="ways">{items}</ol>\n{alone if single else ""}'
        )

    def _cluster(self, cluster: AnswerCluster) -> str:
        lines = [f"<h3><code>{escape(cluster.exercise)}</code></h3>", f"<p>{escape(self._safe(cluster.where))}</p>"]
        if self.names:
            unit = self.insight.unit.name
            lines.append(
                f"<p>See <code>classroom/autograded/{escape(cluster.students[0])}/{unit}/exercises.ipynb</code></p>"
            )
        lines += self._who(cluster)
        return f'<li><div class="many">{len(cluster.students)}<small>students</small></div><div>{"".join(lines)}</div></li>\n'

    def _statuses(self) -> str:
        trouble = [v for v in self.insight.verdicts if v["status"] != "graded"]
        if not trouble:
            return '<h2 id="statuses">Submissions</h2>\n<p>All were graded in the ordinary way.</p>\n'
        name = (lambda v: f'<th scope="row">{escape(v["student"])}</th>') if self.names else (lambda v: "")
        rows = "".join(
            f'<tr>{name(v)}<td class="status">{escape(v["status"])}</td><td class="number" data-unit="points">{v["score"]:g}</td>'
            f"<td>{escape(self._safe(v['message'] or ''))}</td></tr>\n"
            for v in sorted(trouble, key=lambda v: (v["status"], v["student"]))
        )
        head = '<th scope="col">student</th>' if self.names else ""
        return (
            '<h2 id="statuses">Submissions that could not be graded in the ordinary way</h2>\n<p>All that their honest work earns '
            'is in the gradebook.</p>\n<div class="wide"><table><thead>'
            f'<tr>{head}<th scope="col">status</th><th scope="col" class="number">points</th><th scope="col">what happened</th></tr>'
            f"</thead><tbody>{rows}</tbody></table></div>\n"
        )

    def _rest(self) -> str:
        insight = self.insight
        slowest = max(insight.verdicts, key=lambda v: v["seconds"].get("own_cells", 0.0))
        who = f", the longest {slowest['seconds'].get('own_cells', 0.0):.1f} s"
        who += f" ({escape(slowest['student'])})" if self.names else ""
        parts = [
            "<h2>Time</h2>\n",
            f"<p>The students' own cells took {insight.median('own_cells'):.2f} s in the median{who}; grading one submission took "
            f"{insight.median('total'):.2f} s in the median.</p>\n",
        ]
        if insight.notes:
            notes = "".join(f"<li>{n} × {escape(self._safe(note))}</li>" for note, n in insight.notes.most_common())
            parts.append(f"<h2>Noticed while grading</h2>\n<ul>{notes}</ul>\n")
        return "".join(parts)

    def _safe(self, text: str) -> str:
        return (
            without_control(text)
            if self.names
            else without_names(without_control(text), (v["student"] for v in self.insight.verdicts))
        )


def count_points(points: float) -> str:
    return f"{points:g} point{'' if points == 1 else 's'}" if points else "optional"

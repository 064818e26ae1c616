"""The page on which written questions are marked, as an extension of Jupyter's server: `byhand/mark/UNIT`.

It has the server's sign-in and its protection against requests of other sites. On a hub it is part of the class's server, which
instructors alone can open; there each marker has the name of the own account.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from pathlib import Path

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from byhand.course import CourseError, Unit, find_root, find_units
from byhand.grading import written, written_html
from byhand.grading.pages import render, style

HERE = Path(__file__).parent
READING = 600  # seconds for which an answer that a marker has opened is left to that marker
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; frame-ancestors 'self'; base-uri 'none'"

_as_html: dict[str, str] = {}  # digest of a text -> its HTML, for as long as the server runs
_reading: dict[tuple[str, str], tuple[str, float]] = {}  # (unit, key of an answer) -> who reads it, and since when


class Handler(JupyterHandler):
    def prepare_page(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Cache-Control", "no-store")

    @property
    def marker(self) -> str:
        """On a hub the account that signed in; elsewhere the one that the server runs under."""
        return self.current_user.username if "JUPYTERHUB_SERVICE_PREFIX" in os.environ else getpass.getuser()

    @property
    def root(self) -> Path:
        return find_root(Path(self.settings["server_root_dir"]).expanduser())

    def unit(self, name: str) -> Unit:
        return find_units(self.root, [name])[0]

    def address(self, place: str) -> str:
        """Of a page or a file of this extension."""
        return url_path_join(self.base_url, "byhand/mark", place)

    def write_error(self, status_code: int, **kwargs) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        says = str(error) if isinstance(error, CourseError) else getattr(error, "log_message", None) or self._reason
        self.set_status(400 if isinstance(error, CourseError) else status_code)
        self.prepare_page()
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(says)


class Units(Handler):
    @web.authenticated
    def get(self) -> None:
        self.prepare_page()
        self.finish(render("written_units.html", units=find_units(self.root), address=self.address))


class Page(Handler):
    @web.authenticated
    def get(self, name: str) -> None:
        unit = self.unit(name)
        self.prepare_page()
        token = self.xsrf_token.decode()
        self.finish(render("written.html", unit=unit.name, address=self.address, xsrf_token=token))


class Answers(Handler):
    """The question, the answers, and how far the markers agree. Of an answer, others' marks are told after one's own is given."""

    @web.authenticated
    def get(self, name: str) -> None:
        unit = self.unit(name)
        question = written.read_question(unit)
        answers = written.read_answers(unit, question)
        texts = [
            (question.statement, {}),
            *((line, {}) for line in question.lines),
            *((a.source, a.attachments) for a in answers),
        ]
        statement, *rest = _html(texts)
        lines, shown = rest[: len(question.lines)], rest[len(question.lines) :]
        agreed = written.agreement(answers)
        self.prepare_page()
        self.finish(
            {
                "marker": self.marker,
                "statement": statement,
                "lines": lines,
                "answers": [self.told(answer, html) for answer, html in zip(answers, shown, strict=True)],
                "agreement": vars(agreed),
            }
        )

    def told(self, answer: written.Answer, html: str) -> dict:
        mine = answer.marks.get(self.marker)
        others = {who: mark for who, mark in answer.marks.items() if who != self.marker}
        return {
            "key": answer.key,
            "html": html if answer.source.strip() else "",
            "notes": answer.notes,
            "entered": answer.entered if mine or not others else None,
            "mine": mine and {"points": mine.points, "comment": mine.comment},
            "others": [{"marker": w, "points": m.points, "comment": m.comment} for w, m in others.items()]
            if mine
            else [],
            "markers": len(answer.marks),
        }


class Next(Handler):
    """The key of the answer to read next, which is then this marker's for a while."""

    @web.authenticated
    def post(self, name: str) -> None:
        unit, asked = self.unit(name), json.loads(self.request.body)
        now, marker = time.monotonic(), self.marker
        taken = {
            key
            for (of, key), (who, since) in _reading.items()
            if of == name and who != marker and now - since < READING
        }
        answers = written.read_answers(unit, written.read_question(unit))
        key = written.next_answer(answers, marker, asked.get("after"), bool(asked.get("everyone")), taken)
        for place, (who, _) in list(_reading.items()):
            if who == marker:
                del _reading[place]
        if key:
            _reading[name, key] = (marker, now)
        self.prepare_page()
        self.finish({"key": key})


class Save(Handler):
    @web.authenticated
    def put(self, name: str, key: str) -> None:
        unit, given = self.unit(name), json.loads(self.request.body)
        question = written.read_question(unit)
        answer = next(iter(written.read_answers(unit, question, key)), None)
        if answer is None:
            raise web.HTTPError(
                404, "This answer is not there any more: it has been handed in or graded anew. Load the page again."
            )
        written.save_mark(unit, question, answer, self.marker, given["points"], str(given["comment"])[:5000])
        self.prepare_page()
        self.finish({"score": answer.score})


class Static(web.StaticFileHandler):
    """The page's script and its looks; nothing else of this folder."""


class Looks(Handler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.finish(style("report.css", "written.css"))


def _html(texts: list[written_html.Text]) -> list[str]:
    keys = [json.dumps(text, sort_keys=True) for text in texts]
    new = [(key, text) for key, text in dict(zip(keys, texts, strict=True)).items() if key not in _as_html]
    if new:
        _as_html.update(zip((key for key, _ in new), written_html.all_html([text for _, text in new]), strict=True))
    return [_as_html[key] for key in keys]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "byhand.grading.written_server"}]


def _load_jupyter_server_extension(app) -> None:
    name = r"([\w-]+)"
    routes = [
        (r"byhand/mark/?", Units),
        (r"byhand/mark/static/written\.css", Looks),
        (r"byhand/mark/static/(written\.js)", Static, {"path": str(HERE)}),
        (rf"byhand/mark/{name}", Page),
        (rf"byhand/mark/{name}/answers", Answers),
        (rf"byhand/mark/{name}/next", Next),
        (rf"byhand/mark/{name}/answers/(\w+)", Save),
    ]
    base = app.web_app.settings["base_url"]
    app.web_app.add_handlers(".*$", [(url_path_join(base, path), *rest) for path, *rest in routes])


def serve(root: Path, unit: Unit) -> None:
    """Become a Jupyter server that opens the page in a browser. Where a hub has one already, say where the page is."""
    page = f"byhand/mark/{unit.name}"
    if prefix := os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        print(f"In the browser, under the hub's address: {url_path_join(prefix, page)}")
        return
    sys.stdout.flush()
    options = [
        "--ServerApp.jpserver_extensions={'byhand.grading.written_server': True}",
        f"--ServerApp.root_dir={root}",
    ]
    root_may = ["--allow-root"] if hasattr(os, "geteuid") and not os.geteuid() else []
    command = [sys.executable, "-m", "jupyter_server", f"--ServerApp.default_url=/{page}", *options, *root_may]
    os.chdir(root)
    os.execv(sys.executable, command)

"""The whole way of a class on one hub, in a browser: from the instructor's release to the feedback that a student reads.

Three accounts and the class's own are made for it, and are gone afterwards.
"""

import contextlib
import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from classes import ESSAY, UNIT
from hub import running_hub, why_not
from playwright.sync_api import expect
from waiting import LONG, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hub")]

TO_OPEN = 2000 * LONG  # milliseconds, for the first page of a server
ANSWERS = {
    "ada": "    return np.tanh(x @ U.T + h_prev @ W.T + b)",
    "bob": "    return np.tanh(x @ U.T + h_prev @ W + b)",
}
SAYS = {"ada": "rnn_step: right.", "bob": "rnn_step: not right yet."}


@pytest.fixture(scope="module")
def hub():
    if reason := why_not():
        pytest.skip(reason)
    with running_hub() as made:
        yield made


@contextlib.contextmanager
def somebody(browser, hub, who, password=None):
    """A browser of somebody's own, signed in; whatever is not on this machine is not there."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    context.set_default_timeout(TO_OPEN)
    context.route(lambda url: not url.startswith(f"{hub.url}/"), lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{hub.url}/hub/login")
    page.get_by_label("Username").fill(hub.names[who])
    page.get_by_label("Password").fill(password or hub.passwords[who])
    page.get_by_role("button", name="Sign in").click()
    try:
        yield page
    finally:
        context.close()


def wait(page, holds, what, seconds=LONG):
    """As `until`, while the page goes on: its requests pass through this process."""
    return until(lambda: page.wait_for_timeout(50) or holds(), what, seconds)


class Terminal:
    """JupyterLab's terminal. It is a canvas on which nothing can be read, so what is printed goes into a file too."""

    def __init__(self, page, hub, who, lab):
        self.page, self.folder = page, hub.home(who)
        page.goto(f"{hub.url}{lab}?reset")
        page.locator(".jp-LauncherCard", has_text="Terminal").first.click()
        expect(page.locator(".jp-Terminal-body")).to_be_visible()
        self.shell()

    def shell(self):
        """What is typed before there is a shell is lost: type until it listens."""
        ready = self.folder / "ready"

        def listens():
            self.page.locator(".jp-Terminal-body").click()
            self.page.keyboard.type("touch ~/ready\n")
            self.page.wait_for_timeout(500)
            return ready.exists()

        wait(self.page, listens, "the terminal's shell")

    def __call__(self, command):
        said, done = self.folder / "said", self.folder / "done"
        done.unlink(missing_ok=True)
        self.page.locator(".jp-Terminal-body").click()
        self.page.keyboard.type(f"({command}) > ~/said 2>&1; echo $? > ~/done\n")
        wait(self.page, lambda: done.exists() and done.read_text().strip(), command, 4 * LONG)
        assert done.read_text().strip() == "0", said.read_text()
        return said.read_text()


def menu(page, *labels):
    """Choose from JupyterLab's menus."""
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{labels[0]}$")).click()
    for label in labels[1:]:
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{label}$")).click()


def opened(page, hub, who, path):
    """A notebook of somebody's copy, with its kernel."""
    page.goto(f"{hub.url}/user/{hub.names[who]}/lab/tree/backprop-by-hand/course/{path}?reset")
    expect(page.locator(".jp-StatusBar-Left")).to_contain_text("| Idle")


def write_into(page, cell, text):
    """Put a text into a cell instead of what is there."""
    cell.scroll_into_view_if_needed()
    if cell.locator(".jp-RenderedMarkdown:visible").count():
        cell.locator(".jp-RenderedMarkdown").dblclick()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def listed(page, where):
    """The unit in a part of the list of assignments: released, fetched or submitted."""
    return page.locator(f"#{where}_assignments_list .list_item", has_text=UNIT)


def open_list(page, hub, who):
    page.goto(f"{hub.url}/user/{hub.names[who]}/lab?reset")
    menu(page, "Nbgrader", "Assignment List")
    expect(page.locator("#released_assignments_list_loading")).to_be_hidden()


def test_a_class_from_release_to_feedback(browser, hub):
    released(browser, hub)
    for who in ANSWERS:
        solved(browser, hub, who)
    kept_apart(browser, hub)
    marked(browser, hub)
    for who, points in {"ada": "4.0", "bob": "0.0"}.items():
        read(browser, hub, who, points)
    set_up_again(hub)
    hear_an_interrupt(hub)


def released(browser, hub):
    with somebody(browser, hub, "prof", "not-the-password") as page:
        expect(page.get_by_text("Invalid username or password")).to_be_visible()
    with somebody(browser, hub, "prof") as page:
        page.wait_for_url("**/services/class/lab**")  # an instructor comes to the class's server
        terminal = Terminal(page, hub, "class", "/services/class/lab")
        terminal(f"byhand build {UNIT} && nbgrader release_assignment {UNIT}")
        menu(page, "Nbgrader", "Formgrader")  # in a frame of JupyterLab
        row = page.frame_locator("iframe[src*='formgrader']").locator("tr", has_text=UNIT)
        expect(row.locator(".status")).to_have_text("released")


def solved(browser, hub, who):
    copy = hub.home(who) / "backprop-by-hand" / "course"
    notebook = copy / UNIT / "exercises.ipynb"
    with somebody(browser, hub, who) as page:
        # The course's start page, in an own copy that has been made; and nothing for instructors in the menu.
        expect(page.locator(".jp-NotebookPanel", has_text="How to work.")).to_be_visible()
        page.locator(".lm-MenuBar-itemLabel", has_text="Nbgrader").click()
        expect(page.locator(".lm-Menu-itemLabel", has_text="Assignment List")).to_be_visible()
        expect(page.locator(".lm-Menu-itemLabel", has_text=re.compile("Formgrader|Create"))).to_have_count(0)
        if who == "bob":  # he has lost the unit, and fetches it
            shutil.rmtree(copy / UNIT)
            open_list(page, hub, who)
            listed(page, "released").get_by_role("button", name="Fetch").click()
            expect(listed(page, "fetched")).to_have_count(1)
        opened(page, hub, who, f"{UNIT}/exercises.ipynb")
        step = page.locator(".jp-CodeCell", has_text="def rnn_step(").first
        blank = next(c for c in json.loads(notebook.read_text())["cells"] if "def rnn_step(" in "".join(c["source"]))
        source = "".join(blank["source"])
        write_into(page, step, source[: source.index("    # YOUR CODE HERE")] + ANSWERS[who])
        menu(page, "Run", "Run All Cells")
        check = page.locator(".jp-CodeCell", has_text='check("rnn_step", rnn_step)').locator(".byhand-check")
        expect(check).to_contain_text(SAYS[who])
        write_into(page, page.locator(".jp-MarkdownCell", has_text="YOUR ANSWER HERE"), f"{ESSAY} {who}")
        page.keyboard.press("Control+S")
        wait(page, lambda: f"{ESSAY} {who}" in notebook.read_text(), "the notebook to be saved")
        page.locator(".validate-button").click()
        results = page.locator(".jp-Dialog", has_text="Validation Results")
        expect(results).to_contain_text('check("rnn_forward", rnn_forward)')  # not written
        step_fails = expect(results).to_contain_text if who == "bob" else expect(results).not_to_contain_text
        step_fails('check("rnn_step", rnn_step)')
        results.get_by_role("button", name="Ok").click()
        open_list(page, hub, who)
        listed(page, "fetched").get_by_role("button", name="Submit").click()
        expect(listed(page, "submitted")).not_to_have_count(0)
    if who == "ada":
        assert json.loads((copy / "progress.json").read_text()) == {UNIT: ["rnn_step"]}


def kept_apart(browser, hub):
    """What a student may not, another may: the same commands succeed where they should."""
    exchange, course = hub.data / "exchange" / "byhand", hub.home("class") / "course"
    private = [hub.home("bob"), course / "solutions", course / "classroom", exchange / "inbound", hub.data / "hub"]
    assert all(path.is_dir() for path in private)
    assert not [path for path in private if hub.may("ada", "ls", path)]
    secret = [
        course / "classroom/gradebook.db",
        course / "classroom/seed",
        hub.folder / "people.csv",
        hub.folder / "passwords.csv",
    ]
    assert all(path.is_file() for path in secret)
    assert not [path for path in secret if hub.may("ada", "cat", path)]
    assert not hub.may("ada", "mv", exchange, hub.data / "exchange" / "mine")
    assert not hub.may("ada", "touch", exchange / "outbound" / UNIT / "checks.py")
    assert hub.may("ada", "ls", exchange / "outbound" / UNIT) and hub.may("bob", "ls", hub.home("bob"))
    assert all(hub.may("class", "cat", path) for path in secret[:2])
    installed = next((hub.environment / "lib").glob("python*")) / "site-packages" / "byhand"
    assert hub.may("ada", "ls", installed) and not hub.may("ada", "ls", hub.folder.parent / "course")

    kernels = [p for p in psutil.process_iter(["cmdline"]) if "ipykernel_launcher" in " ".join(p.info["cmdline"] or ())]
    ours = [p for p in kernels if p.username() in hub.names.values()]
    assert len(ours) >= 2
    files = [hub.home(who) / ".local/share/jupyter/runtime" for who in ("ada", "bob")]
    connections = [json.loads(path.read_text()) for folder in files for path in folder.glob("kernel-*.json")]
    assert len(connections) >= 2 and {c["transport"] for c in connections} == {"ipc"}
    limits = {re.search(r"Max data size +(\d+)", Path(f"/proc/{p.pid}/limits").read_text())[1] for p in ours}
    assert limits == {str(2 << 30)}  # bytes for each kernel
    said = (hub.data / "hub" / "log").read_text()
    assert re.search(r" 200 GET /hub/api/users\S* \(idle@", said)  # whoever ends idle servers may ask for them
    assert not hub.may("ada", "cat", f"/proc/{next(p.pid for p in ours if p.username() == hub.names['bob'])}/environ")

    with somebody(browser, hub, "ada") as page:
        expect(page.locator(".jp-NotebookPanel").first).to_be_visible()
        for place in (f"user/{hub.names['bob']}/lab", "services/class/lab", f"services/class/byhand/mark/{UNIT}"):
            assert page.goto(f"{hub.url}/{place}").status == 403, place
        assert page.goto(f"{hub.url}/user/{hub.names['ada']}/formgrader").status == 404


def marked(browser, hub):
    with somebody(browser, hub, "prof") as page:
        page.wait_for_url("**/services/class/lab**")
        terminal = Terminal(page, hub, "class", "/services/class/lab")
        terminal(f"nbgrader collect {UNIT}")
        assert "2 graded" in terminal(f"byhand grade {UNIT}")
        assert f"/services/class/byhand/mark/{UNIT}" in terminal(f"byhand mark {UNIT}")
        page.goto(f"{hub.url}/services/class/byhand/mark/{UNIT}")
        expect(page.locator("#state")).to_contain_text(f"You mark as {hub.names['prof']}")
        for number in (1, 2):
            expect(page.locator("#which")).to_have_text(f"Answer {number} of 2")
            expect(page.locator("#answer")).to_contain_text(ESSAY)
            page.keyboard.press("1")
            page.keyboard.press("2")
            page.keyboard.press("2")
            page.keyboard.press("Enter")
            expect(page.locator("#state")).to_contain_text(f"{number} of 2 answers are marked")
        terminal = Terminal(page, hub, "class", "/services/class/lab")
        terminal(f"byhand grade {UNIT} && nbgrader release_feedback {UNIT} && nbgrader export")


def read(browser, hub, who, points):
    with somebody(browser, hub, who) as page:
        expect(page.locator(".jp-NotebookPanel").first).to_be_visible()
        open_list(page, hub, who)
        listed(page, "submitted").get_by_role("button", name="Fetch Feedback").first.click()
        listed(page, "submitted").get_by_text("view feedback").first.click()
        page.locator(".jp-DirListing-item", has_text="exercises.html").dblclick()
        shown = page.frame_locator(".jp-HTMLViewer iframe")
        expect(shown.locator("body")).to_contain_text(f"{points} / 4.0")
        expect(shown.locator("body")).to_contain_text("1.5 / 4.0")
        expect(shown.locator("body")).to_contain_text(f"{ESSAY} {who}")


def set_up_again(hub):
    """When people come: what is there stays, and homes that somebody has opened are closed."""
    hub.home("ada").chmod(0o755)
    done = subprocess.run([hub.folder / "set_up"], capture_output=True, text=True)
    assert done.returncode == 0 and "3 people, 0 of them new" in done.stdout, done.stdout + done.stderr
    assert hub.home("ada").stat().st_mode & 0o777 == 0o700
    assert (hub.home("class") / "course/classroom/gradebook.db").exists()


def hear_an_interrupt(hub):
    """An interrupt is how the hub asks a server to end, and it waits for half a minute where a server does not hear it."""
    servers = [p for p in psutil.process_iter(["username", "cmdline"]) if p.info["username"] in hub.names.values()]
    servers = [p for p in servers if any("jupyterhub-singleuser" in part for part in p.info["cmdline"] or ())]
    assert servers
    for server in servers:
        status = Path(f"/proc/{server.pid}/status").read_text()
        ignored = int(re.search(r"^SigIgn:\s*(\w+)", status, re.M)[1], 16)
        assert not ignored >> (signal.SIGINT - 1) & 1, server.info["cmdline"]

"""Grading on a cluster: a real scheduler and two workers, of which one is killed in the middle."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from classes import UNIT, clean_environment, fresh
from test_nbgrader import EXPECTED, scores
from waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("class")]


@pytest.fixture
def scheduler(tmp_path):
    """The address of a scheduler, and its two workers."""
    env = clean_environment(tmp_path) | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "10"}
    file = tmp_path / "scheduler.json"

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]], env=env, cwd=tmp_path
        )

    boss = start("dask_scheduler", "--port=0", "--no-dashboard", f"--scheduler-file={file}", "--host=127.0.0.1")
    until(lambda: file.exists() and file.read_text().endswith("}"), "the scheduler's file with its address")
    address = json.loads(file.read_text())["address"]
    workers = [start("dask_worker", address, "--nthreads=1", "--no-nanny", "--no-dashboard") for _ in range(2)]
    yield address, workers
    for process in [*workers, boss]:
        process.kill()
        process.wait()


def test_a_worker_that_is_killed_midway_costs_no_score(graded_class, tmp_path, scheduler):
    address, workers = scheduler
    root = fresh(tmp_path / "course", graded_class)
    grading = subprocess.Popen(
        [Path(sys.executable).parent / "byhand", "grade", UNIT, f"--scheduler={address}"],
        cwd=root, env=clean_environment(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    verdicts = root / "classroom/verdicts" / UNIT
    until(lambda: grading.poll() is not None or len(list(verdicts.glob("*.json"))) >= 4, "four verdicts")
    assert grading.poll() is None
    workers[0].kill()
    out, err = grading.communicate()
    assert grading.returncode == 0 and f"{len(EXPECTED)} graded" in out, err
    assert {s: {c: v for c, v in found.items() if c != "written"} for s, found in scores(root).items()} == EXPECTED

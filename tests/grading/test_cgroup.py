"""Control groups: which one can be divided, what is asked of the kernel for each submission, and, where one can be had, that it holds.

The hierarchy of most tests is a folder with files of the same names: what is written into them is what the kernel would get.
"""

import errno
import os
import subprocess
import sys

import pytest

from byhand.grading import cgroup
from byhand.grading.kernel import Ended, Server
from byhand.grading.limits import Limits
from byhand.grading.server import Request

MOUNTS = "25 1 0:22 / /proc rw - proc proc rw\n{}"


def process(folder, group, *mounts):
    folder.mkdir()
    (folder / "cgroup").write_text(f"4:memory:/old\n{group}\n")
    (folder / "mountinfo").write_text(MOUNTS.format("".join(f"{line}\n" for line in mounts)))
    return folder


@pytest.mark.parametrize(
    "group, mount, found",
    [
        ("0::/user.slice/run-1.scope", "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw", "/sys/fs/cgroup/user.slice/run-1.scope"),
        ("0::/", "30 25 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate", "/sys/fs/cgroup"),
        ("0::/pod/one", "30 25 0:26 /pod /sys/fs/cgroup rw - cgroup2 cgroup rw", "/sys/fs/cgroup/one"),
        ("0::/podium", "30 25 0:26 /pod /sys/fs/cgroup rw - cgroup2 cgroup rw", None),  # another one
        ("0::/a", r"30 25 0:26 / /mnt/my\040groups rw - cgroup2 cgroup rw", "/mnt/my groups/a"),
        ("0::/a", "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory", None),  # version 1
        ("1:name=systemd:/a", "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw", None),
    ],
)  # fmt: skip
def test_where_a_process_is(tmp_path, group, mount, found):
    where = cgroup.find(process(tmp_path / "1", group, mount))
    assert (where and str(where)) == found


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The group in which this process is, as a folder, with this process alone in it."""
    folder = tmp_path / "run-1.scope"
    folder.mkdir()
    (folder / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (folder / "cgroup.procs").write_text(f"{os.getppid()}\n")
    (folder / "cgroup.subtree_control").write_text("")
    monkeypatch.setattr(cgroup, "find", lambda proc: folder)
    return folder


def moving(monkeypatch, own):
    """A kernel's part: who is written into the procs of another group is no longer in this one."""
    plain = cgroup._numbers
    moved = own / cgroup.GRADER / "cgroup.procs"
    monkeypatch.setattr(
        cgroup, "_numbers", lambda path: set() if path == own / "cgroup.procs" and moved.exists() else plain(path)
    )


def test_a_group_of_the_graders_own_is_divided(own, monkeypatch):
    moving(monkeypatch, own)
    assert cgroup.take_over() == own
    assert (own / "grader/cgroup.procs").read_text() == str(os.getppid())
    assert (own / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    # where another parent of students' processes starts
    monkeypatch.setattr(cgroup, "find", lambda proc: own / "grader")
    (own / "cgroup.subtree_control").write_text("cpu memory pids\n")
    assert cgroup.take_over() == own


def test_a_group_without_what_is_needed_or_with_others_in_it_is_left_alone(own):
    (own / "cgroup.controllers").write_text("cpu pids\n")
    assert cgroup.take_over() is None
    (own / "cgroup.controllers").write_text("memory pids\n")
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    stranger.kill()
    stranger.wait()
    (own / "cgroup.procs").write_text(f"{os.getppid()}\n{stranger.pid}\n")
    assert cgroup.take_over() is None
    assert sorted(p.name for p in own.iterdir()) == ["cgroup.controllers", "cgroup.procs", "cgroup.subtree_control"]


def test_the_family_is_whoever_started_this_process_and_what_those_have_started():
    with subprocess.Popen(["sleep", "60"]) as child:
        family = set(cgroup.family())
        child.kill()
    assert {os.getppid(), os.getpid(), child.pid} <= family and 1 not in family - {os.getppid()}


def test_what_the_kernel_is_asked_for(tmp_path, monkeypatch):
    made = tmp_path / f"submission-{os.getpid()}"
    real = os.mkdir

    def mkdir(name, *args, **where):
        real(name, *args, **where)
        for file in ("memory.max", "memory.oom.group", "pids.max", "memory.swap.max", "cgroup.procs", "cgroup.kill"):
            (made / file).touch()
        (made / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n")

    monkeypatch.setattr(os, "mkdir", mkdir)
    group = cgroup.Group(tmp_path, memory=3 << 30, processes=64)
    files = {path.name: path.read_text() for path in made.iterdir() if path.name != "memory.events"}
    assert files == {
        "memory.max": str(3 << 30), "memory.oom.group": "1", "pids.max": "64", "memory.swap.max": "0",
        "cgroup.procs": "", "cgroup.kill": "",
    }  # fmt: skip
    group.enter()
    assert (made / "cgroup.procs").read_text() == "0"  # whoever writes it
    assert not group.ran_out_of_memory()
    (made / "memory.events").write_text("low 0\nmax 12\noom 1\noom_kill 3\n")
    assert group.ran_out_of_memory()
    group.close()
    assert (made / "cgroup.kill").read_text() == "1"


def test_a_group_goes_when_what_was_killed_in_it_has_gone(tmp_path, monkeypatch):
    """What `cgroup.kill` kills takes a moment to go, and until then the kernel says that the group is busy."""
    answers = [OSError(errno.EBUSY, "busy"), OSError(errno.EBUSY, "busy"), None]
    (tmp_path / f"submission-{os.getpid()}").mkdir()
    group = object.__new__(cgroup.Group)
    group._name, group._above = f"submission-{os.getpid()}", os.open(tmp_path, os.O_PATH)
    group._write = lambda name, value: None
    real = os.rmdir

    def rmdir(name, **where):
        if answer := answers.pop(0):
            raise answer
        real(name, **where)

    monkeypatch.setattr(os, "rmdir", rmdir)
    group.close()
    assert answers == [] and list(tmp_path.iterdir()) == []


# Memory that no look at processes shows: buffers of sockets, which nobody reads.
BUFFERS = """
import socket

pairs = []
for _ in range(150):
    pairs.append(socket.socketpair())
    pairs[-1][0].setblocking(False)
    try:
        while pairs[-1][0].send(bytes(65536)):
            pass
    except BlockingIOError:
        pass
print("filled")
"""


def test_where_there_are_groups_the_kernel_counts_what_nobody_sees():
    """In a process of its own, which alone is in its group where a test is started so: `systemd-run --scope -p Delegate=yes`,
    with `--user` where it is not root's."""
    server = Server(("numpy",))
    try:
        with server.start(Request({}, "unit", (), Limits())) as kernel:
            if "control group" not in kernel.layers:
                pytest.skip("there is no control group here that may be divided")
            [group] = cgroup.find(cgroup.PROC / "self").parent.glob(f"{cgroup.SUBMISSION}*")
            before = int((group / "memory.current").read_text())
            assert "filled" in "".join(m.get("text", "") for m in kernel.run(BUFFERS, 60))
            taken = int((group / "memory.current").read_text()) - before
            assert taken > 16 << 20
        # Less than that, said to the group alone: the keeper's eye goes by 2 GB, and does not see the buffers.
        with server.start(Request({}, "unit", (), Limits())) as kernel:
            [group] = cgroup.find(cgroup.PROC / "self").parent.glob(f"{cgroup.SUBMISSION}*")
            (group / "memory.max").write_text(str(int((group / "memory.current").read_text()) + taken // 2))
            with pytest.raises(Ended) as ended:
                list(kernel.run(BUFFERS, 60))
        assert ended.value.how["killed_for"] == "memory"
    finally:
        server.close()


def test_nothing_of_it_is_needed():
    """As on this machine, or one without any: the parent of students' processes starts, and says no control group."""
    code = "import os, sys; from byhand.grading import cgroup; cgroup.PROC = cgroup.Path('/nowhere'); print(cgroup.take_over())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "None\n", done.stderr

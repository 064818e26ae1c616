"""The layers of the sandbox, each by itself: what it lets through, what it holds back, and that it is there."""

import ctypes
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from byhand.grading import landlock, seccomp
from byhand.grading.kernel import Ended, Server
from byhand.grading.limits import Limits
from byhand.grading.server import Request

HEADERS = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h"}
SINCE = {"fchmodat2": 452}  # newer than some headers


@pytest.fixture(scope="module")
def server():
    made = Server(("numpy",))
    yield made
    made.close()


def said(server, source, seconds=60, **limits):
    with server.start(Request({}, "unit", (), Limits(**limits))) as kernel:
        messages = list(kernel.run(source, seconds))
    assert not [m for m in messages if m["kind"] == "error"], messages
    return "".join(m["text"] for m in messages if m["kind"] == "stream")


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_of_the_calls_are_the_kernels(machine):
    if not Path(HEADERS[machine]).exists():
        pytest.skip(f"the kernel's headers are not installed: {HEADERS[machine]}")
    text = Path(HEADERS[machine]).read_text()
    known = {name: int(n) for name, n in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", text, re.M)}
    known["newfstatat"] = known.get("newfstatat", known.get("fstatat"))
    assert seccomp.numbers(machine) == {name: (SINCE | known)[name] for name in seccomp.numbers(machine)}
    assert {"clone3", "unshare", "mount", "keyctl", "memfd_create", "ptrace"}.isdisjoint(seccomp.numbers(machine))


def verdict(program, machine, number, *arguments):
    """What the filter says of a call: a reading of classic BPF as the kernel has it."""
    seen = {seccomp.NUMBER: number, seccomp.ARCHITECTURE: machine} | dict(
        zip(seccomp.ARGUMENT, arguments, strict=False)
    )
    at, value = 0, 0
    while True:
        line = program[8 * at : 8 * at + 8]
        code, then, otherwise, operand = (
            int.from_bytes(line[a:b], "little") for a, b in ((0, 2), (2, 3), (3, 4), (4, 8))
        )
        at += 1
        if code == seccomp.RETURN:
            return operand
        if code == seccomp.LOAD:
            value = seen.get(operand, 0)
            continue
        met = {seccomp.EQUAL: value == operand, seccomp.AT_LEAST: value >= operand, seccomp.ANY_OF: value & operand}[
            code
        ]
        at += then if met else otherwise


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_allows_what_it_lists_and_nothing_else(machine):
    """Every number that there can be, through the program itself."""
    program, (_, name), numbers = seccomp.program(machine), seccomp.MACHINES[machine], seccomp.numbers(machine)
    looked_at = {"clone", "prctl", "socket", "socketpair"}
    allowed = {n for call, n in numbers.items() if call not in looked_at}
    special = {numbers[call] for call in looked_at}
    for number in {*range(1200), 2**30, 2**30 + 1, 2**31, 2**32 - 1} - special:
        expected = seccomp.ALLOW if number in allowed else seccomp.REFUSE | errno.ENOSYS
        assert verdict(program, name, number) == expected, number
    assert verdict(program, 0x40000003, numbers["read"]) == seccomp.KILL  # 32-bit

    def right(call, *arguments):
        return verdict(program, name, numbers[call], *arguments) == seccomp.ALLOW

    assert right("clone", 0x3D0F00) and right("clone", 17)  # a thread, a process
    assert not any(right("clone", 17 | 1 << bit) for bit in (17, *range(25, 31)))
    assert right("socketpair", 1) and not right("socketpair", 2)
    made = {(f, p) for f in range(60) for p in range(300) if right("socket", f, 1, p)}
    assert made == {(1, p) for p in range(300)} | {(f, p) for f in (2, 10) for p in (0, 6, 17)}
    assert {n for n in range(100) if right("prctl", n)} == {n for n in seccomp.PRCTL if n < 100}


def test_what_honest_students_use_works(server):
    text = said(server, """
import asyncio, concurrent.futures, multiprocessing, os, shutil, signal, subprocess, sys, tempfile, threading, time
from multiprocessing import shared_memory

with multiprocessing.Pool(2) as pool:
    print("pool", pool.map(abs, [-1, 2]))
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    print("threads", list(pool.map(abs, [-1, 2])))
queue = multiprocessing.Queue()
child = multiprocessing.Process(target=queue.put, args=(3,))
child.start()
print("queue", queue.get())
child.join()
memory = shared_memory.SharedMemory(create=True, size=8)
memory.buf[0] = 1
memory.close()
memory.unlink()
code = "import matplotlib.pyplot as p; p.plot([1, 2]); p.savefig('a.png'); import numpy; print(numpy.linalg.inv([[2.0]])[0])"
print("python", subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
print("shell", subprocess.run("echo a | tr a b; ls", shell=True, capture_output=True, text=True).stdout.split())
folder = tempfile.mkdtemp()
open(f"{folder}/one", "w").write("1")
os.makedirs("a/b")
shutil.copy2(shutil.move(f"{folder}/one", "two"), "a/three")
os.rename("a/three", "a/b/four")
shutil.copytree("a", "c")
shutil.rmtree("c")
print(1, file=open("/dev/null", "w"))
signal.signal(signal.SIGALRM, lambda *a: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(0.1)
print("async", asyncio.run(asyncio.sleep(0, 4)))
""")  # fmt: skip
    assert "pool [1, 2]" in text and "threads [1, 2]" in text and "queue 3" in text and "python [0.5]" in text
    assert "shell ['b', 'a.png']" in text and "alarm" in text and "async 4" in text


def test_packages_are_found_wherever_they_are_installed_and_nobodys_project_is(tmp_path, monkeypatch):
    """As in a user's own folder, or where a .pth file leads to."""
    for folder, installed in (("site", True), ("project", False)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"in_{folder}.py").write_text("here = True")
        if installed:
            (tmp_path / folder / "in_site-1.dist-info").mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/site:{tmp_path}/project")
    made = Server()
    try:
        look = "import in_site\n\ntry:\n    import in_project\nexcept ModuleNotFoundError:\n    print(in_site.here)"
        assert said(made, look) == "True\n"
    finally:
        made.close()


def test_inside_there_are_no_rights_and_the_filter_holds_for_what_is_started_too(server):
    status = said(
        server,
        "import subprocess\nprint(subprocess.run(['cat', '/proc/self/status'], capture_output=True, text=True).stdout)",
    )
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert {fields[f"Cap{kind}"].strip() for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert fields["NoNewPrivs"].strip() == "1" and fields["Seccomp"].strip() == "2"


def test_the_layers_are_told(server):
    with server.start(Request({}, "unit", (), Limits())) as kernel:
        expected = {"namespaces", "no privileges", "filter of calls"}
        assert expected <= set(kernel.layers)
        assert (f"Landlock {landlock.version()}" in kernel.layers) == bool(landlock.version())


def test_landlock_alone_allows_what_is_writable_and_nothing_else(tmp_path):
    """In a process without any other layer, so that nothing else can have refused."""
    if not landlock.version():
        pytest.skip("this kernel has no Landlock, or an old one")
    code = f"""
import ctypes, os
from byhand.grading import landlock
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
assert landlock.apply([{str(tmp_path)!r}], ["/dev/null"])
open({str(tmp_path / "in")!r}, "w").write("x")
open("/dev/null", "w").write("x")
print(open("/proc/self/status").read()[:4])
for path in ({str(tmp_path.parent / "out")!r}, "/proc/self/oom_score_adj", "/dev/full"):
    try:
        open(path, "w")
    except PermissionError:
        print("refused")
try:
    os.kill(os.getppid(), 0)
except PermissionError:
    print("no signal")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split("\n")[:4] == ["Name", "refused", "refused", "refused"], done.stderr
    assert ("no signal" in done.stdout) == (landlock.version() >= landlock.SCOPES_FROM)


def test_many_processes_weigh_as_much_as_one_and_a_few_as_they_are(server):
    """Whoever burns time in forty processes takes none of it from a neighbour's."""
    crowd = """
import os, time

usual = os.getpriority(os.PRIO_PROCESS, 0)
for _ in range({count}):
    if os.fork() == 0:
        time.sleep(60)
end = time.monotonic() + {wait}
while os.getpriority(os.PRIO_PROCESS, 0) < min(19, usual + 17) and time.monotonic() < end:
    time.sleep(0.1)
print("nicer by", os.getpriority(os.PRIO_PROCESS, 0) - usual)
"""
    most = 19 - os.getpriority(os.PRIO_PROCESS, 0)  # where these tests are nice themselves
    assert said(server, crowd.format(count=40, wait=30)) == f"nicer by {min(17, most)}\n"  # 1.25 ** 17 = 44
    assert said(server, crowd.format(count=4, wait=1)) == "nicer by 0\n"


def test_memory_of_processes_that_a_thread_has_started_counts(server):
    hoard = """
import os, threading, time

def start():
    for _ in range(4):
        if os.fork() == 0:
            hoard = bytearray(b"x") * (256 << 20)
            time.sleep(60)

thread = threading.Thread(target=start)
thread.start()
thread.join()
time.sleep(60)
"""
    with server.start(Request({}, "unit", (), Limits(memory=640 << 20))) as kernel, pytest.raises(Ended) as ended:
        list(kernel.run(hoard, 60))
    assert ended.value.how["killed_for"] == "memory"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the right away")
def test_where_the_filter_cannot_be_had_nothing_starts():
    """As on a machine for which there is no list of calls."""
    code = """
from byhand.grading import kernel, sandbox, seccomp, server, student, work
seccomp.MACHINES.clear()
"""
    broken = [sys.executable, "-c", code + "import sys; server.main(int(sys.argv[1]), [])"]
    import socket

    control, other = socket.socketpair()
    process = subprocess.Popen([*broken, str(other.fileno())], pass_fds=[other.fileno()])
    other.close()
    its = Server.__new__(Server)
    its._control, its._process, its._lock, its._imports = control, process, __import__("threading").Lock(), ()
    with pytest.raises(Ended, match="no list of calls"):
        its.start(Request({}, "unit", (), Limits()))
    its.close()
    assert ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 0  # and none holds here

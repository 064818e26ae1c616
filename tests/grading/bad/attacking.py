"""Attacks on the machine, the class and its secrets. Each tells how one sees from outside that it succeeded."""

from __future__ import annotations

import os

from bad import NONE, SECRET, Scene, bad


def carried_out(scene: Scene) -> bool:
    return SECRET in scene.text()


def reading(path: str) -> str:
    return f"try:\n    print(open({path!r}, errors='replace').read())\nexcept OSError as error:\n    print(error)"


@bad("reads the class's seed", succeeded=carried_out)
def reads_the_seed(desk):
    return desk.solved(reading(f"{desk.root}/classroom/seed"))


@bad("reads another student's notebook", succeeded=carried_out)
def reads_a_neighbour(desk):
    return desk.solved(reading(f"{desk.root}/classroom/submitted/honest/05-simple-rnn/notes.txt"))


@bad("reads another student's notebook by ../", succeeded=carried_out)
def reads_upwards(desk):
    return desk.solved("""
import pathlib

here = pathlib.Path.cwd()
for above in here.parents:
    for path in above.glob("*/*/05-simple-rnn/notes.txt"):
        print(path.read_text())
""")


@bad("reads the model solution", succeeded=lambda scene: "model-solution-of-unit-05" in scene.text())
def reads_the_solution(desk):
    cell = reading(f"{desk.root}/solutions/05-simple-rnn/exercises.md")
    cell = cell.replace(".read()", '.read().replace("log_p = shifted", "model-solution-of-unit-" + "05")')
    return desk.solved(cell)


@bad("reads the gradebook", succeeded=lambda scene: "gradebook-has-40" in scene.text())
def reads_the_gradebook(desk):
    path = f"{desk.root}/classroom/gradebook.db"
    return desk.solved(f"print('gradebook-has-' + str(len(open({path!r}, 'rb').read(40))))")


@bad("prints the grader's environment", succeeded=carried_out)
def reads_the_environment(desk):
    return desk.solved("import os\n\nprint(dict(os.environ))")


@bad("reads other processes' environment", succeeded=carried_out)
def reads_processes(desk):
    return desk.solved("""
import glob

for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        found = [line for line in open(path, errors="replace").read().split("\\0") if "SECRET" in line]
    except OSError:
        continue
    print(*found)
""")


@bad("reads through a link that lies beside the notebook", succeeded=carried_out)
def link_beside(desk):
    os.symlink("../../../seed", desk.folder / "notes.txt")
    return desk.solved(reading("notes.txt"))


def writes(name: str, does: str, path: str):
    """An attack that writes `path`, relative to the course's root."""

    def succeeded(scene: Scene) -> bool:
        target = scene.root / path
        return target.exists() and b"written by a student" in target.read_bytes()

    @bad(does, succeeded=succeeded, student=name)
    def make(desk):
        return desk.solved(f'with open("{desk.root}/{path}", "ab") as file:\n    file.write(b"written by a student")')


writes("writes-the-seed", "changes the class's seed", "classroom/seed")
writes(
    "writes-a-neighbour", "changes another student's submission", "classroom/submitted/honest/05-simple-rnn/notes.txt"
)
writes("writes-the-course", "changes the course's checks", "course/05-simple-rnn/checks.py")
writes("writes-a-verdict", "writes itself a verdict", "classroom/verdicts-of-a-student.json")


@bad("gives itself marks in the gradebook", succeeded=lambda scene: _in_gradebook(scene, "forged"))
def writes_the_gradebook(desk):
    return desk.solved(f"""
import sqlite3

book = sqlite3.connect("{desk.root}/classroom/gradebook.db")
book.execute("insert into student (id, first_name) values ('forged', 'forged')")
book.commit()
""")


def _in_gradebook(scene: Scene, student: str) -> bool:
    import sqlite3

    book = sqlite3.connect(scene.root / "classroom" / "gradebook.db")
    return bool(book.execute("select 1 from student where id = ?", (student,)).fetchall())


@bad("writes by a shell magic", succeeded=lambda scene: (scene.root / "classroom/magic").exists())
def shell_magic(desk):
    return desk.solved(f"!touch {desk.root}/classroom/magic")


@bad("installs a package with pip", succeeded=lambda scene: (scene.root / "classroom/installed/planted.py").exists())
def pip_install(desk):
    return desk.solved(f"""
import pathlib, zipfile

with zipfile.ZipFile("planted-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("planted.py", "")
    wheel.writestr("planted-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: planted\\nVersion: 1\\n")
    wheel.writestr("planted-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("planted-1.dist-info/RECORD", "")
import subprocess, sys

where = ["--target", "{desk.root}/classroom/installed", "planted-1-py3-none-any.whl"]
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", *where])
""")


@bad("talks to the network", succeeded=lambda scene: scene.connections > 0)
def network(desk):
    return desk.solved(
        f"import socket\n\nsocket.create_connection(('127.0.0.1', {desk.port}), timeout=2).sendall(b'hello')"
    )


@bad("reaches the process that started it, to kill it", succeeded=lambda scene: "in reach" in scene.text())
def parent_in_reach(desk):
    return desk.solved("""
import os

if os.getppid() > 1:
    os.kill(os.getppid(), 0)  # no signal, only whether it could
    print("in", "reach")
""")


@bad("prints the environment that its process began with", succeeded=carried_out)
def reads_the_first_environment(desk):
    return desk.solved("""
import ctypes

ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # may be looked into
print(open("/proc/self/environ", errors="replace").read())
""")


def reaches(name: str, does: str, *tries: str, before: str = "") -> None:
    """An attack on the kernel: each try is an expression that is true where it has reached what it wants."""

    @bad(does, succeeded=lambda scene: "in reach: " in scene.text(), student=name)
    def make(desk):
        return desk.solved(f"""
import ctypes, os, socket, struct

libc = ctypes.CDLL(None, use_errno=True)
call = libc.syscall
{before}
for number, attempt in enumerate({tries!r}):
    try:
        if eval(attempt):
            print("in", "reach:", number)
    except OSError as error:
        print(error)
""")


# The numbers of the calls are those of x86_64. Each asks for what the kernel has, and leaves nothing behind.
reaches(
    "reaches-for-the-kernel", "asks for io_uring, userfaultfd, bpf, perf",
    "call(425, 1, ctypes.create_string_buffer(120)) >= 0", "call(323, 1) >= 0",
    "call(321, 0, struct.pack('4I112x', 2, 4, 4, 1), 128) >= 0",
    "call(298, struct.pack('2I104x', 1, 112), 0, -1, -1, 0) >= 0",
)  # fmt: skip
reaches(
    "reaches-for-keys", "adds a key to a keyring and looks for others",
    "call(248, b'user', b'byhand', b'planted', 7, -3) >= 0", "call(250, 6, -3, 0, 0, 0) >= 0",
)  # fmt: skip
reaches(
    "reaches-past-the-network", "makes sockets that no network namespace holds, or that talk to the kernel",
    "socket.socket(40, socket.SOCK_STREAM)", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)",
)  # fmt: skip
# In a child, so that nothing of it stays.
IN_A_CHILD = """
def in_a_child(*flags):
    child = os.fork()
    if child == 0:
        os._exit(0 if all(call(272, flag) == 0 for flag in flags) else 1)
    return os.waitpid(child, 0)[1] == 0
"""
reaches(
    "makes-a-namespace", "makes a user namespace of its own, with all rights in it, and mounts in that",
    "in_a_child(0x10000000)", "in_a_child(0x10000000, 0x20000)", before=IN_A_CHILD,
)  # fmt: skip
reaches(
    "reads-other-memory", "traces, and copies from, another process",
    "call(101, 0x4206, os.getppid() or 1, 0, 0) == 0",
    "call(310, os.getpid(), None, 0, None, 0, 0) == 0",
)  # fmt: skip


@bad("takes back that it dies with its keeper", succeeded=lambda scene: "will live on" in scene.text())
def outlives_its_keeper(desk):
    return desk.solved("""
import ctypes

if ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0:
    print("will live", "on")
""")


# Where it is read by the grader, an object that runs a command when it is unpickled.
PICKLE = """
class Bomb:
    def __reduce__(self):
        return (exec, ("open({path!r}, 'w').close()",))

return {returned}
"""


@bad("returns an object that runs a command when it is unpickled", earns=dict(rnn_forward=0, truncated_bptt=0),
     succeeded=lambda scene: (scene.root / "classroom/unpickled").exists())  # fmt: skip
def malicious_pickle(desk):
    return desk.solved(
        rnn_forward=PICKLE.format(path=f"{desk.root}/classroom/unpickled", returned="Bomb(), Bomb()").strip()
    )


@bad("returns an array of such objects", earns=dict(rnn_forward=0, truncated_bptt=0),
     succeeded=lambda scene: (scene.root / "classroom/unpickled-array").exists())  # fmt: skip
def malicious_object_array(desk):
    returned = "np.array([Bomb()]), np.array([Bomb()])"
    return desk.solved(
        rnn_forward=PICKLE.format(path=f"{desk.root}/classroom/unpickled-array", returned=returned).strip()
    )


HOSTILE_IDS = {
    "=1+1": "a spreadsheet formula as student id",
    "<img src=x onerror=alert(1)>": "HTML as student id",
    "new\nline": "a line break in the student id",
    "-rf": "a student id that looks like an option",
}
for _id, _does in HOSTILE_IDS.items():
    bad(_does, "refused", NONE, student=_id)(lambda desk: desk.solved())


@bad("a script and ANSI codes in an output and in the written answer")
def script_in_output(desk):
    notebook = desk.solved("""
from IPython.display import HTML, Javascript, display

display(HTML("<script>alert('from a submission')</script><img src=x onerror=alert('again')>"), Javascript("alert('js')"))
print("\\x1b]0;title\\x07\\x1b[31mred\\x1b[2J")
print('=HYPERLINK("http://example.org")')
""")
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "written":
            cell.source = "<script>alert('from the essay')</script> A word."
    return notebook

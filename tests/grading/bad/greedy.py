"""Too much of something: time, memory, processes, threads, disk, output; and kernels that end themselves.

The dangerous ones carry a limit of their own, so that a machine without a sandbox survives them.
"""

import os

import psutil
from nbformat.v4 import new_code_cell

from bad import ALL, NO_STEP, bad, find


@bad("an infinite loop", "timed out")
def infinite_loop(desk):
    return desk.solved("while True:\n    pass")


@bad("an infinite loop that swallows every exception", "timed out")
def swallows_everything(desk):
    return desk.solved("""
import time

while True:
    try:
        time.sleep(1)
    except BaseException:
        pass
""")


@bad("hangs in C code that never looks for an interrupt", "timed out")
def hangs_in_c(desk):
    return desk.solved("import itertools\n\nsum(itertools.repeat(1))")


@bad("an infinite loop inside an answer", "timed out", dict(rnn_forward=0, truncated_bptt=0))
def answer_hangs(desk):
    return desk.solved(rnn_forward="while True:\n    pass")


@bad(
    "an infinite loop inside an answer, which swallows every exception",
    "timed out",
    dict(rnn_forward=0, truncated_bptt=0),
)
def answer_swallows_everything(desk):
    return desk.solved(
        rnn_forward="while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    )


@bad("ends Python with one kind of problem alone", "died", dict(rnn_forward=0, truncated_bptt=0))
def answer_ends_on_one_kind(desk):
    ends = "if x.shape[1] == 1:\n    import os\n\n    os._exit(1)\n"
    return desk.solved(rnn_forward=ends + desk.sheet.solution["rnn_forward"])


@bad("many cells, each just within the time limit", "timed out")
def just_in_time(desk):
    notebook = desk.solved()
    for _ in range(8):
        desk._with(notebook, f"import time\n\ntime.sleep({0.8 * desk.timeout})", "cross_entropy-check")
    return notebook


@bad("asks for 3 GB of memory", "out of memory", ALL, lambda scene: "has 3 GB" in scene.text())
def memory_bomb(desk):
    return desk.solved("""
import numpy as np

hoard = [np.empty(2**25) for _ in range(12)]  # 256 MB each, and no more
print("has", len(hoard) // 4, "GB")
del hoard
""")


@bad("asks for 3 GB of memory inside an answer", "out of memory", dict(rnn_forward=0, truncated_bptt=0))
def answer_memory_bomb(desk):
    return desk.solved(rnn_forward="hoard = [np.empty(2**25) for _ in range(12)]\nraise ValueError(len(hoard))")


@bad("hides 3 GB of memory in files that have no name", "graded", ALL, lambda scene: "has 3 GB" in scene.text())
def memory_in_files(desk):
    return desk.solved("""
import os

files = []
for number in range(12):  # 256 MB each, and no more
    files.append(os.memfd_create(str(number)))
    os.posix_fallocate(files[-1], 0, 2**28)
print("has", len(files) // 4, "GB")
for file in files:
    os.close(file)
""")


@bad("hides 2.4 GB of memory in processes that a thread has started", "out of memory", ALL,
     lambda scene: "has 3 processes" in scene.text())  # fmt: skip
def memory_in_processes_of_a_thread(desk):
    return desk.solved("""
import os, signal, threading, time

import numpy as np

children, line = [], os.pipe()

def start():
    for _ in range(3):
        children.append(os.fork())
        if children[-1] == 0:
            hoard = np.ones(100 << 20)  # 800 MB, and no more
            os.write(line[1], b"x")
            time.sleep(30)
            os._exit(0)
    for _ in children:
        os.read(line[0], 1)
    time.sleep(1)
    print("has", len(children), "processes")

try:
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
""")


@bad("hides 1 GB in the tables of pages that hold nothing", "graded", ALL, lambda scene: "has 1 GB" in scene.text())
def memory_in_tables(desk):
    return desk.solved("""
import mmap

wide = mmap.mmap(-1, 1 << 39, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)  # 4 kB for each 2 MB
for at in range(0, 1 << 39, 1 << 21):
    wide[at]
print("has", (1 << 39 >> 21 << 12) >> 30, "GB")
wide.close()
""")


@bad("forks 100 processes", "graded", ALL, lambda scene: "has 100 processes" in scene.text())
def fork_bomb(desk):
    return desk.solved("""
import os, signal, time

children = []
try:
    for _ in range(100):  # and no more
        child = os.fork()
        if child == 0:
            time.sleep(20)
            os._exit(0)
        children.append(child)
finally:
    print("has", len(children), "processes")
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
""")


@bad("starts 2000 threads", "graded", ALL, lambda scene: "has 2000 threads" in scene.text())
def thread_bomb(desk):
    return desk.solved("""
import threading

stop, threads = threading.Event(), []
threading.stack_size(65536)
try:
    for _ in range(2000):  # and no more
        threads.append(threading.Thread(target=stop.wait, daemon=True))
        threads[-1].start()
except BaseException:
    threads.pop()
    raise
finally:
    stop.set()
    print("has", len(threads), "threads")
""")


@bad("takes 384 MB of the disk", "graded", ALL, lambda scene: "has 384 MB" in scene.text())
def disk_fill(desk):
    return desk.solved("""
import os

written, names = 0, [f"{folder}/hoard-{number}" for folder in (".", "/tmp") for number in range(3)]
try:
    for name in names:  # 64 MB each, and no more
        with open(name, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2**26)
        written += 2**26
finally:
    print("has", written >> 20, "MB")
    for name in names:
        if os.path.exists(name):
            os.remove(name)
""")


@bad("prints for ever", "timed out")
def endless_output(desk):
    return desk.solved('while True:\n    print("what is going on in here? " * 100)')


@bad("prints 20 MB")
def much_output(desk):
    return desk.solved('for _ in range(20_000):\n    print("x" * 1000)')


@bad("ends its kernel with os._exit", "died")
def os_exit(desk):
    return desk.solved("import os\n\nos._exit(0)")


@bad("ends its kernel inside an answer", "died", dict(rnn_forward=0, truncated_bptt=0))
def answer_exits(desk):
    return desk.solved(rnn_forward="import os\n\nos._exit(0)")


@bad("calls sys.exit", "graded")
def sys_exit(desk):
    return desk.solved("import sys\n\nsys.exit(1)")


@bad("a segmentation fault", "died")
def segmentation_fault(desk):
    return desk.solved("import ctypes\n\nctypes.string_at(0)")


@bad("kills its process group", "graded")
def kills_all_it_can(desk):
    return desk.solved("import os, signal\n\nos.killpg(0, signal.SIGKILL)")


def _left_behind(scene):
    """Whether the daemon is still there; from now on it is not."""
    mark = f"left behind by {scene.root}"
    daemons = [p for p in psutil.process_iter(["cmdline"]) if mark in " ".join(p.info["cmdline"] or ())]
    for daemon in daemons:
        daemon.kill()
    return bool(daemons)


@bad("leaves a daemon behind", "graded", ALL, _left_behind)
def daemon(desk):
    return desk.solved(f"""
import subprocess, sys

code = "import time; time.sleep(1200)  # left behind by {desk.root}"  # the test ends it before
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
""")


@bad("a background thread that prints while everything else runs", "graded")
def printing_thread(desk):
    return desk.solved("""
import threading, time

def chatter():
    while True:
        print("chatter")
        time.sleep(0.01)

threading.Thread(target=chatter, daemon=True).start()
""")


@bad("stops itself with SIGSTOP", "graded")
def stops_itself(desk):
    return desk.solved("import os, signal\n\nos.kill(os.getpid(), signal.SIGSTOP)")


@bad("closes every open file of its kernel", "died")
def closes_all_files(desk):
    return desk.solved("import os\n\nos.closerange(3, 1000)")


@bad("returns an array of 200 MB", "graded", dict(rnn_forward=0, truncated_bptt=0))
def large_array(desk):
    return desk.solved(rnn_forward="return np.zeros(25 * 10**6), np.zeros(3)")


@bad("an exception with a message of 50 MB", "graded")
def long_exception(desk):
    return desk.solved('raise ValueError("x" * 50_000_000)')


@bad("shows a picture of 30 MB", "graded")
def large_picture(desk):
    return desk.solved("""
from IPython.display import Image, display

display(Image(data=b"\\x89PNG\\r\\n\\x1a\\n" + bytes(30_000_000), format="png"))
""")


@bad("a thousand cells", "graded")
def many_cells(desk):
    notebook = desk.solved()
    place = notebook.cells.index(find(notebook, "cross_entropy-check")) + 1
    notebook.cells[place:place] = [new_code_cell(f"{number}") for number in range(1000)]
    return notebook


@bad("three hundred folders in each other", "graded")
def deep_folders(desk):
    return desk.solved("""
import os

for _ in range(300):
    os.mkdir("deeper")
    os.chdir("deeper")
""")


# What would be left behind, or never end, outside of the student's process -------------------------------------------

ESSAYS = {
    "brackets": "[" * 100_000,
    "pictures": "![" * 50_000,
    "mathematics": "\\begin{align}" * 8_000,
    "dollars": "$" * 99_999,
    "backticks": "".join("`" * n + " " for n in range(400)),
    "stars": "*a **b " * 15_000,
    "quotes": "> " * 40_000,
    "lists": "".join("  " * n + "- x\n" for n in range(300)),
    "links": "[a](" * 30_000,
    "table": "|" * 5_000 + "\n" + "|-" * 5_000 + "\n" + "|x" * 5_000,
    "headings": "# x\n" * 30_000,
    "a megabyte": "word " * 200_000,
}
for _name, _text in ESSAYS.items():
    bad(f"an essay of {_name} without end", student=f"essay-of-{_name.replace(' ', '-')}")(
        lambda desk, text=_text: desk.solved(written=text)
    )

FLOODS = {
    "empty prints on both streams": "import sys\n\nfor _ in range(20_000):\n    print()\n    print(file=sys.stderr)",
    "tracebacks": "for _ in range(300):\n    get_ipython().showtraceback((ValueError, ValueError('x' * 20_000), None))",
    "checks that check nothing": "check = __import__('byhand').check\nfor _ in range(300):\n    check('sample', lambda *a: None)",
    "pictures": "import os\nfrom IPython.display import Image, display\n\nfor _ in range(12):\n"
    "    display(Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + os.urandom(200_000)))",
    "results": "from IPython.display import display\n\nfor _ in range(3000):\n    display('x' * 1000)",
}  # fmt: skip
for _name, _code in FLOODS.items():
    bad(f"a flood of {_name}", "graded", student=f"flood-of-{_name.replace(' ', '-')}")(
        lambda desk, code=_code: desk.solved(code)
    )


@bad("60 cells, each with an error as long as it may be")
def errors_in_cells(desk):
    notebook = desk.solved()
    notebook.cells += [new_code_cell(f"raise ValueError({number} * 'long ' * 5000)") for number in range(60)]
    return notebook


@bad("a message of 27,000 letters, many times over", earns=NO_STEP)
def long_messages(desk):
    return desk.solved(rnn_step="raise type('E' * 27_000, (Exception,), {})('message ' * 30_000)")


@bad("an argument with a name of a million letters", earns=NO_STEP)
def long_names(desk):
    return desk.solved(
        after="setup",
        cell="import byhand.checking.collect as c",
        rnn_step="import sys\ncollect = sys.modules['byhand.checking.collect']\n"
        "collect.Outcome.mutated = ('x' * 1_000_000,) * 50\nreturn {'y' * 1_000_000: 1}",
    )


@bad("a notebook of 15 MB of code", "graded")
def much_code(desk):
    notebook = desk.solved()
    notebook.cells += [new_code_cell("# " + "x" * 1_500_000) for _ in range(10)]
    return notebook


@bad("never reads what the grader says", "timed out")
def never_reads(desk):
    return desk.solved("""
from byhand.grading.student.channel import CHANNEL

while True:
    CHANNEL.send(kind="check", name="truncated_bptt", graded=False, uses=[], ask=1)
""")


@bad("is interrupted in the middle of its checks", "timed out")
def interrupted_checks(desk):
    return desk.solved("while True:\n    check('sample', lambda *a: None)")


# What takes the grader long to take apart. Where a message is forged, the honest work in the cell is lost. ----------

FORGED = """
from byhand.grading.student.channel import CHANNEL


def rnn_step(x, h_prev, U, W, b):
    CHANNEL.send(kind="outcome", number=0, outcome=dict(returned={returned}, failure=None, warned=[]), after={{}})
    return np.tanh(b + h_prev @ W.T + x @ U.T)
"""
SLOW_TO_READ = {
    "a-dict-whose-keys-collide": "{'dict': [[k * (2**61 - 1), 0] for k in range(100_000)]}",
    "a-number-with-a-million-parts": "{'array': ['f,' * 1_000_000 + 'f', [1], '']}",
}
for _name, _returned in SLOW_TO_READ.items():

    def _forged(desk, returned=_returned):
        notebook = desk.solved()
        find(notebook, "rnn_step").source = FORGED.format(returned=returned)
        return notebook

    bad(f"sends {_name.replace('-', ' ')}", "died", NO_STEP, student=f"sends-{_name}")(_forged)


@bad("an answer that is a list of a long text and many short ones", earns=NO_STEP)
def list_of_texts(desk):
    return desk.solved(rnn_step="return ['x' * 2000] + ['a'] * 19_999")


@bad("a thousand files in a folder two thousand levels deep")
def folders_without_end(desk):
    here = os.open(desk.folder, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("a", dir_fd=here)
        inner = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    for number in range(1000):
        os.close(os.open(f"f{number}", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    return desk.solved()

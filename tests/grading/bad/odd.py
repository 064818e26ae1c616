"""Right, or harmless, in a way that a grader might trip over."""

import base64
import re

from classes import ROOT, UNIT
from nbformat.v4 import new_code_cell

from bad import NO_STEP, NONE, bad, find
from byhand.checking.exercise import load_checks, make_problems

CHECKS = load_checks(ROOT / "course" / UNIT)
CALLERS = ("rnn_forward", "truncated_bptt")  # the exercises whose checks call rnn_forward


@bad("warnings and prints on stderr")
def writes_to_stderr(desk):
    return desk.solved("""
import logging, sys, warnings

print("one more step", file=sys.stderr)
logging.warning("careful")
warnings.warn("a warning of my own")
""", rnn_step="import sys\n\nprint('step', file=sys.stderr)\nreturn np.tanh(b + h_prev @ W.T + x @ U.T)")  # fmt: skip


@bad("asks for input")
def asks_for_input(desk):
    return desk.solved('name = input("Your name? ")')


@bad("imports torch without using it")
def imports_torch(desk):
    return desk.solved("import torch")


@bad("imports torch in the first line of each answer, and speaks of it")
def imports_torch_in_answers(desk):
    notebook = desk.solved()
    lines = [
        "import torch", "import torch.nn.functional as F", "from torch import nn, Tensor\nfrom torch.optim import *",
        "import torch\n\nDTYPE = torch.float64\n\nclass Net(torch.nn.Module):\n    pass\n",
        "import torch\n\ndef is_tensor(x):\n    return isinstance(x, torch.Tensor)\n",
    ]  # fmt: skip
    for number, name in enumerate(desk.sheet.solution):
        cell = find(notebook, name)
        cell.source = f"{lines[number % len(lines)]}\n{cell.source}"
    return notebook


@bad("plots")
def plots(desk):
    return desk.solved("import matplotlib.pyplot as plt\n\nplt.plot([1, 2, 3])\nplt.show()")


@bad("right answers in single precision")
def single_precision(desk):
    single = desk.sheet.solution["rnn_backward"].replace(
        'return {"dU": dU, "dW": dW, "dV": dV, "db": db, "dc": dc, "dh0": dh_next}',
        'return {"dU": np.float32(dU), "dW": np.float32(dW), "dV": np.float32(dV), "db": np.float32(db), '
        '"dc": np.float32(dc), "dh0": np.float32(dh_next)}',
    )
    return desk.solved(rnn_backward=single)


@bad("right answers in Fortran order")
def fortran_order(desk):
    fortran = desk.sheet.solution["rnn_forward"].replace(
        "return h, o", "return np.asfortranarray(h), np.asfortranarray(o)"
    )
    return desk.solved(rnn_forward=fortran)


@bad("right answers as views with negative strides, read-only")
def views(desk):
    view = (
        "h, o = np.flip(np.flip(h, 0).copy(), 0), o[:, ::1]\nh.flags.writeable = o.flags.writeable = False\nreturn h, o"
    )
    return desk.solved(rnn_forward=desk.sheet.solution["rnn_forward"].replace("return h, o", view))


@bad("right answers in another style")
def other_style(desk):
    styles = {name: variants[0].region for name, variants in desk.sheet.right.items() if variants}
    styles["rnn_step"] = desk.sheet.right["rnn_step"][0].region
    return desk.solved(**styles)


@bad("overwrites its arguments", earns=dict(rnn_forward=2 / 3, truncated_bptt=5 / 7))
def mutates_arguments(desk):
    return desk.solved(
        rnn_forward="""
h = np.empty((len(x), *h0.shape))
for t in range(len(x)):
    h0[:] = rnn_step(x[t], h0, U, W, b)
    h[t] = h0
return h, h @ V.T + c
""".strip()
    )


@bad("changes the folder it runs in, and deletes what lies there")
def leaves_its_folder(desk):
    return desk.solved("""
import os

for name in os.listdir():
    try:
        os.remove(name)
    except OSError:
        pass
os.chdir("/")
""")


@bad("stops the clock")
def stops_the_clock(desk):
    return desk.solved("import time\n\ntime.time = time.monotonic = time.perf_counter = lambda: 0.0")


@bad("prints what is no Unicode, and names in many scripts")
def surrogates(desk):
    return desk.solved('print("\\ud800 \\x00 Ωμέγα 学生 \\u202eright to left")')


# what every student may see
PUBLIC = {float(p.args["c"][0]) for name in CALLERS for p in make_problems(name, CHECKS[name])}


def problems_told(scene):
    """A number of each problem that was printed."""
    return {float(text) for text in re.findall(r"given c = ([-+.e\d]+)", scene.text())}


@bad(
    "prints the problems that it is given, those of the graded check too",
    succeeded=lambda scene: not problems_told(scene) <= PUBLIC,
)
def prints_the_problems(desk):
    return desk.solved(rnn_forward="print('given c =', float(c[0]))\n" + desk.sheet.solution["rnn_forward"])


@bad("quotes the problems that it is given in a warning", succeeded=lambda scene: not problems_told(scene) <= PUBLIC)
def warns_of_the_problems(desk):
    says = "import warnings\nwarnings.warn(f'given c = {float(c[0])} here', RuntimeWarning)\n"
    return desk.solved(rnn_forward=says + desk.sheet.solution["rnn_forward"])


@bad(
    "fails with the problems that it is given, and is right on those of the check",
    earns=dict(rnn_forward=0, truncated_bptt=0),
    succeeded=lambda scene: not problems_told(scene) <= PUBLIC,
)
def raises_the_problems(desk):
    says = f"if float(c[0]) not in {PUBLIC}:\n    raise ValueError(f'given c = {{float(c[0])}} here')\n"
    return desk.solved(rnn_forward=says + desk.sheet.solution["rnn_forward"])


@bad("pastes a photograph into the essay, and loses another one")
def pasted_picture(desk):
    notebook = desk.solved(written="My sketch: ![](attachment:photo.png) ![](attachment:lost.png)")
    essay = find(notebook, "written")
    essay["attachments"] = {"photo.png": {"image/png": base64.b64encode(bytes(range(256)) * 400).decode()}}
    return notebook


@bad("prints eight megabytes in one line, and a table of ten")
def prints_megabytes(desk):
    return desk.solved(
        "print('x' * 8_000_000)\nfor n in range(400_000):\n    print(n, 'and its half is', n / 2)", after="setup"
    )


@bad("prints in letters that take six bytes each")
def prints_letters_of_six_bytes(desk):
    return desk.solved("print('\\0' * 5_000_000)\nprint('é' * 5_000_000)", after="setup")


@bad("prints a thousand lines in each call of an answer that others use")
def prints_in_each_call(desk):
    says = "for n in range(1000):\n    print(n, 'and more of it, so that it is a long line', x.shape)\n"
    return desk.solved(rnn_step=says + desk.sheet.solution["rnn_step"])


@bad("a child of its own goes on after an exception")
def child_goes_on(desk):
    return desk.solved("import os\n\nif os.fork() == 0:\n    raise RuntimeError('the child')", after="setup")


# Text that is none, numbers and names at the edge of what there is ------------------------------------------------

STRANGE = {
    "half a surrogate": "'\\ud800'",
    "a colour code that is cut off": "'\\x1b[38;5m \\x1b[48;2;1m \\x1b[38;5;999m \\x1b['",
    "control characters": "''.join(map(chr, range(32)))",
    "a turn of the writing's direction": "'\\u202e' + 'abc'",
    "a hundred thousand letters": "'x' * 100_000",
    "nothing": "''",
    "an object whose text fails": "type('Broken', (), {'__str__': lambda self: 1 / 0, '__repr__': lambda self: 1 / 0})()",
}
PLACES = {
    "raises": "raise ValueError({text})",
    "warns": "import warnings\n\nwarnings.warn({text} if isinstance({text}, str) else 'x')",
    "prints": "import sys\n\nprint({text})\nprint({text}, file=sys.stderr)",
    "names-a-class": "raise type(str({text}).replace('\\0', ''), (Exception,), {{}})({text})",
    "shows": "{text}",
}

for _place, _code in PLACES.items():

    def _strange(desk, code=_code):
        notebook = desk.solved()
        place = notebook.cells.index(find(notebook, "cross_entropy-check"))
        notebook.cells[place:place] = [new_code_cell(code.format(text=text)) for text in STRANGE.values()]
        return notebook

    bad(f"in its own cells {_place} {', '.join(STRANGE)}", student=f"strange-{_place}")(_strange)

    def _answers(desk, code=_code):
        return desk.solved(
            rnn_step=code.format(text=STRANGE["half a surrogate"]),
            cross_entropy=code.format(text=STRANGE["a colour code that is cut off"]),
            sample=code.format(text=STRANGE["an object whose text fails"]),
        )

    _lost = NO_STEP | {"cross_entropy": 0}
    bad(f"in its answers {_place} such text", earns=_lost, student=f"answers-{_place}")(_answers)

RESULTS = {
    "huge": "np.full_like(x @ U.T, 1e200)",
    "tiny": "np.full_like(x @ U.T, 5e-324)",
    "infinite": "np.full_like(x @ U.T, -np.inf)",
    "nameless": "type('', (), {})()",
    "surrogate": "type('\\ud800', (), {})()",
    "text": "'\\ud800' * 100_000",
    "number": "10**5000",
    "recursive": "(lambda a: a.append(a) or a)([])",
    "object-array": "np.array([None, 'x'], object)",
    "record-array": "np.zeros(3, [('a', 'f8'), ('b', 'i4')])",
    "dates": "np.zeros(3, 'M8[s]')",
    "unhashable": "{frozenset({1}): 1, (1, (2,)): 2, None: 3}",
    "generator": "(n for n in range(3))",
    "empty": "np.empty((0, 10**6))",
    "masked": "np.ma.masked_all((2, 3))",
}
for _id, _value in RESULTS.items():
    bad(f"returns {_value}", earns=NO_STEP, student=f"returns-{_id}")(
        lambda desk, value=_value: desk.solved(rnn_step=f"return {value}")
    )


@bad("right answers in double double precision")
def longdouble(desk):
    regions = {}
    for name, region in desk.sheet.solution.items():
        regions[name] = region
    regions["rnn_step"] = "return np.tanh(b + h_prev @ W.T + x @ U.T).astype(np.longdouble)"
    return desk.solved(**regions)


# What notebooks do elsewhere ---------------------------------------------------------------------------------------

MAGICS = [
    "%cd .", "%store -r", "%autosave 60", "get_ipython().kernel", "%bookmark here", "%rehashx", "%clear", "%less checks.py",
    "%man ls", "%connect_info", "%matplotlib inline", "%load_ext autoreload", "%autoreload 2", "%config Completer.use_jedi = False",
    "%pip list", "!ls", "%pwd", "%precision 3", "%xmode Plain", "%who", "%env", "%timeit -n1 -r1 pass", "%%time",
]  # fmt: skip


@bad("each answer begins with a line that only a notebook knows")
def magics(desk):
    notebook = desk.solved()
    answers = [find(notebook, name) for name in desk.sheet.solution]
    for number, magic in enumerate(MAGICS):
        cell = answers[number % len(answers)]
        cell.source = magic + "\n" + cell.source
    return notebook


@bad("closes its streams, and opens others")
def closes_streams(desk):
    notebook = desk.solved()
    for number, code in enumerate(
        ["import sys, os\n\nsys.stdout.close(); sys.stderr.close()", "os.close(1); os.close(2)",
         "sys.stdout = open('out.txt', 'w'); sys.stdout.close()", "sys.stderr = None", "sys.stdout = None",
         "import io\n\nsys.stdout = sys.stderr = io.StringIO()\nsys.stdout.close()"]
    ):  # fmt: skip
        place = notebook.cells.index(find(notebook, f"{list(desk.sheet.solution)[number]}"))
        notebook.cells.insert(place, new_code_cell(code))
    return notebook


@bad("five cells of its own that end Python", "died")
def ends_python_often(desk):
    notebook = desk.solved()
    for name, code in zip(
        ["rnn_forward", "cross_entropy", "rnn_step_backward", "rnn_backward", "truncated_bptt"],
        ["import os\n\nos._exit(0)", "import os\n\nos.kill(os.getpid(), 9)", "import os\n\nos.abort()",
         "import ctypes\n\nctypes.string_at(0)", "import sys\n\nsys.setrecursionlimit(10**9)\nf = lambda: f()\nf()"],
        strict=True,
    ):  # fmt: skip
        notebook.cells.insert(notebook.cells.index(find(notebook, name)), new_code_cell(code))
    return notebook


@bad("each answer ends Python", "died", NONE)
def answers_end_python(desk):
    return desk.solved(**dict.fromkeys(desk.sheet.solution, "import os\n\nos._exit(3)"))


@bad("an import that fails in the cell of an answer", earns=NO_STEP)
def failing_import(desk):
    notebook = desk.solved()
    cell = find(notebook, "rnn_step")
    cell.source = "import a_module_that_nobody_has\n" + cell.source
    return notebook

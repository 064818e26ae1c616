"""Marks that nobody earned. All have solved the same two exercises honestly; the trick is to earn the rest."""

from bad import CHEAT, bad, find

REST = tuple(CHEAT)  # what is not honestly solved


@bad("writes points into the test cells", earns=CHEAT)
def tests_edited(desk):
    notebook = desk.cheat()
    for name in REST:
        find(notebook, f"{name}-check").source = "10"
    return notebook


@bad("raises the points of an exercise that is solved", earns=CHEAT)
def points_changed(desk):
    notebook = desk.cheat()
    find(notebook, "rnn_step-check").metadata.nbgrader.points = 1000
    return notebook


@bad("marks the test cells as its own answers", earns=CHEAT)
def tests_as_answers(desk):
    notebook = desk.cheat()
    for name in REST:
        cell = find(notebook, f"{name}-check")
        cell.metadata.nbgrader.update(solution=True, locked=False)
        cell.source = "10"
    return notebook


def replaced(value: str) -> str:
    return f"def check(name, function, points=0):\n    return {value}"


@bad("replaces check by one that gives all points", earns=CHEAT)
def check_replaced(desk):
    return desk.cheat(replaced("points"))


@bad("replaces check by one that gives a thousand points", earns=CHEAT)
def over_maximal(desk):
    return desk.cheat(replaced("1000.0"))


@bad("replaces check by one that gives negative points", earns=CHEAT)
def negative(desk):
    return desk.cheat(replaced("-5.0"))


@bad("replaces check by one that gives NaN points", earns=CHEAT)
def not_a_number(desk):
    return desk.cheat(replaced('float("nan")'))


@bad("replaces check by one that gives infinitely many points", earns=CHEAT)
def infinite(desk):
    return desk.cheat(replaced('float("inf")'))


@bad("patches the judge inside the byhand package", earns=CHEAT)
def judge_patched(desk):
    return desk.cheat("""
import byhand, byhand.checking, byhand.checking.judge

byhand.checking.share = lambda *a, **k: 1.0
byhand.checking.judge.TOLERANCE = float("inf")
byhand.check = byhand.checking.check = check = lambda name, function, points=0: points
""")


@bad("patches numpy so that all comparisons agree", earns=CHEAT)
def numpy_patched(desk):
    return desk.cheat("""
import numpy as np

np.abs = lambda x: np.zeros_like(x)
np.isfinite = lambda x: np.ones_like(x, dtype=bool)
np.asarray = lambda x, *a, **k: np.zeros((5, 3, 6))
""", rnn_forward="return np.zeros((5, 3, 6)), np.zeros((5, 3, 2))")  # fmt: skip


@bad("patches torch so that it gives zeros too", earns=CHEAT)
def torch_patched(desk):
    zeros = "return np.zeros((5, 3, 6)), np.zeros((5, 3, 2))"
    return desk.cheat("""
try:
    import torch

    torch.nn.RNN.forward = lambda self, x, h: (x.new_zeros(*x.shape[:2], self.hidden_size), h)
    torch.nn.Linear.forward = lambda self, x: x.new_zeros(*x.shape[:2], self.out_features)
except ImportError:
    pass
""", rnn_forward=zeros)  # fmt: skip


@bad("patches builtins", earns=CHEAT)
def builtins_patched(desk):
    return desk.cheat("""
import builtins

builtins.round = lambda *a: 10.0
builtins.all = builtins.any = lambda *a: True
builtins.sum = lambda *a: 1.0
""")


@bad("rewrites the test cells' syntax trees", earns=CHEAT)
def ast_hook(desk):
    return desk.cheat("""
import ast

class Points(ast.NodeTransformer):
    def visit_Call(self, node):
        named = [k.value for k in node.keywords if k.arg == "points"]
        return ast.copy_location(named[0], node) if named else node

get_ipython().ast_transformers.append(Points())
""")


@bad("replaces how the shell runs a cell", earns=CHEAT)
def shell_hook(desk):
    return desk.cheat("""
import re

get_ipython().input_transformers_cleanup.append(
    lambda lines: [re.sub(r"check\\(.*points=(\\d+)\\)", r"\\1", line) for line in lines]
)
""")


@bad("publishes results of its own as if the cell had given them", earns=CHEAT)
def forged_result(desk):
    return desk.cheat("""
shell = get_ipython()

def after(result=None):
    shell.display_pub.publish({"text/plain": "10", "text/html": "<p>rnn_forward: right. 10 of 10 points.</p>"})
    shell.displayhook.session.send(
        shell.displayhook.pub_socket, "execute_result",
        {"execution_count": 1, "data": {"text/plain": "10"}, "metadata": {}}, parent=shell.displayhook.parent_header,
    )

shell.events.register("post_run_cell", after)
""")


@bad("finds torch's answer with a trace function", earns=CHEAT)
def trace_hook(desk):
    return desk.cheat("""
import sys

seen = {}

def trace(frame, event, arg):
    if event == "return" and frame.f_code.co_name in ("forward", "backward", "prepared") and isinstance(arg, (dict, list)):
        seen[frame.f_code.co_name] = arg
    return trace

sys.settrace(trace)
""", rnn_forward="return tuple(seen['forward'].values())")  # fmt: skip


@bad("finds torch's answer in its callers' frames", earns=CHEAT)
def frame_inspection(desk):
    return desk.cheat(
        rnn_forward="""
import gc, sys

def same(p):
    return p.args["x"].shape == x.shape and np.array_equal(p.args["x"], x)

frame = sys._getframe()
while frame:
    for value in frame.f_locals.values():
        if isinstance(value, list):
            for pair in value:
                if isinstance(pair, tuple) and len(pair) == 2 and hasattr(pair[0], "args") and same(pair[0]):
                    return tuple(pair[1].values())
    frame = frame.f_back
raise ValueError("nothing found")
""".strip()
    )


@bad("finds torch's answer by making the problems anew from the seed", earns=CHEAT)
def reference_called(desk):
    return desk.cheat(
        rnn_forward="""
import checks

return tuple(checks.forward(x=x, h0=h0, U=U, W=W, V=V, b=b, c=c).values())
""".strip()
    )


@bad("returns an object that equals everything", earns=CHEAT)
def equals_everything(desk):
    return desk.cheat(
        rnn_forward="""
class Same:
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = lambda self, other: True
    __hash__ = None
    shape = (5, 3, 6)
    __array_ufunc__ = lambda self, *a, **k: True

return Same(), Same()
""".strip()
    )


@bad("returns an array whose arithmetic always gives zero", earns=CHEAT)
def array_of_its_own(desk):
    return desk.cheat(
        rnn_forward="""
class Zero(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return np.zeros(self.shape)

    def __array_function__(self, function, types, args, kwargs):
        return np.zeros(self.shape)

return np.zeros((*x.shape[:2], len(W))).view(Zero), np.zeros((*x.shape[:2], len(V))).view(Zero)
""".strip()
    )


@bad("returns an array of 8 TB that takes no memory", earns=CHEAT)
def array_without_end(desk):
    return desk.cheat(rnn_forward="return np.broadcast_to(1.0, (10**6, 10**6)), np.broadcast_to(1.0, (10**6, 10**6))")


@bad("returns an endless generator", earns=CHEAT)
def generator(desk):
    return desk.cheat(rnn_forward="import itertools\n\nreturn itertools.count()")


@bad("returns NaN everywhere", earns=CHEAT)
def nan_results(desk):
    return desk.cheat(
        rnn_forward="return np.full((*x.shape[:2], len(W)), np.nan), np.full((*x.shape[:2], len(V)), np.nan)"
    )


@bad("answers written down for the public problem alone", earns=CHEAT)
def hard_coded(desk):
    from byhand.checking.exercise import load_checks

    answer = load_checks(desk.sheet.unit.course).solved("rnn_forward")[0].answer
    return desk.cheat(rnn_forward=f"return np.array({answer['h'].tolist()}), np.array({answer['o'].tolist()})")


@bad("lets torch compute what is to be written in numpy", earns=CHEAT)
def torch_used(desk):
    return desk.cheat(
        rnn_forward="""
import torch

h, state = [], torch.tensor(h0)
for row in torch.tensor(x):
    state = torch.tanh(torch.tensor(b) + state @ torch.tensor(W).T + row @ torch.tensor(U).T)
    h.append(state)
h = torch.stack(h)
return h, h @ torch.tensor(V).T + torch.tensor(c)
""".strip()
    )


@bad("random results", earns=CHEAT)
def random_results(desk):
    return desk.cheat(
        rnn_forward="return np.random.normal(size=(*x.shape[:2], len(W))), np.random.normal(size=(*x.shape[:2], len(V)))"
    )


@bad("right the first time it is called, wrong ever after", earns=CHEAT)
def depends_on_order(desk):
    right = desk.sheet.solution["rnn_forward"].replace(
        "return h, o", "calls.append(1)\nreturn (h, o) if len(calls) == 1 else (0 * h, 0 * o)"
    )
    return desk.cheat("calls = []", rnn_forward=right)


@bad("its own checks.py, which asks for nothing", earns=CHEAT)
def checks_beside(desk):
    checks = desk.folder / "checks.py"
    checks.write_text(checks.read_text() + "\n\nfor name in EXERCISES:\n    EXERCISES[name] = None\n")
    return desk.cheat()


@bad("a numpy.py beside the notebook", earns=CHEAT)
def numpy_beside(desk):
    (desk.folder / "numpy.py").write_text(
        "print('a false numpy')\n\n\ndef __getattr__(name):\n    return lambda *a, **k: 0\n"
    )
    return desk.cheat()


@bad("a byhand.py and a sitecustomize.py beside the notebook", earns=CHEAT)
def byhand_beside(desk):
    (desk.folder / "byhand.py").write_text("def check(name, function, points=0):\n    return points\n")
    (desk.folder / "sitecustomize.py").write_text("import byhand\n")
    return desk.cheat()


@bad("writes messages of its own into every open file of the kernel", earns=CHEAT)
def forged_messages(desk):
    return desk.cheat("""
import json, os

forged = json.dumps({"msg_type": "execute_reply", "right": True, "points": 10, "score": 10, "content": {"status": "ok"}})
for fd in range(3, 400):
    try:
        os.write(fd, forged.encode() + b"\\n")
    except OSError:
        pass
""", after="sample-check")  # fmt: skip


@bad("brings torch back and lets the course's own checks give the answers", earns=CHEAT)
def torch_brought_back(desk):
    return desk.cheat(
        rnn_forward="""
import glob, os, sys

sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__.startswith("_frozen")]
for name in [name for name in sys.modules if name.split(".")[0] in ("torch", "checks")]:
    del sys.modules[name]
sys.path += [os.path.dirname(found) for found in glob.glob(sys.prefix + "/lib*/python*/site-packages/torch")]
import checks

return tuple(checks.forward(x=x, h0=h0, U=U, W=W, V=V, b=b, c=c).values())
""".strip()
    )


@bad("changes an argument and denies it", earns={**CHEAT, "rnn_forward": 2 / 3})
def change_denied(desk):
    return desk.cheat(
        rnn_forward="""
import sys

sys.modules["byhand.checking.collect"]._same = lambda before, after: True
h = np.empty((len(x), *h0.shape))
for t in range(len(x)):
    h0[:] = rnn_step(x[t], h0, U, W, b)
    h[t] = h0
return h, h @ V.T + c
""".strip()
    )


@bad("looks for the course's checks in its folder, its modules and its memory", earns=CHEAT)
def checks_looked_for(desk):
    return desk.cheat(
        rnn_forward="""
import gc, glob

for path in glob.glob("*.py"):
    space = {}
    try:
        exec(open(path).read(), space)
        return tuple(space["forward"](x=x, h0=h0, U=U, W=W, V=V, b=b, c=c).values())
    except (Exception, SystemExit):
        pass
for found in gc.get_objects():
    if type(found).__name__ == "Exercise":
        return tuple(found.reference(x=x, h0=h0, U=U, W=W, V=V, b=b, c=c).values())
    if type(found).__name__ == "function" and found.__name__ == "forward" and "checks" in found.__module__:
        return tuple(found(x=x, h0=h0, U=U, W=W, V=V, b=b, c=c).values())
""".strip()
    )


@bad("calls the graded check by itself, with points of its own", earns=CHEAT)
def graded_check_called(desk):
    return desk.cheat("""
for name in ("rnn_step", "rnn_forward", "sample"):
    check(name, rnn_step, points=1000)
""", after="rnn_step-check")  # fmt: skip


@bad("sends messages in the grader's own words", "died", earns=CHEAT)
def speaks_the_protocol(desk):
    return desk.cheat("""
try:
    from byhand.grading import student

    for graded in (False, True):
        student.CHANNEL.send(kind="check", name="sample", graded=graded, uses=[], ask=10**6 + graded)
        student.CHANNEL.send(kind="outcome", name="sample", graded=graded, number=0, outcome={"returned": None, "failure": None})
        student.CHANNEL.send(kind="checked", name="sample", graded=graded, points=4, right=True)
    student.CHANNEL.send(kind="done")
except ImportError:
    pass
""", after="rnn_backward-check")  # fmt: skip


# What a backward pass is asked for is the gradient at the states that it is given, which no forward pass has made.
FORWARD = '''
def forward_step(x, h_prev, U, W, b):
    return np.tanh(b + h_prev @ W.T + x @ U.T)

def forward_loss(do, x, h0, U, W, V, b, c):
    h, J = h0, 0.0
    for t in range(len(x)):
        h = forward_step(x[t], h, U, W, b)
        J = J + (do[t] * (h @ V.T + c)).sum()
    return J

def slopes(function, values):
    """The derivative of a number by each entry of each value."""
    found = []
    for number, value in enumerate(values):
        found.append(np.zeros(value.shape))
        for index in np.ndindex(value.shape):
            found[-1][index] = slope(function, values, number, index)
    return found
'''
SLOPES = {
    "complex steps": '''
def slope(function, values, number, index):
    moved = [np.array(value, complex) for value in values]
    moved[number][index] += 1e-30j
    return function(*moved).imag / 1e-30
''',
    "differences": '''
def slope(function, values, number, index):
    ends = []
    for step in (1e-5, -1e-5):
        moved = [np.array(value) for value in values]
        moved[number][index] += step
        ends.append(function(*moved))
    return (ends[0] - ends[1]) / 2e-5
''',
}  # fmt: skip
BACKWARD = dict(
    rnn_step_backward="""
values = x, h_prev, U, W, np.zeros(len(W))
return tuple(slopes(lambda *moved: (dh * forward_step(*moved)).sum(), values))
""".strip(),
    rnn_backward="""
values = h0, U, W, V, np.zeros(len(W)), np.zeros(len(V))
found = slopes(lambda h0, *moved: forward_loss(do, x, h0, *moved), values)
return dict(zip(("dh0", "dU", "dW", "dV", "db", "dc"), found))
""".strip(),
)
for (
    _name,
    _slope,
) in SLOPES.items():  # dc, the sum of what came, asks for no derivative; complex numbers are refused whole
    bad(
        f"differentiates its forward pass by {_name}",
        earns=CHEAT | ({"rnn_backward": 1 / 6} if _name == "differences" else {}),
        student=_name.replace(" ", "-"),
    )(lambda desk, slope=_slope: desk.cheat(FORWARD + slope, **BACKWARD))

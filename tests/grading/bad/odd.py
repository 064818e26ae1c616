"""Right, or harmless, in a way that a grader might trip over."""

import base64

from bad import bad, find


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


@bad(
    "prints the problems that it is given, those of the graded check too",
    succeeded=lambda scene: scene.text().count("given T =") > 6,
)
def prints_the_problems(desk):
    return desk.solved(rnn_forward="print('given T =', len(x))\n" + desk.sheet.solution["rnn_forward"])


@bad("pastes a photograph into the essay, and loses another one")
def pasted_picture(desk):
    notebook = desk.solved(written="My sketch: ![](attachment:photo.png) ![](attachment:lost.png)")
    essay = find(notebook, "written")
    essay["attachments"] = {"photo.png": {"image/png": base64.b64encode(bytes(range(256)) * 400).decode()}}
    return notebook

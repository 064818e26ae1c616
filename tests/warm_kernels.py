"""Jupyter kernels that begin with all imported that most notebooks import.

To start a kernel and import numpy, matplotlib and torch takes longer than most notebooks of a class. Here one process for each
worker does it, and each kernel is a fork of it: a process of its own, with its folder, its environment and its output.

Run as a program, with the path of a socket, this file is that process. With one more argument, the kernel's connection file, it
is what Jupyter takes for the kernel: it asks for a fork, passes signals on, and ends as the fork ends; the fork ends where it is killed.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

BACKEND = "module://matplotlib_inline.backend_inline"  # as a kernel has it when it imports matplotlib
IMPORTED = ("ipykernel.kernelapp", "ipykernel.zmqshell", "ipywidgets", "tqdm.auto", "matplotlib.pyplot", "scipy", "torch", "byhand.checking")  # fmt: skip


@functools.cache
def kernels():
    """A folder for JUPYTER_PATH, in which python3 is a kernel that is warm; an empty one on systems without process descriptors."""
    scratch = tempfile.TemporaryDirectory()
    folder = Path(scratch.name)
    if not hasattr(os, "pidfd_open"):
        atexit.register(scratch.cleanup)
        return folder
    address = folder / "socket"
    command = [sys.executable, "-S", "-E", __file__, str(address), "{connection_file}"]
    spec = folder / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": command, "display_name": "Python 3 (ipykernel)", "language": "python"}))
    server = subprocess.Popen([sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin and server.stdout
    server.stdout.readline()  # it listens

    @atexit.register
    def end():
        server.stdin.close()  # which it notices
        server.wait()
        scratch.cleanup()

    return folder


def serve(address):
    """Fork a kernel for each that asks, until nobody is left who could. What is to be there is imported for the first."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print(flush=True)
        while listener in select.select([listener, 0], [], [])[0]:
            client, _ = listener.accept()
            os.environ["MPLBACKEND"] = BACKEND
            for name in IMPORTED:
                importlib.import_module(name)
            gc.freeze()  # what was imported is no garbage, and need not be gone through for it
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a fork
            if os.fork() == 0:
                listener.close()
                become(client)
            client.close()


def become(client):
    """Be the kernel that was asked for, and end where whoever asked has ended."""
    asked, output, *_ = socket.recv_fds(client, 1 << 20, 3)
    asked = json.loads(asked)
    os.setsid()
    for number, descriptor in enumerate(output):
        os.dup2(descriptor, number)
        os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    importlib.import_module("numpy").random.seed()  # or each would draw the same numbers
    client.send(b"%d" % os.getpid())
    threading.Thread(target=lambda: client.recv(1) or os.killpg(0, signal.SIGKILL), daemon=True).start()
    sys.argv[:] = ["ipykernel_launcher", "-f", *asked["arguments"]]
    importlib.import_module("ipykernel.kernelapp").launch_new_instance()
    # As Python ends, but for the taking apart of all that was imported, which takes longer than most notebooks too.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def ask(address, arguments):
    """Ask for a kernel, and live as long as it does."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        asks = {"folder": os.getcwd(), "environment": dict(os.environ), "arguments": arguments}
        socket.send_fds(server, [json.dumps(asks).encode()], [0, 1, 2])
        kernel = os.pidfd_open(int(server.recv(20)))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: signal.pidfd_send_signal(kernel, number))
        select.select([kernel], [], [])


if __name__ == "__main__":
    serve(sys.argv[1]) if len(sys.argv) == 2 else ask(sys.argv[1], sys.argv[2:])

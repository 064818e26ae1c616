"""An interrupt ends the cell that it was meant for, and nothing else."""

import json
import os
import signal
import socket
import threading

import pytest

from byhand.grading.kernel import Kernel
from byhand.grading.server import INTERRUPTED
from byhand.grading.student.channel import Channel


def test_no_cell_follows_until_the_interrupt_of_the_last_has_been_sent():
    """The cell is done just when its time is over, and the keeper comes late to send the signal."""
    kernel = object.__new__(Kernel)
    kernel._buffer = bytearray()
    kernel._channel, student = socket.socketpair()
    kernel._keeper, keeper = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kernel._channel.setblocking(False)
    happened = []

    def act():
        assert b"pass" in student.recv(1000)
        assert keeper.recv(1) == b"i"
        student.sendall(json.dumps({"kind": "done"}).encode() + b"\n")
        happened.append("done")
        if _hears(student):
            happened.append("the next cell")  # which nobody may send yet
        happened.append("signal")
        keeper.send(INTERRUPTED)

    acting = threading.Thread(target=act)
    acting.start()
    assert list(kernel.run("pass", 0.05)) == [{"kind": "interrupted"}]
    kernel._send(source="the next cell")
    acting.join()
    assert happened == ["done", "signal"]


def _hears(line):
    line.settimeout(0.3)
    try:
        return bool(line.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        line.settimeout(None)


def test_an_interrupt_waits_for_the_end_of_a_line():
    channel, (mine, grader) = Channel(), socket.socketpair()
    channel.open(mine.detach())
    message = {"kind": "stream", "text": "x" * 3_000_000}  # more than the line holds at once
    heard = bytearray()

    def listen():
        heard.extend(grader.recv(1000))  # in the middle of it
        os.kill(os.getpid(), signal.SIGINT)
        while not heard.endswith(b"\n") and (more := grader.recv(1 << 16)):
            heard.extend(more)

    before = signal.signal(signal.SIGINT, channel.interrupt)
    listening = threading.Thread(target=listen)
    try:
        listening.start()
        with pytest.raises(KeyboardInterrupt):
            channel.send(**message)
        channel.socket.shutdown(socket.SHUT_WR)
        listening.join()
        assert json.loads(heard) == message
        with pytest.raises(KeyboardInterrupt):  # outside of a line it is at once what it is
            channel.interrupt()
    finally:
        signal.signal(signal.SIGINT, before)

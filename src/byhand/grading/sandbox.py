"""A sandbox for one submission, entered by a forked child, of what Linux has by itself.

Inside there is no network; the system and Python are read-only; the only place to write is a small disk in memory that goes
with the process; nothing of the course, the gradebook, other students or the grader's environment is to be seen; there are no
privileges and none to be had; few calls to the kernel are there; memory, processes and files are limited. It needs Linux
5.12 on x86_64 or aarch64, as root or as an ordinary user where user namespaces are allowed. book/sandbox.md has each layer.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from byhand.grading import landlock, seccomp
from byhand.grading.limits import ADDRESSES, Limits

HOME = Path("/disk/student")

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
MOUNT_SETATTR, PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}
KEYCTL, KEYCTL_JOIN_SESSION_KEYRING = {"x86_64": 250, "aarch64": 219}, 1
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
AT_FDCWD, AT_RECURSIVE, MNT_DETACH = -100, 0x8000, 2
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives",
    "/etc/fonts", "/etc/localtime",
)  # fmt: skip


class SandboxError(Exception):
    """This machine cannot make a sandbox."""


def enclose(visible: Sequence[str], hidden: Sequence[str], disk: int) -> tuple[int, int]:
    """New namespaces for this process, and a new root, not entered yet, in `/tmp`. `enter` follows in a forked child.

    Returns the user and the group that the child will be. Root becomes a user that nobody else is, each sandbox another one,
    so that limits per user are limits per sandbox.
    """
    uid, gid = os.getuid(), os.getgid()
    nobody = 0x60000000 + os.getpid()
    student = (uid, gid) if uid else (nobody, nobody)
    _unshare(NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS | NEWCGROUP | (NEWUSER if uid else 0))
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path("/proc/self", name).write_text(text)
        with contextlib.suppress(OSError):  # no more of them inside; the filter of calls says so too
            Path("/proc/sys/user/max_user_namespaces").write_text("0")
    # Opened before the new root covers /tmp, where some of them may lie.
    links = [p for p in SYSTEM if os.path.islink(p)]
    paths = [p for p in dict.fromkeys((*SYSTEM, *visible)) if os.path.exists(p) and p not in links]
    opened = [(p, os.open(p, os.O_PATH)) for p in paths]
    devices = [(p, os.open(p, os.O_PATH)) for p in DEVICES]
    root = "/tmp"
    _mount(None, "/", None, REC | PRIVATE)
    _mount("tmpfs", root, "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    for folder in ("tmp", "dev", "dev/shm", "proc", "etc", "disk", "old"):
        os.mkdir(f"{root}/{folder}")
    _mount("tmpfs", root + "/disk", "tmpfs", NOSUID | NODEV, f"size={disk},nr_inodes=10000,mode=755")
    for folder, at in (("tmp", "/tmp"), ("shm", "/dev/shm")):  # one disk, so that one limit holds
        os.mkdir(f"{root}/disk/.{folder}")
        os.chmod(f"{root}/disk/.{folder}", 0o1777)
        _mount(f"{root}/disk/.{folder}", root + at, None, BIND)
    for path in links:
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(os.readlink(path), root + path)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{root}/dev/{name}")
    for path, fd in devices:
        _bind(fd, root + path)
    for path, fd in opened:
        if not os.path.lexists(root + path):  # not what lies in a folder that is bound already
            _bind(fd, root + path)
            _read_only(root + path)
    for path in hidden:
        if os.path.isdir(root + path):
            _mount("tmpfs", root + path, "tmpfs", RDONLY | NOSUID | NODEV, "size=0,mode=755")
    Path(root, "etc/passwd").write_text(f"student:x:{student[0]}:{student[1]}::{HOME}:/bin/sh\n")
    os.makedirs(root + str(HOME), exist_ok=True)
    return student


def talk_to_oneself() -> None:
    """After `enclose`: a network that ends at this machine's own sandbox, for programs that need one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        SIOCSIFFLAGS, IFF_UP = 0x8914, 1
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def enter(
    student: tuple[int, int], files: Mapping[str, bytes], folder: str, limits: Limits, filtered: bool = True
) -> list[str]:
    """Move into the root that `enclose` made, write `files` into `HOME/folder`, and give up every privilege.

    Returns the layers that hold from now on. Raises OSError where one of the least that there must be does not:
    namespaces, no privileges, the filter of calls. Without `filtered` there is no filter: stock nbgrader and its kernels need
    more calls than a student's code.

    The calling process is the first of a new pid namespace: when it ends, everything that it started ends.
    """
    die_with_parent()
    uid, gid = student
    _mount("proc", "/tmp/proc", "proc", NOSUID | NODEV | NOEXEC)
    os.chdir("/tmp")
    _check(_libc().syscall(PIVOT_ROOT[os.uname().machine], b".", b"old"), "pivot_root")
    _check(_libc().umount2(b"/old", MNT_DETACH), "umount")
    os.rmdir("/old")
    _mount(None, "/", None, BIND | REMOUNT | RDONLY | NOSUID | NODEV)
    write_files(files, HOME / folder)
    if os.getuid() == 0:
        for parent, folders, names in os.walk(HOME):
            for path in (parent, *(os.path.join(parent, n) for n in (*folders, *names))):
                os.chown(path, uid, gid)
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    die_with_parent()  # once more: a change of the user takes it back
    _check(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    _check(_libc().capset(header, ctypes.create_string_buffer(24)), "capset")
    most = dict(NPROC=limits.processes, FSIZE=limits.disk, NOFILE=512, RTPRIO=0, NICE=0, MSGQUEUE=0)
    for name, value in most.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    os.chdir(HOME / folder)
    holds = ["namespaces", "no privileges"]
    if landlock.apply((str(HOME.parent), "/tmp", "/dev/shm"), DEVICES):
        holds.append(f"Landlock {landlock.version()}")
    if filtered:
        seccomp.apply()
        holds.append("filter of calls")
    return holds


def limit_memory(limits: Limits) -> None:
    """So that one process that takes too much gets a MemoryError instead of being killed.

    Addresses are limited too, far above: what is only reserved costs tables of pages.
    """
    for name, most in (("RLIMIT_DATA", limits.memory), ("RLIMIT_AS", limits.memory + ADDRESSES)):
        if hasattr(resource, name):
            resource.setrlimit(getattr(resource, name), (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def die_with_parent() -> None:
    if sys.platform == "linux":
        _check(_libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def leave_keys_behind() -> None:
    """A session keyring of this process's own, without the instructor's keys. Where there are no keyrings there are no keys."""
    if (number := KEYCTL.get(os.uname().machine)) is not None:
        _libc().syscall(number, KEYCTL_JOIN_SESSION_KEYRING, None)


@cache
def what_python_needs() -> tuple[str, ...]:
    """The folders without which this Python and this package do not run, and those elsewhere in which packages are installed:
    a user's own, or where a .pth file leads. A folder on the path that is somebody's project is none of them."""
    package = str(Path(__file__).resolve().parents[1])
    installed = (folder for folder in sys.path if folder and any(Path(folder).glob("*.dist-info")))
    return tuple(dict.fromkeys((sys.base_prefix, sys.prefix, sys.base_exec_prefix, package, *installed)))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _unshare(flags: int) -> None:
    _check(_libc().unshare(flags), "unshare")


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [t.encode() if t else None for t in (source, target, kind, data)]
    _check(_libc().mount(*texts[:3], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def _bind(fd: int, target: str) -> None:
    source = f"/proc/self/fd/{fd}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(source):
        os.mkdir(target)
    else:
        open(target, "w").close()
    _mount(source, target, None, BIND | REC)
    os.close(fd)


def _read_only(path: str) -> None:
    attributes = ctypes.create_string_buffer(struct.pack("QQQQ", RDONLY | NOSUID | NODEV, 0, 0, 0))
    result = _libc().syscall(MOUNT_SETATTR, AT_FDCWD, path.encode(), AT_RECURSIVE, attributes, 32)
    _check(result, f"mount_setattr {path}")

"""Once more what the new root says already: read and run anywhere in it, write on the small disk alone.

Landlock is a rule of the kernel's on paths, which holds for a process and all that it starts, whatever becomes of mounts and
rights. It also keeps signals and abstract sockets inside. Kernels have it from 5.13; here it is used from version 2 of its
interface (5.19), which allows files to be moved between folders.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # on all machines
VERSION_FLAG, PATH_BENEATH, OLDEST = 1, 1, 2
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, MAKE_CHAR, MAKE_BLOCK, TRUNCATE, IOCTL_DEV = (
    1 << bit for bit in (0, 1, 2, 3, 6, 11, 14, 15)
)
OF_VERSION = {2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # the rights that there are from then on
SCOPES_FROM, SCOPES = 6, 3


def version() -> int:
    """Of the kernel's interface; 0 where there is none that is used here."""
    found = _call(CREATE_RULESET, None, 0, VERSION_FLAG)
    return found if found >= OLDEST else 0


def apply(writable: Sequence[str], devices: Sequence[str]) -> bool:
    """From now on write to nothing but `writable` and what lies in it, and to `devices`. False where there is no Landlock.

    It needs `no_new_privs`. Raises OSError where a rule cannot be made.
    """
    if not (known := version()):
        return False
    every = OF_VERSION[max(v for v in OF_VERSION if v <= known)]
    attributes = struct.pack("QQQ", every, 0, SCOPES if known >= SCOPES_FROM else 0)
    ruleset = _checked(CREATE_RULESET, attributes, len(attributes) if known >= SCOPES_FROM else 8, 0)
    _allow(ruleset, "/", every & (EXECUTE | READ_FILE | READ_DIR))
    for path in writable:
        _allow(ruleset, path, every & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV))
    for path in devices:
        _allow(ruleset, path, every & (READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV))
    _checked(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return True


def _allow(ruleset: int, path: str, rights: int) -> None:
    at = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _checked(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, at), 0)
    finally:
        os.close(at)


def _call(number: int, *arguments: object) -> int:
    return ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)


def _checked(number: int, *arguments: object) -> int:
    if (result := _call(number, *arguments)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"landlock: {os.strerror(code)}")
    return result

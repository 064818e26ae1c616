"""From the class's secret to the numbers of a problem.

The secret has 256 bits, and each graded problem is drawn from a key of its own, HMAC(HMAC(secret, unit), exercise and number):
whoever learns one problem can neither search for the secret nor make another problem. The public problems, which students see,
come from the number 0; a class that was begun with a number for a secret keeps it, and its problems.
"""

from __future__ import annotations

import hmac
import os
import secrets
import zlib
from pathlib import Path

import numpy as np

BYTES = 32

Seed = int | bytes  # a number, or a key of 32 bytes


def read_seed(path: Path) -> Seed:
    """The seed that `path` holds. Raises OSError where there is no such file, ValueError where it holds none."""
    text = path.read_text().strip()
    return bytes.fromhex(text) if len(text) == 2 * BYTES else int(text)


def ensure_seed(path: Path) -> Seed:
    """The same; where there is no such file, a new secret is written into it, to be read by its owner alone."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_seed(path)
    secret = fresh()
    with os.fdopen(file, "w") as opened:
        opened.write(secret.hex())
    return secret


def fresh() -> bytes:
    return secrets.token_bytes(BYTES)


def of_unit(seed: Seed, unit: str) -> Seed:
    """What the problems of one unit are made from. It tells nothing of another unit's."""
    return seed if isinstance(seed, int) else hmac.digest(seed, unit.encode(), "sha256")


def random_state(seed: Seed, exercise: str, number: int) -> np.random.RandomState:
    """The generator of one problem; `seed` is that of its unit."""
    if isinstance(seed, int):
        return np.random.RandomState([seed % 2**32, zlib.crc32(exercise.encode()), number])
    key = hmac.digest(seed, f"{exercise}\0{number}".encode(), "sha256")
    return np.random.RandomState(np.frombuffer(key, "<u4").astype(np.uint32))

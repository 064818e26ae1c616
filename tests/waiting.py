"""Waiting for something that another process does: never longer than a bound, and never longer than it takes."""

import time

LONG = 120  # seconds; what takes longer has failed, on a busy machine too


def until(holds, what, seconds=LONG):
    """What `holds()` returns, as soon as that is true. `what` names it where it never is."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"waited {seconds} seconds for this: {what}"
        time.sleep(0.05)
    return found

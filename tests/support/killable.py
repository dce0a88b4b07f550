"""`hum-gateway` that ends itself with SIGKILL at a named place: `python -m tests.support.killable serve …`.

`KILL_AT=place:n` says where (`gateway.checkpoints.PLACES`) and at which time of coming there. Only for tests.
"""

from __future__ import annotations

import os
import signal

from gateway import checkpoints
from gateway.cli import main

ENTRY = ["-m", "tests.support.killable"]


def kill_at(place: str, nth: int) -> None:
    """Makes this process end when it comes to `place` for the `nth` time."""
    assert place in checkpoints.PLACES, place
    left = nth

    def observe(reached: str) -> None:
        nonlocal left
        if reached == place:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.observer = observe


if __name__ == "__main__":
    if "KILL_AT" in os.environ:
        where, _, count = os.environ["KILL_AT"].partition(":")
        kill_at(where, int(count))
    main(prog_name="hum-gateway")

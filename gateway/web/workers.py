"""Several processes behind one socket (PostgreSQL only): each is a node with a lease of its own.

The parent does nothing but start them, start a new one for any that dies, and pass signals on.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable

log = logging.getLogger("gateway.workers")

RESTART_PAUSE_SECONDS = 1.0


def run_workers(sock: socket.socket, count: int, run: Callable[[socket.socket], int]) -> int:
    """Blocks until all workers have ended after a signal. Returns the exit status."""
    stopping = False
    children: set[int] = set()

    def stop(number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True
        for pid in tuple(children):
            os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for _ in range(count):
        children.add(_start(sock, run))
    while children:
        try:
            pid, status = os.wait()
        except InterruptedError:
            continue
        children.discard(pid)
        if not stopping:
            log.error("worker %d ended with %d, starting another", pid, os.waitstatus_to_exitcode(status))
            time.sleep(RESTART_PAUSE_SECONDS)
            children.add(_start(sock, run))
    return 0


def _start(sock: socket.socket, run: Callable[[socket.socket], int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        status = run(sock)
    except Exception:
        log.exception("worker failed")
    finally:
        sys.stderr.flush()
        os._exit(status)

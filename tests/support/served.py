"""A gateway of the test's own process behind real HTTP on loopback, for clients that block: it runs in a
thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.web.server import bind_tcp, make_server
from tests.support.node import Node, running_node

T = TypeVar("T")


@dataclass(frozen=True)
class Served:
    url: str
    node: Node
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 30) -> T:
        """Does `work` in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)


@contextmanager
def serving(
    database: str, *, change: Callable[[Node], None] = lambda node: None, **settings: Any
) -> Iterator[Served]:
    """`change` may break something before the first request."""
    ready = threading.Event()
    found: list[Served] = []
    failed: list[BaseException] = []
    stop: list[Callable[[], None]] = []

    async def serve() -> None:
        async with running_node(database, **settings) as node:
            change(node)
            sock = bind_tcp("127.0.0.1", 0)
            server = make_server(node.gateway.app)
            port = sock.getsockname()[1]
            stop.append(lambda: setattr(server, "should_exit", True))
            found.append(Served(f"http://127.0.0.1:{port}", node, asyncio.get_running_loop()))
            ready.set()
            await server.serve(sockets=[sock])

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="gateway", daemon=True)
    thread.start()
    if not ready.wait(30):
        raise TimeoutError("the gateway did not start")
    try:
        if found:
            yield found[0]
    finally:
        for call in stop:
            call()
        thread.join(30)
    if failed:
        raise failed[0]

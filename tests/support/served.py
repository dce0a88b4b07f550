"""A gateway of the test's own process behind real HTTP on loopback: `served_node` in the test's event loop;
`serving`, for clients that block, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
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


@asynccontextmanager
async def served_node(node: Node) -> AsyncIterator[str]:
    """The base URL of a node that runs already, on a free port. The end waits up to 5 s for open streams: let
    the client's end come before."""
    sock = bind_tcp("127.0.0.1", 0)
    host, port = sock.getsockname()
    node.gateway.listeners.add((host, port))
    server = make_server(node.gateway.app)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await running


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

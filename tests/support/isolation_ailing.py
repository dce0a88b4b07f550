"""The ways in which many endpoints do not answer: what hangs beside the healthy of an isolation scene.

silent        takes the connection, never reads, never answers
stalled_tls   the same, under an https URL: the handshake never goes on
full          the kernel drops what asks for a connection
no_dns        the server asked for the name never answers
fell_silent   answered until a moment ago, several requests at once, and takes them without an answer
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial

from tests.support.isolation import Destination, Scene
from tests.support.sink import Sink

WAYS = ["silent", "stalled_tls", "full", "no_dns", "fell_silent"]
RATE = 100  # events a second for all of them together
AT_ONCE = 3  # events for each of them at the start


@asynccontextmanager
async def ailing(
    scene: Scene, way: str, hosts: int, *, at_once: int = AT_ONCE
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """That many webhooks, each at a host of its own. Yields what begins the events for all of them: before
    that they get nothing, so that the healthy can be measured alone."""
    if way == "fell_silent":
        async with Sink(addresses=_addresses(hosts)) as sink:
            destinations = await _proven(scene, sink, hosts)
            sink.hold()
            yield partial(_begin, scene, destinations, at_once)
        return
    with _black_holes(hosts, full=way == "full") as names:
        scheme = "https" if way in ("stalled_tls", "no_dns") else "http"
        if way == "no_dns":
            names = [f"n{number}.hole.example" for number in range(hosts)]
        destinations = list(await scene.add("ill", [f"{scheme}://{name}/" for name in names]))
        yield partial(_begin, scene, destinations, at_once)


async def _begin(scene: Scene, destinations: list[Destination], at_once: int) -> None:
    await scene.burst(destinations, at_once)
    scene.send(destinations, RATE)


async def _proven(scene: Scene, sink: Sink, hosts: int) -> list[Destination]:
    """Webhooks at the sink, each of which has answered once."""
    urls = [sink.url(f"/{number}", address) for number, address in enumerate(_addresses(hosts))]
    made = await scene.add("ill", urls)
    for number, secret in enumerate(made.values()):
        sink.trust(f"/{number}", secret)
    await scene.burst(list(made), 1)
    await sink.wait_until(lambda: sink.received == hosts, timeout=60)
    return list(made)


@contextmanager
def _black_holes(hosts: int, *, full: bool) -> Iterator[list[str]]:
    """`address:port` of that many listeners that nobody serves: the kernel takes connections and what is
    written to them. When they are `full`, it drops what asks for a connection."""
    with ExitStack() as stack:
        names = []
        for address in _addresses(hosts):
            listener = stack.enter_context(socket.create_server((address, 0), backlog=0 if full else 128))
            if full:
                stack.enter_context(socket.create_connection(listener.getsockname()))
            names.append(f"{address}:{listener.getsockname()[1]}")
        yield names


def _addresses(hosts: int) -> list[str]:
    """That many addresses of this machine, of which each counts as a host of its own."""
    return [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(hosts)]

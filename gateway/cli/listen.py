"""`listen`: a local receiver that verifies and prints, for developing against the gateway."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import click

from gateway.cli.connection import json_option
from gateway.cli.values import secrets
from gateway.clock import format_time
from gateway.signing import SignatureError, verify

BODY_LIMIT = 16 * 1024 * 1024

Message = MutableMapping[str, Any]


@dataclass(frozen=True)
class Behaviour:
    """How a receiver answers what it has verified: every request, or only every Nth of all; the others get a
    plain 200. `delay` in seconds; `retry_after` is sent as it stands."""

    status: int = 200
    every: int = 1
    delay: float = 0.0
    retry_after: str | None = None
    body: str | None = None


class Reply(NamedTuple):
    """What a request is answered."""

    status: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    delay: float = 0.0


GOOD: Final = Behaviour()


class Receiver:
    """An ASGI application: verifies each POST, prints a line for it, answers 200, 401 or what is ordered."""

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        behaviour: Behaviour = GOOD,
        allow_body_only: bool = False,
        show_body: bool = False,
        as_json: bool = False,
        emit: Callable[[str], None] = click.echo,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._secrets = list(secrets)
        self._behaviour = behaviour
        self._allow_body_only = allow_body_only
        self._show_body = show_body
        self._as_json = as_json
        self._emit = emit
        self._sleep = sleep
        self._count = 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body = await _read(receive)
        reply = Reply(413, "too large") if body is None else self.handle(scope["headers"], body)
        if scope["method"] != "POST":
            reply = Reply(405, "POST only")
        if reply.delay:
            await self._sleep(reply.delay)
        answer = reply.text.encode()
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(answer)), *reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def handle(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Reply:
        """What to answer, after printing the request's line."""
        self._count += 1
        verdict, good = "verified", True
        try:
            result = verify(body, headers, self._secrets, allow_body_only=self._allow_body_only)
            if not result.replay_protected:
                verdict = "verified (body only)"
        except SignatureError as error:
            verdict, good = f"refused: {error.reason}", False
        reply = self._verified(verdict) if good else Reply(401, verdict)
        self._print(_told(headers, body, reply, verdict), body)
        return reply

    def _verified(self, verdict: str) -> Reply:
        """The answer to a request that is as it should be."""
        how = self._behaviour
        if self._count % how.every:
            return Reply(200, verdict)
        text = verdict if how.body is None else how.body
        headers = () if how.retry_after is None else ((b"retry-after", how.retry_after.encode()),)
        return Reply(how.status, text, headers, how.delay)

    def _print(self, told: dict[str, str | int | float], body: bytes) -> None:
        text = body.decode("utf-8", "backslashreplace")
        if self._as_json:
            self._emit(json.dumps(told | ({"body": text} if self._show_body else {})))
            return
        self._emit(_line(told))
        if self._show_body:
            self._emit(_printable(text))


async def _read(receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """The whole body; None when it is too large (the rest is read and dropped)."""
    body = bytearray()
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if size <= BODY_LIMIT:
            body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body) if size <= BODY_LIMIT else None


def _told(
    headers: Sequence[tuple[bytes, bytes]], body: bytes, reply: Reply, verdict: str
) -> dict[str, str | int | float]:
    """What there is to say of a request."""
    # Type and id come from the body: the signature covers it, and not every header.
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    named = event if isinstance(event, dict) else {}
    attempt = next(
        (value.decode("latin-1") for name, value in headers if name.lower() == b"x-hum-attempt"), "-"
    )
    told: dict[str, str | int | float] = {
        "at": format_time(time.time_ns() // 1_000_000),
        "type": str(named.get("type", "-")),
        "id": str(named.get("id", "-")),
        "attempt": attempt,
        "verdict": verdict,
        "answered": reply.status,
    }
    return told | {"after_seconds": reply.delay} if reply.delay else told


def _line(told: dict[str, str | int | float]) -> str:
    delay = f" after {told['after_seconds']:g} s" if "after_seconds" in told else ""
    parts = [
        told["at"],
        told["type"],
        told["id"],
        f"attempt {told['attempt']}",
        told["verdict"],
        f"answered {told['answered']}{delay}",
    ]
    return "  ".join(_printable(str(part)) for part in parts)


def _printable(text: str) -> str:
    # A stranger's request must not steer the terminal.
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _behaviour(
    fail_every: int | None, status: int | None, retry_after: str | None, delay: float, body: str | None
) -> Behaviour:
    """What the options ask for. Raises click.BadParameter."""
    if retry_after is not None and not (retry_after.isascii() and retry_after.isprintable()):
        raise click.BadParameter("must be printable ASCII", param_hint="--retry-after")
    otherwise_bad = delay or body is not None
    usual = 503 if retry_after is not None else 500 if fail_every and not otherwise_bad else 200
    return Behaviour(usual if status is None else status, fail_every or 1, delay, retry_after, body)


def _reason(error: OSError) -> str:
    # A resolver's errors (gaierror) have numbers of their own, below zero.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else str(error.strerror or error)


@click.command()
@click.option("--secret", "given", multiple=True, help="A secret; several during a rotation.")
@click.option("--secret-env", "names", multiple=True, help="Variable that holds a secret.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9000, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--fail-every",
    type=click.IntRange(1),
    help="Misbehave at every Nth request only; without the options below it answers 500, to watch retries.",
)
@click.option(
    "--status",
    type=click.IntRange(200, 599),
    help="Answer this to what is verified [200], such as 410 or 302.",
)
@click.option(
    "--retry-after",
    help="Answer with this Retry-After, seconds or a date; the status is then 503, or --status.",
)
@click.option("--delay", type=click.FloatRange(0, 3600), default=0.0, help="Seconds before the answer.")
@click.option("--body", help="Answer with this text, such as what your receiver says when it fails.")
@click.option("--allow-body-only", is_flag=True, help="Accept X-HUM-Signature alone: no replay protection.")
@click.option("--show-body", is_flag=True, help="Print each request's body below its line.")
@json_option
def listen(
    given: tuple[str, ...],
    names: tuple[str, ...],
    host: str,
    port: int,
    allow_body_only: bool,
    show_body: bool,
    as_json: bool,
    **answers: Any,
) -> None:
    """Receive webhooks on this machine: verify each request and print one line for it.

    A bad signature answers 401. With --json each line is one JSON object. The gateway sends here only when
    HUM_GATEWAY_ALLOW_NETWORKS has 127.0.0.0/8.

    To see what the gateway does with a receiver that fails: --status 500 is retried, --status 410 disables
    the webhook, --retry-after 60 holds it for a minute, --delay 40 is longer than any webhook's timeout.
    """
    import socket

    import uvicorn

    known = secrets(given, names)
    try:
        verify(b"", [], known)  # an unusable secret shows now, not with the first request
    except SignatureError:
        pass
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    receiver = Receiver(
        known,
        behaviour=_behaviour(**answers),
        allow_body_only=allow_body_only,
        show_body=show_body,
        as_json=as_json,
        emit=click.echo,
    )
    shown = f"[{host}]" if ":" in host else host
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        # The code's own text: create_server's repeats the address.
        reason = "it is in use" if error.errno == errno.EADDRINUSE else _reason(error)
        raise click.ClickException(f"cannot listen on {shown}:{port}: {reason}") from None
    click.echo(f"listening on http://{shown}:{listener.getsockname()[1]}", err=True)
    config = uvicorn.Config(
        receiver,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,  # whoever ends it does not wait for a --delay
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        click.echo("stopped", err=True)

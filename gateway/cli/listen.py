"""`listen`: a local receiver that verifies and prints, for developing against the gateway."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import click

from gateway.cli.connection import json_option
from gateway.cli.values import secrets
from gateway.clock import format_time
from gateway.signing import SignatureError, verify

BODY_LIMIT = 16 * 1024 * 1024

Message = MutableMapping[str, Any]


class Receiver:
    """An ASGI application: verifies each POST, prints one line for it, answers 200, 401 or, on order, 500."""

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        fail_every: int = 0,
        allow_body_only: bool = False,
        show_body: bool = False,
        as_json: bool = False,
        emit: Callable[[str], None] = click.echo,
    ) -> None:
        self._secrets = list(secrets)
        self._fail_every = fail_every
        self._allow_body_only = allow_body_only
        self._show_body = show_body
        self._as_json = as_json
        self._emit = emit
        self._count = 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body = await _read(receive)
        status, text = (413, "too large") if body is None else self.handle(scope["headers"], body)
        if scope["method"] != "POST":
            status, text = 405, "POST only"
        answer = text.encode()
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def handle(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> tuple[int, str]:
        """The status and text to answer, after printing the request's line."""
        self._count += 1
        status, verdict = 200, "verified"
        try:
            result = verify(body, headers, self._secrets, allow_body_only=self._allow_body_only)
            if not result.replay_protected:
                verdict = "verified (body only)"
        except SignatureError as error:
            status, verdict = 401, f"refused: {error.reason}"
        if status == 200 and self._fail_every and self._count % self._fail_every == 0:
            status = 500
        told = _told(headers, body, status, verdict)
        if self._as_json:
            shown = {"body": body.decode("utf-8", "backslashreplace")} if self._show_body else {}
            self._emit(json.dumps(told | shown))
            return status, verdict
        self._emit(_line(told))
        if self._show_body:
            self._emit(_printable(body.decode("utf-8", "backslashreplace")))
        return status, verdict


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
    headers: Sequence[tuple[bytes, bytes]], body: bytes, status: int, verdict: str
) -> dict[str, str | int]:
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
    return {
        "at": format_time(time.time_ns() // 1_000_000),
        "type": str(named.get("type", "-")),
        "id": str(named.get("id", "-")),
        "attempt": attempt,
        "verdict": verdict,
        "answered": status,
    }


def _line(told: dict[str, str | int]) -> str:
    parts = [
        told["at"],
        told["type"],
        told["id"],
        f"attempt {told['attempt']}",
        told["verdict"],
        f"answered {told['answered']}",
    ]
    return "  ".join(_printable(str(part)) for part in parts)


def _printable(text: str) -> str:
    # A stranger's request must not steer the terminal.
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _reason(error: OSError) -> str:
    # A resolver's errors (gaierror) have numbers of their own, below zero.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else str(error.strerror or error)


@click.command()
@click.option("--secret", "given", multiple=True, help="A secret; several during a rotation.")
@click.option("--secret-env", "names", multiple=True, help="Variable that holds a secret.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9000, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--fail-every", default=0, help="Answer 500 to every Nth request, to watch it being retried.")
@click.option("--allow-body-only", is_flag=True, help="Accept X-HUM-Signature alone: no replay protection.")
@click.option("--show-body", is_flag=True, help="Print each request's body below its line.")
@json_option
def listen(
    given: tuple[str, ...],
    names: tuple[str, ...],
    host: str,
    port: int,
    fail_every: int,
    allow_body_only: bool,
    show_body: bool,
    as_json: bool,
) -> None:
    """Receive webhooks on this machine: verify each request and print one line for it.

    A bad signature answers 401. With --json each line is one JSON object. The gateway sends here only when
    HUM_GATEWAY_ALLOW_NETWORKS has 127.0.0.0/8.
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
        fail_every=fail_every,
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
    config = uvicorn.Config(receiver, lifespan="off", log_config=None, access_log=False, server_header=False)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        click.echo("stopped", err=True)

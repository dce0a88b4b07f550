"""The operator's work on keys and state: through the running gateway's socket, or on the database itself.

A SQLite file belongs to one process. While `serve` has it, this talks to `serve` over the Unix socket beside
the file (mode 0600: whoever may open it owns the data anyway); otherwise it takes the lock and works alone.
PostgreSQL is opened directly.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx

from gateway.client import GatewayClient, Json
from gateway.client.errors import Answer, error_of
from gateway.domain.audit import Finding
from gateway.errors import Conflict, StartupError
from gateway.store.lock import DatabaseInUseError, DatabaseLock, control_socket_path

if TYPE_CHECKING:
    from gateway.config import Settings

# The lock's holder may be another such command, about to finish, or a `serve` whose socket is not open yet.
PATIENCE = 5.0
PAUSE = 0.1


class KeysOverApi:
    """What `Operator` does with keys, over the HTTP API of any gateway. The organization of a new key stands
    in the request; without one it is the caller's own."""

    def __init__(self, client: GatewayClient) -> None:
        self._client = client

    def create_key(
        self,
        *,
        platform: bool = False,
        org: str | None = None,
        role: str | None = None,
        scopes: list[str] | None = None,
        expires_in: int | None = None,
        name: str = "",
    ) -> Json:
        body: Json = {"platform": True, "scopes": scopes} if platform else {"org_id": org, "role": role}
        body |= {"expires_in": expires_in, "name": name or None}
        given: Json = {field: value for field, value in body.items() if value is not None}
        return dict(self._client.create_key(**given))

    def list_keys(self) -> list[Json]:
        return [dict(key) for key in self._client.list_keys()]

    def revoke_key(self, key_id: str) -> None:
        self._client.revoke_key(key_id)


class Operator:
    """A context manager. Raises StartupError when neither the lock nor a running gateway is to be had."""

    def __init__(self, settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._sleep = sleep
        self._lock: DatabaseLock | None = None
        self._client: GatewayClient | None = None
        self._address: Path | None = None

    def __enter__(self) -> Operator:
        database = self._settings.sqlite_path
        if database is not None:
            self._reach(database)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
        if self._lock is not None:
            self._lock.release()

    def create_key(
        self,
        *,
        platform: bool = False,
        org: str | None = None,
        role: str | None = None,
        scopes: list[str] | None = None,
        expires_in: int | None = None,
        name: str = "",
    ) -> Json:
        """`{"id", "key", …}`, the key shown this once. `expires_in` in seconds."""
        if self._client is None:
            made: Json = self._offline(
                lambda office: office.create_key(
                    platform=platform, org=org, role=role, scopes=scopes, expires_in=expires_in, name=name
                )
            )
            return made
        return KeysOverApi(self._client).create_key(
            platform=platform, org=org, role=role, scopes=scopes, expires_in=expires_in, name=name
        )

    def list_keys(self) -> list[Json]:
        if self._client is None:
            found: list[Json] = self._offline(lambda office: office.list_keys())
            return found
        return KeysOverApi(self._client).list_keys()

    def revoke_key(self, key_id: str) -> None:
        if self._client is None:
            self._offline(lambda office: office.revoke_key(key_id))
        else:
            KeysOverApi(self._client).revoke_key(key_id)

    def verify_audit(self) -> list[Finding]:
        """What following every chain of the audit log came to."""
        if self._client is None:
            found: list[Finding] = self._offline(lambda office: office.verify_audit())
            return found
        answer = self._client.request("GET", "/control/audit")
        return [Finding(**one | {"head": bytes.fromhex(one["head"])}) for one in answer["data"]]

    def status(self) -> Json:
        client = self._client
        found: Json = (
            client.request("GET", "/control/status") if client else self._offline(lambda o: o.status())
        )
        return found

    def backup(self, file: Path, *, force: bool) -> Iterator[Json]:
        """What `manage.backup` tells, line by line, until it is done. Raises Problem and GatewayError."""
        if self._address is None:
            yield from self._backup_alone(file, force=force)
            return
        order = {"file": str(file.absolute()), "force": force}
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self._address)), timeout=30) as http:
            try:
                with http.stream("POST", "http://localhost/control/backup", json=order) as response:
                    if not response.is_success:
                        raise error_of(Answer(response.status_code, response.headers, response.read()))
                    for line in response.iter_lines():
                        yield _told(json.loads(line))
            except httpx.TransportError as cause:
                raise StartupError(f"the gateway has ended, and the backup with it: {cause}") from None

    def _backup_alone(self, file: Path, *, force: bool) -> Iterator[Json]:
        """Without opening the store: a backup before an upgrade must not upgrade."""
        from gateway.clock import SystemClock
        from gateway.manage.backup import Backup

        assert self._settings.sqlite_path is not None
        backup = Backup(self._settings.sqlite_path, file, SystemClock(), force=force)
        with asyncio.Runner() as runner:
            lines = backup.lines()
            while (line := runner.run(_next(lines))) is not None:
                yield _told(line)

    def _reach(self, database: Path) -> None:
        lock = DatabaseLock(database)
        address = control_socket_path(database)
        for left in range(round(PATIENCE / PAUSE), -1, -1):
            try:
                lock.acquire()
            except DatabaseInUseError as error:
                if _answers(address):
                    transport = httpx.HTTPTransport(uds=str(address))
                    self._client = GatewayClient("http://localhost", transport=transport)
                    self._address = address
                    return
                if not left:
                    raise StartupError(f"{error}, and nobody answers on {address}") from None
                self._sleep(PAUSE)
            else:
                self._lock = lock
                return

    def _offline(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        from gateway.process import offline

        async def run() -> Any:
            async with offline(self._settings) as office:
                return await work(office)

        return asyncio.run(run())


async def _next(lines: AsyncIterator[Json]) -> Json | None:
    return await anext(lines, None)


def _told(line: Json) -> Json:
    """Raises what the line says went wrong."""
    if "error" in line:
        raise Conflict(line["error"]["message"], code=line["error"]["error"])
    return line


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(address))
        except OSError:
            return False
    return True

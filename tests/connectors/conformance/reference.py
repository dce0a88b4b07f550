"""The reference connector, built on the kit, and a way to make one thing wrong with it.

A fault stands between the check and the good connector: it sees every request before the connector does and
every answer after it, and knows the secret. So it is one short function, whatever the connector is made of.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from connectors.kit.conformance import Options, Report, Seed, read_seed, run_async
from connectors.kit.contract import Contact
from connectors.kit.server import application
from connectors.memory.connector import MemoryConnector
from tests.connectors.signing import SECRET

EXACT = "+13175550142"
LOCAL = "+13175550143"
SHARED = "+13175550144"
UNKNOWN = "+13175550199"

PEOPLE = (
    Contact(
        "101",
        "Dana Quillfeather",
        first_name="Dana",
        last_name="Quillfeather",
        email="dana@example.com",
        phone=EXACT,
        company="Maple Grove",
        url="https://crm.example.com/contacts/101",
        notes="Prefers texts.",
        fields={"plan": "gold", "visits": 3},
    ),
    Contact("102", "Ines Marlowe", phone="(317) 555-0143"),
    Contact("103", "Ada Pell", phone=SHARED),
    Contact("104", "Bo Pell", phone=SHARED),
)
SEED = read_seed(
    json.dumps(
        {
            "contacts": {
                EXACT: {"id": "101", "name": "Dana Quillfeather", "stored": EXACT},
                LOCAL: {"id": "102", "stored": "(317) 555-0143"},
                SHARED: {"matches": 2},
            },
            "unknown": [UNKNOWN],
        }
    )
)


class Clock:
    """Seconds that pass only when a fault says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Asked:
    """A request on its way to the connector. Header names are small; `as_written` has them as they came."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    as_written: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return httpx.URL(self.url).path

    def get(self, name: str) -> str:
        """The first value; "" when there is none."""
        return next((value for own, value in self.headers if own == name), "")

    def having(self, name: str, value: str) -> Asked:
        rest = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=(*rest, (name, value)))

    def at(self, path: str) -> Asked:
        return replace(self, url=str(httpx.URL(self.url).copy_with(path=path)))

    @property
    def json(self) -> Any:
        """None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def fields(self) -> dict[str, Any]:
        """The body's fields; none when it is no object."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def call(self) -> dict[str, Any]:
        """The call of a call.sync."""
        found = self.fields.get("call")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Reply:
    """An answer on its way back."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    @property
    def data(self) -> Any:
        return json.loads(self.body)

    def having(self, name: str, value: str) -> Reply:
        rest = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=(*rest, (name, value)))

    def with_fields(self, **fields: Any) -> Reply:
        return replace(self, body=json.dumps({**self.data, **fields}).encode())

    def without(self, *names: str) -> Reply:
        kept = {name: value for name, value in self.data.items() if name not in names}
        return replace(self, body=json.dumps(kept).encode())

    def with_contact(self, **fields: Any) -> Reply:
        """The contact with fields replaced; None leaves one out. Other answers stay as they are."""
        if (self.status >= 400 and self.status != 409) or not self.data.get("contact"):
            return self
        contact = {**self.data["contact"], **fields}
        return self.with_fields(contact={k: v for k, v in contact.items() if v is not None})


def says(status: int, data: Any) -> Reply:
    return Reply(status, json.dumps(data).encode())


NOT_FOUND = says(200, {"found": False})
CRASH = says(500, {"error": "internal", "message": "something broke"})
UNAUTHORIZED = says(401, {"error": "unauthorized", "message": "no"})
BAD_REQUEST = says(400, {"error": "invalid_request", "message": "phone, name or call is wrong"})

Ask = Callable[[Asked], Awaitable[Reply]]


@dataclass
class World:
    """What a fault knows: the good connector's contacts and calls, the secret, and a memory of its own."""

    connector: MemoryConnector
    clock: Clock
    secret: str = SECRET
    memo: dict[Any, Any] = field(default_factory=dict)

    def digest(self, body: bytes, key: str | None = None, algorithm: str = "sha256") -> str:
        return hmac.new((self.secret if key is None else key).encode(), body, algorithm).hexdigest()

    def sign(self, asked: Asked) -> Asked:
        """The request with good signatures; the bearer stays as it is."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        if not (asked.get("webhook-id") and asked.get("webhook-timestamp").isdigit()):
            asked = asked.having("webhook-id", "evt_1").having("webhook-timestamp", "1")
        asked = asked.having("webhook-timestamp", self.fresh_timestamp())
        content = f"{asked.get('webhook-id')}.{asked.get('webhook-timestamp')}.".encode() + asked.body
        entry = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        asked = asked.having("webhook-signature", f"v1,{entry}")
        return asked.having("x-hum-signature", f"sha256={self.digest(asked.body)}")

    def bear(self, asked: Asked) -> Asked:
        """The request with a good bearer."""
        return asked.having("authorization", f"Bearer {self.secret}")

    def admit(self, asked: Asked) -> Asked:
        return self.bear(self.sign(asked))

    def is_signed(self, asked: Asked) -> bool:
        return asked.get("x-hum-signature") == f"sha256={self.digest(asked.body)}"

    def is_admitted(self, asked: Asked) -> bool:
        return self.is_signed(asked) and asked.get("authorization") == f"Bearer {self.secret}"

    def fresh_timestamp(self) -> str:
        return str(int(NOW))


NOW = 1_795_209_909.0
Run = Callable[[Asked, Ask, World], Awaitable[Reply]]


class Between(httpx.AsyncBaseTransport):
    """The transport to the good connector, with a fault before it."""

    def __init__(self, world: World, fault: Run | None) -> None:
        self._inner = httpx.ASGITransport(
            application(world.connector, [world.secret], clock=lambda: NOW), raise_app_exceptions=False
        )
        self._world = world
        self._fault = fault

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = b"".join([part async for part in _stream(request)])
        headers = tuple((k.decode().lower(), v.decode("latin-1")) for k, v in request.headers.raw)
        as_written = tuple(name.decode() for name, _ in request.headers.raw)
        asked = Asked(request.method, str(request.url), headers, body, as_written)
        reply = await (self._fault(asked, self._ask, self._world) if self._fault else self._ask(asked))
        raw = [(k.encode(), v.encode("latin-1")) for k, v in reply.headers]
        return httpx.Response(reply.status, headers=raw, stream=httpx.ByteStream(reply.body))

    async def _ask(self, asked: Asked) -> Reply:
        headers = [
            (k, v.encode("latin-1"))
            for k, v in asked.headers
            if k not in ("content-length", "transfer-encoding")
        ]
        response = await self._inner.handle_async_request(
            httpx.Request(asked.method, asked.url, headers=headers, content=asked.body)  # type: ignore[arg-type]
        )
        found = await response.aread()
        return Reply(response.status_code, found, tuple((k.lower(), v) for k, v in response.headers.items()))


async def _stream(request: httpx.Request) -> AsyncIterator[bytes]:
    assert isinstance(request.stream, httpx.AsyncByteStream)
    async for part in request.stream:
        yield part


async def checked(fault: Run | None = None, *, base: str = "http://127.0.0.1", **options: Any) -> Report:
    """The report on the reference connector, with or without a fault."""
    world = World(MemoryConnector(PEOPLE), Clock())

    async def show(activity: str) -> str:
        return world.memo.get(("shown", activity)) or repr(world.connector.calls[activity])

    given: dict[str, Any] = {
        "allow_writes": True,
        "seed": SEED,
        "settle": 0.0,
        "show_activity": show,
        "clock": world.clock,
        "now": lambda: NOW,
        **options,
    }
    transport = Between(world, fault)
    return await run_async(base, world.secret, Options(transport=transport, **given))


__all__ = ["PEOPLE", "SEED", "Asked", "Reply", "Seed", "World", "checked", "says"]

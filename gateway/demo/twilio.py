"""A local double of Twilio Lookup v2, an HTTP server in a thread: for the demonstration and for tests.

Its answers are Twilio's own worked examples (`fixtures/twilio`) with the number that was asked for put in
their place. It charges: what was asked of which number is counted.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import uvicorn

from gateway import fixture_files

ACCOUNT_SID: Final = "ACdddddddddddddddddddddddddddddddd"
AUTH_TOKEN: Final = "the-doubles-own-token"  # noqa: S105 - opens nothing but the double
PATH: Final = "/v2/PhoneNumbers/"
PACKAGES: Final = ("caller_name", "line_type_intelligence")

Message = MutableMapping[str, Any]
Response = tuple[int, bytes, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the number as it stood in the path, still encoded, and the packages."""

    phone: str
    fields: tuple[str, ...]
    raw_path: str
    headers: Mapping[str, str] = field(repr=False)


class TwilioDouble:
    """`asked` grows while it runs. A context manager.

    `say` sets what a package of a number is; `instead` answers in place of everything; `gate` holds every
    answer but the first `ungated` until it is set, `delay` each for so many seconds. `refusal` is what other
    accounts are told.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.asked: list[Asked] = []
        self.refused = 0
        self.instead: Callable[[Asked], Response] | None = None
        self.gate: threading.Event | None = None
        self.ungated = 0
        self.refusal = (401, 20003)
        self.delay: Callable[[Asked], float] | None = None
        self.account = (ACCOUNT_SID, AUTH_TOKEN)
        self._examples = fixture_files.twilio_examples()
        self._said: dict[tuple[str, str], dict[str, Any]] = {}
        self._invalid: set[str] = set()
        self._socket = socket.create_server((host, 0))
        config = uvicorn.Config(self, lifespan="off", log_config=None, access_log=False, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="twilio", daemon=True
        )
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"

    def __enter__(self) -> TwilioDouble:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.gate is not None:
            self.gate.set()
        self._server.should_exit = self._server.force_exit = True  # whoever still waits gets no answer
        self._thread.join(5)
        self._socket.close()

    @property
    def settings(self) -> dict[str, str]:
        """What a gateway must be told to ask here."""
        sid, token = self.account
        return {
            "TWILIO_ACCOUNT_SID": sid, "TWILIO_AUTH_TOKEN": token, "TWILIO_LOOKUP_URL": self.url,
        }  # fmt: skip

    def say(self, phone: str, package: str, **values: Any) -> None:
        """What a package of a number holds, over the worked example's; `error_code` makes it fail."""
        self._said[phone, package] = values

    def nobody(self, phone: str) -> None:
        """The number does not exist."""
        self._invalid.add(phone)

    def charged(self) -> Counter[tuple[str, str]]:
        """How often which package of which number was asked for."""
        return Counter((one.phone, name) for one in self.asked for name in one.fields)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        status, body, headers = await self._respond(scope)
        pairs = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        encoded = [(name.encode(), value.encode()) for name, value in pairs.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Message) -> Response:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        raw = scope["raw_path"].decode("ascii").partition("?")[0]
        if scope["method"] != "GET" or not raw.startswith(PATH):
            return self._problem(404, 20404)
        if headers.get("authorization") != self._expected():
            self.refused += 1
            return self._problem(*self.refusal)
        fields = parse_qs(scope["query_string"].decode()).get("Fields", [""])[0]
        names = tuple(name for name in fields.split(",") if name)
        asked = Asked(unquote(raw.removeprefix(PATH)), names, raw, headers)
        self.asked.append(asked)
        if self.gate is not None and len(self.asked) > self.ungated:
            await asyncio.to_thread(self.gate.wait)
        if self.delay is not None:
            await asyncio.sleep(self.delay(asked))
        if self.instead is not None:
            return self.instead(asked)
        return self.usual(asked)

    def usual(self, asked: Asked) -> Response:
        """What it answers by itself."""
        return 200, json.dumps(self._answer(asked.phone, asked.fields)).encode(), {}

    def _answer(self, phone: str, packages: Iterable[str]) -> dict[str, Any]:
        example = self._examples["fetchInvalid" if phone in self._invalid else "fetch"]
        answer: dict[str, Any] = copy.deepcopy(example) | {
            "phone_number": phone,
            "url": f"https://lookups.twilio.com{PATH}{phone}",
        }
        if not answer["valid"]:
            return answer
        for name in packages:
            whole = {"caller_name": "fetchCallerName", "line_type_intelligence": "fetchLineTypeIntelligence"}
            found = dict(self._examples[whole[name]][name])
            said = self._said.get((phone, name), {})
            if said.get("error_code") is not None:
                found = dict.fromkeys(found)
            answer[name] = found | said
        return answer

    def _expected(self) -> str:
        return "Basic " + base64.b64encode(":".join(self.account).encode()).decode()

    def _problem(self, status: int, code: int) -> Response:
        return status, json.dumps({"code": code, "status": status, "message": "no"}).encode(), {}

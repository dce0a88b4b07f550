"""A HubSpot of our own: its API over HTTP, in memory, with the habits that matter to a connector.

    double = HubSpot()                                   lag 8 s, five searches a second, 190 requests in ten
    client = Client("https://hubspot.test", TOKEN, transport=double.line())
    double.clock.now += 9                                search has caught up

Every request is kept in `requests`. Where HubSpot's own documents are there, each is held against them as it
comes, and so is each answer; what they object to gathers in `complaints`.
"""

from __future__ import annotations

import asyncio
import fnmatch
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import phonenumbers
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.connectors.hubspot.documents import documents

TOKEN = "pat-na1-a-token-of-the-tests"
BEGIN = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)

CONTACT_PROPERTIES = {
    "firstname", "lastname", "email", "phone", "mobilephone", "company", "jobtitle", "createdate",
    "vip_level", "hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number",
}  # fmt: skip
CALL_PROPERTIES = {
    "hs_timestamp", "hs_call_title", "hs_call_body", "hs_call_duration", "hs_call_direction",
    "hs_call_status", "hs_call_from_number", "hs_call_to_number", "hs_call_recording_url",
    "hs_call_external_id", "hs_createdate",
}  # fmt: skip
READ_ONLY = {"createdate", "hs_createdate"}
STATUSES = {"BUSY", "CALLING_CRM_USER", "CANCELED", "COMPLETED", "CONNECTING", "FAILED", "IN_PROGRESS",
            "NO_ANSWER", "QUEUED", "RINGING"}  # fmt: skip


@dataclass(slots=True)
class Clock:
    """Seconds since the test began; whoever sleeps moves it on."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class RunningClock(Clock):
    """The machine's, for callers that have no clock of the test."""

    def monotonic(self) -> float:
        self.now = time.monotonic()
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    at: float
    authorization: str = ""

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return f"{self.method} {re.sub(r'/[0-9]+', '/{id}', self.path)}"


@dataclass(slots=True)
class Object:
    id: str
    properties: dict[str, str]
    made: float
    changed: float
    associations: list[tuple[str, int]] = field(default_factory=list)


class HubSpot:
    def __init__(
        self,
        *,
        lag: float = 8.0,
        country: str = "US",
        searches_per_second: int = 5,
        requests_in_ten_seconds: int = 190,
        clock: Clock | None = None,
    ) -> None:
        self.lag = lag
        self.clock = clock or Clock()
        self.contacts: dict[str, Object] = {}
        self.calls: dict[str, Object] = {}
        self.requests: list[Asked] = []
        self.complaints: list[str] = []
        self.country = country
        self._searches_per_second = searches_per_second
        self._requests_in_ten_seconds = requests_in_ten_seconds
        self._next_id = 501
        self._instead: list[Callable[[Asked], Response | None]] = []
        self.app = Starlette(
            routes=[Route("/{path:path}", self._answer, methods=["GET", "POST", "PATCH", "PUT"])]
        )

    def line(self) -> Line:
        """The way to it, for httpx."""
        return Line(self)

    def has_contact(self, *, long_ago: float = 86_400, **properties: str) -> str:
        """A contact that search knows of."""
        return self._make(self.contacts, properties, self.clock.monotonic() - long_ago).id

    def answers(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        """The next request is answered so, whatever it is."""
        self._instead.append(lambda asked: JSONResponse(body, status, headers))

    def kinds(self) -> Counter[str]:
        return Counter(asked.kind for asked in self.requests)

    async def _answer(self, request: Request) -> Response:
        asked = Asked(
            request.method, request.url.path, dict(request.query_params), await request.body(),
            self.clock.monotonic(), request.headers.get("authorization", ""),
        )  # fmt: skip
        self.requests.append(asked)
        response = self._respond(asked)
        judges = documents()
        if judges is not None and judges.describes(asked.method, asked.path):
            self.complaints += judges.request(asked.method, asked.path, asked.query, asked.body)
            self.complaints += judges.answer(
                asked.method, asked.path, response.status_code, bytes(response.body)
            )
        return response

    def _respond(self, asked: Asked) -> Response:
        if self._instead and (response := self._instead.pop(0)(asked)) is not None:
            return response
        if asked.authorization != f"Bearer {TOKEN}":
            return problem(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if (limit := self._over_limit(asked)) is not None:
            return limit
        parts = asked.path.removeprefix("/crm/v3/objects/").split("/")
        shelf = {"contacts": self.contacts, "calls": self.calls}[parts[0]]
        match asked.method, parts[1:]:
            case "POST", ["search"]:
                return self._search(shelf, asked.json())
            case "POST", []:
                return self._create(parts[0], shelf, asked.json())
            case "GET", []:
                limit_of_page = int(asked.query["limit"])
                return JSONResponse(
                    {"results": [self._shown(one, []) for one in [*shelf.values()][:limit_of_page]]}
                )
            case "GET", [object_id]:
                return self._read(shelf, object_id, asked.query)
            case "PATCH", [object_id]:
                return self._update(parts[0], shelf, object_id, asked.json()["properties"])
            case "PUT", [call_id, "associations", "contacts", contact_id, type_id]:
                return self._associate(call_id, contact_id, int(type_id))
        return problem(404, "OBJECT_NOT_FOUND", "no such address")

    def _over_limit(self, asked: Asked) -> Response | None:
        def within(seconds: float, search: bool) -> int:
            return sum(
                self.clock.monotonic() - seconds < one.at and (one.path.endswith("/search") or not search)
                for one in self.requests
            )

        if asked.path.endswith("/search") and within(1, True) > self._searches_per_second:
            return problem(429, "RATE_LIMITS", "You have reached your secondly limit.", policyName="SECONDLY")
        if within(10, False) > self._requests_in_ten_seconds:
            return problem(
                429, "RATE_LIMITS", "You have reached your ten_secondly_rolling limit.",
                policyName="TEN_SECONDLY_ROLLING",
            )  # fmt: skip
        return None

    def _search(self, shelf: dict[str, Object], body: dict[str, Any]) -> Response:
        if len(body["filterGroups"]) > 5 or sum(len(one["filters"]) for one in body["filterGroups"]) > 18:
            return problem(400, "VALIDATION_ERROR", "too many filters")
        seen = [one for one in shelf.values() if one.changed + self.lag <= self.clock.monotonic()]
        found = [
            one
            for one in seen
            if any(
                all(fits(self._all(one), rule) for rule in group["filters"]) for group in body["filterGroups"]
            )
        ]
        for name in reversed(body.get("sorts", [])):
            found.sort(key=lambda one: self._all(one).get(name, ""))
        shown = [self._shown(one, body.get("properties", [])) for one in found[: body.get("limit", 10)]]
        return JSONResponse({"total": len(found), "results": shown})

    def _create(self, kind: str, shelf: dict[str, Object], body: dict[str, Any]) -> Response:
        properties = body["properties"]
        if (wrong := self._wrong(kind, properties)) is not None:
            return wrong
        if kind == "calls" and "hs_timestamp" not in properties:
            return invalid("hs_timestamp")
        email = properties.get("email", "").lower()
        taken = [one for one in shelf.values() if email and one.properties.get("email", "").lower() == email]
        if taken:
            return problem(409, "CONFLICT", f"Contact already exists. Existing ID: {taken[0].id}")
        if any(link["to"]["id"] not in self.contacts for link in body["associations"]):
            return problem(400, "VALIDATION_ERROR", "no such contact to associate")
        made = self._make(shelf, properties, self.clock.monotonic())
        for link in body["associations"]:
            made.associations += [(link["to"]["id"], one["associationTypeId"]) for one in link["types"]]
        return JSONResponse(self._shown(made, [*properties]), 201)

    def _update(
        self, kind: str, shelf: dict[str, Object], object_id: str, properties: dict[str, str]
    ) -> Response:
        if object_id not in shelf:
            return problem(404, "OBJECT_NOT_FOUND", "Object not found.")
        if (wrong := self._wrong(kind, properties)) is not None:
            return wrong
        shelf[object_id].properties |= properties
        shelf[object_id].changed = self.clock.monotonic()
        return JSONResponse(self._shown(shelf[object_id], [*properties]))

    def _read(self, shelf: dict[str, Object], object_id: str, query: dict[str, str]) -> Response:
        if object_id not in shelf:
            return problem(404, "OBJECT_NOT_FOUND", "Object not found.")
        shown = self._shown(shelf[object_id], query.get("properties", "").split(","))
        links = shelf[object_id].associations
        if "contacts" in query.get("associations", "") and links:
            results = [{"id": contact_id, "type": "call_to_contact"} for contact_id, _ in links]
            shown["associations"] = {"contacts": {"results": results}}
        return JSONResponse(shown)

    def _associate(self, call_id: str, contact_id: str, type_id: int) -> Response:
        if call_id not in self.calls or contact_id not in self.contacts:
            return problem(404, "OBJECT_NOT_FOUND", "Object not found.")
        self.calls[call_id].associations.append((contact_id, type_id))
        return JSONResponse(self._shown(self.calls[call_id], []))

    def _make(self, shelf: dict[str, Object], properties: dict[str, str], at: float) -> Object:
        made = Object(str(self._next_id), dict(properties), at, at)
        self._next_id += 1
        shelf[made.id] = made
        return made

    def _wrong(self, kind: str, properties: dict[str, Any]) -> Response | None:
        known = (CONTACT_PROPERTIES if kind == "contacts" else CALL_PROPERTIES) - READ_ONLY
        for name, value in properties.items():
            if name not in known or not isinstance(value, str):
                return invalid(name)
            if not allowed(name, value):
                return invalid(name)
        return None

    def _all(self, one: Object) -> dict[str, str]:
        made = BEGIN + timedelta(seconds=one.made)
        return {
            "hs_searchable_calculated_phone_number": national(one.properties.get("phone"), self.country),
            "hs_searchable_calculated_mobile_number": national(
                one.properties.get("mobilephone"), self.country
            ),
            "createdate": stamp(made),
            "hs_createdate": stamp(made),
            **one.properties,
        }

    def _shown(self, one: Object, wanted: list[str]) -> dict[str, Any]:
        properties = {name: text for name, text in self._all(one).items() if name in wanted}
        return {
            "id": one.id,
            "properties": properties,
            "createdAt": stamp(BEGIN + timedelta(seconds=one.made)),
            "updatedAt": stamp(BEGIN + timedelta(seconds=one.changed)),
            "archived": False,
        }


Trouble = Literal["request lost", "answer lost", "bad gateway", "silence"]


class Line(httpx.AsyncBaseTransport):
    """Carries requests to the double, and breaks on order."""

    def __init__(self, double: HubSpot) -> None:
        self._inner = httpx.ASGITransport(double.app)
        self._troubles: list[tuple[Trouble, str | None]] = []

    def breaks(self, trouble: Trouble, path: str | None = None, times: int = 1) -> None:
        """For the next request, or the next one to `path`. In silence the caller waits for ever."""
        self._troubles += [(trouble, path)] * times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        trouble = self._trouble(request.url.path)
        if trouble == "request lost":
            raise httpx.ReadError("connection reset by peer")
        response = await self._inner.handle_async_request(request)
        if trouble == "answer lost":
            raise httpx.ReadError("connection reset by peer")
        if trouble == "bad gateway":
            return httpx.Response(502, text="<html>Bad Gateway</html>", request=request)
        if trouble == "silence":
            await asyncio.Event().wait()
        return response

    def _trouble(self, path: str) -> Trouble | None:
        for index, (trouble, where) in enumerate(self._troubles):
            if where in (None, path):
                del self._troubles[index]
                return trouble
        return None


def fits(properties: dict[str, str], rule: dict[str, str]) -> bool:
    """EQ compares whole values; CONTAINS_TOKEN compares words, with `*` for anything."""
    value = properties.get(rule["propertyName"], "")
    if rule["operator"] == "EQ":
        return value.lower() == rule["value"].lower()
    assert rule["operator"] == "CONTAINS_TOKEN"
    return any(fnmatch.fnmatchcase(word, rule["value"]) for word in re.findall(r"\w+", value))


def allowed(name: str, value: str) -> bool:
    match name:
        case "hs_timestamp" | "hs_call_duration":
            return re.fullmatch(r"-?[0-9]+", value) is not None
        case "hs_call_direction":
            return value in ("INBOUND", "OUTBOUND")
        case "hs_call_status":
            return value in STATUSES
        case "hs_call_recording_url":
            return value.startswith("https://")
        case "email":
            return re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", value) is not None
    return len(value.encode("utf-16-le")) // 2 <= 65_536


def national(text: str | None, country: str) -> str:
    """What HubSpot derives from a number in any notation."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(text or "", country))
    except phonenumbers.NumberParseException:
        return ""


def invalid(name: str) -> Response:
    errors = [{"message": "not valid", "context": {"propertyName": [name]}}]
    return problem(
        400, "VALIDATION_ERROR", "Property values were not valid: Dana Quillfeather", errors=errors
    )


def problem(status: int, category: str, message: str, **more: Any) -> Response:
    body = {
        "status": "error",
        "message": message,
        "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
        "category": category,
        **more,
    }
    return JSONResponse(body, status)


def stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")

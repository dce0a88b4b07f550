"""A request of HUM becomes a model: read within bounds, verified, decoded; every fault has a name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from connectors.kit.answers import Problem
from connectors.kit.verify import Refused, Verified, verify

LONGEST_BODY: Final = 4_718_592  # bytes: a call as long as HUM's longest event, 4 MiB, and its frame
SLOWEST_BODY: Final = 10  # seconds

_DELIVERY = re.compile(r"[A-Za-z0-9_.:-]{1,128}\Z", re.ASCII)
_MILLISECONDS = re.compile(r"-?[0-9]{1,9}\Z", re.ASCII)
_WHERE = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?\Z", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`\Z")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers say. `delivery` is the same each time that HUM sends the same; `again`: a person
    ordered it once more; `patience`: seconds that somebody still waits, None when nobody said."""

    delivery: str | None
    again: bool
    patience: float | None


def envelope(request: Request) -> Envelope:
    delivery = request.headers.get("x-hum-delivery", "")
    deadline = request.headers.get("x-hum-deadline-ms", "").strip()
    return Envelope(
        delivery=delivery if _DELIVERY.match(delivery) else None,
        again="x-hum-redelivery" in request.headers,
        patience=int(deadline) / 1000 if _MILLISECONDS.match(deadline) else None,
    )


async def read(request: Request) -> bytes:
    """The raw body. Raises Problem: too large, or too slow."""
    too_large = Problem(413, "payload_too_large", "the body is larger than 4.5 MiB")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > LONGEST_BODY:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            async for part in request.stream():
                body += part
                if len(body) > LONGEST_BODY:
                    raise too_large
    except (TimeoutError, ClientDisconnect) as error:
        raise Problem(408, "request_incomplete", "the body did not arrive") from error
    return bytes(body)


def admit(request: Request, body: bytes, secrets: Sequence[str], event: str, now: float) -> Verified:
    """What was proved. Raises Problem unless it is HUM's request, of the event that belongs here, in JSON."""
    try:
        verified = verify(request.headers.raw, body, secrets, now=now)
    except Refused as refused:
        raise Problem(401, refused.reason, str(refused)) from refused
    given = request.headers.get("x-hum-event")
    if given != event:
        raise Problem(400, "event_mismatch", f"X-HUM-Event of a request to this path is {event}")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "unsupported_media_type", "Content-Type is application/json")
    return verified


def decode(body: bytes, model: type[T]) -> T:
    """Fields that nobody knows are ignored, and a null is a field that is not there. Raises Problem."""
    try:
        found = _without_nulls(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "invalid_json", "the body is not JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise Problem(422, "invalid_request", "the body is not an object")
    try:
        return msgspec.convert(found, model)
    except msgspec.ValidationError as error:
        raise Problem(422, "invalid_request", _told(str(error))) from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        # What a call's outcome holds is the customer's: a null in it may mean something.
        return {
            name: member if name == "outcome" else _without_nulls(member)
            for name, member in value.items()
            if member is not None
        }
    if isinstance(value, list):
        return [_without_nulls(member) for member in value if member is not None]
    return value


def _told(text: str) -> str:
    """`Expected `str`, got `int` - at `$.phone`` as `phone: expected str, got int`."""
    found = _WHERE.match(text)
    what, where = (found[1], found[2] or "") if found else (text, "")
    missing = _MISSING.match(what)
    if missing:
        return f"{where}.{missing[1]}: is missing".removeprefix(".")
    return f"{where or 'body'}: {what[:1].lower()}{what[1:]}".replace("`", "").replace(" | null", "")

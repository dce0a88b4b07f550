"""Request bodies: bounded one by one and together, and strict JSON for the small ones."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from gateway.domain.bounds import MOST_DETAILS, MOST_MEMBERS, crowded
from gateway.domain.wording import of_pydantic
from gateway.errors import (
    BadRequest,
    Detail,
    InvalidRequest,
    Overloaded,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

SMALL: Final = 1024 * 1024
BATCH: Final = 16 * 1024 * 1024
IN_FLIGHT: Final = 64 * 1024 * 1024
READ_SECONDS: Final = 20.0
_MOST_DIGITS: Final = 1000  # of an integer: no field takes one that long

M = TypeVar("M", bound=BaseModel)


class BodyBudget:
    """How much of request bodies is held at once, over all requests."""

    def __init__(self, limit: int = IN_FLIGHT, seconds: float = READ_SECONDS) -> None:
        self._limit = limit
        self._seconds = seconds
        self.used = 0

    async def read(self, scope: Scope, receive: Receive, limit: int) -> bytes:
        """The whole body. Raises PayloadTooLarge over `limit`, Overloaded when too much is under way,
        RequestTimeout when the client takes too long: what it holds meanwhile is taken from others.

        What was read is given back to the budget by `done` when the request is over.
        """
        declared = _content_length(scope)
        if declared is not None and declared > limit:
            raise _too_large(limit)
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            return self._whole(message.get("body", b""), limit)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._rest(message, receive, limit)
        except TimeoutError:
            raise RequestTimeout(f"the body did not arrive within {self._seconds:.0f} s") from None

    def _whole(self, body: bytes, limit: int) -> bytes:
        """A body that came in one piece."""
        self._take(len(body), 0, limit)
        return body

    async def _rest(self, message: Message, receive: Receive, limit: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk = message.get("body", b"")
                self._take(len(chunk), size, limit)
                size += len(chunk)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
                message = await receive()
        except BaseException:
            self.used -= size
            raise

    def _take(self, more: int, before: int, limit: int) -> None:
        """Counts `more` bytes of a request that has `before`. Large requests leave a part of the budget to
        the small ones."""
        if before + more > limit:
            raise _too_large(limit)
        room = self._limit if before + more <= SMALL else self._limit * 3 // 4
        if self.used + more > room:
            raise Overloaded("too many large requests at once", retry_after=1)
        self.used += more

    def done(self, body: bytes) -> None:
        self.used -= len(body)


def check_json_type(content_type: str | None) -> None:
    """Raises UnsupportedMediaType for anything but JSON; no type at all is taken for JSON."""
    if content_type is None:
        return
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType(f"the body must be application/json, not {kind}")


def check_type(content_type: str | None, taken: Sequence[str]) -> None:
    """Raises UnsupportedMediaType for anything but these, also for no type at all: what a file is, it does
    not say itself."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind not in taken:
        raise UnsupportedMediaType(f"the body must be {' or '.join(taken)}; Content-Type says which")


def parse(model: type[M], body: bytes) -> M:
    """The body as a request model, with the mistakes named at once, as many as MOST_DETAILS."""
    if not body:
        body = b"{}"
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer
        )
        if b"\\u" in body:  # the only way to write half of a surrogate pair
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRequest("the body is not valid JSON: half of a surrogate pair") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest.field("", "is nested too deeply") from None
    except ValueError as error:
        raise BadRequest(f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequest.field("", "the body must be an object")
    if (found := crowded(value)) is not None:
        place, members = found
        raise InvalidRequest.field(place, f"has {members} fields; an object has at most {MOST_MEMBERS}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> InvalidRequest:
    mistakes = error.errors(include_url=False, include_input=False)
    details = [
        Detail(_path(e["loc"]), of_pydantic(e["type"], e.get("ctx", {}), e["msg"]))
        for e in mistakes[:MOST_DETAILS]
    ]
    text = "; ".join(
        f"{detail.field}: {detail.message}" if detail.field else detail.message for detail in details[:5]
    )
    if len(mistakes) > MOST_DETAILS:
        text += f". {len(mistakes)} mistakes in all, of which the first {MOST_DETAILS} are described"
    return InvalidRequest(text, details=details)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    raise InvalidRequest.field(twice.encode("utf-8", "replace").decode(), "stands more than once")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        if part == "[key]":
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return None


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the request is larger than {limit} bytes")

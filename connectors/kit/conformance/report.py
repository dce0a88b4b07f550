"""What a run came to: every check with its outcome, every failure with what was sent and what came back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from connectors.kit.conformance.check import Check
from connectors.kit.conformance.exchange import Answer, Exchange
from connectors.kit.conformance.masking import mask, mask_header
from connectors.kit.conformance.request import CALLS, CREATE, Request
from connectors.kit.conformance.verdict import Failed

Status = Literal["passed", "failed", "skipped"]
Kind = Literal["contact", "activity"]

MOST_SHOWN: Final = 1000  # characters of a body
MOST_SAID: Final = 80  # characters of what was left behind

_TELLING: Final = (
    "content-type",
    "content-length",
    "content-encoding",
    "location",
    "retry-after",
    "server",
    "allow",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A request or an answer, fit to be read: no secret, bodies cut. `head` is its first line."""

    head: str
    headers: tuple[tuple[str, str], ...]
    body: str

    def json(self) -> dict[str, Any]:
        return {"head": self.head, "headers": [list(pair) for pair in self.headers], "body": self.body}


@dataclass(frozen=True, slots=True)
class Failure:
    """`request` and `answer` are None where nothing was sent, or nothing came back; `where` is then None, and
    else the path and the status."""

    expected: str
    got: str
    hint: str
    request: Shown | None = None
    answer: Shown | None = None
    where: tuple[str, int] | None = None

    def json(self) -> dict[str, Any]:
        return {
            "expected": self.expected,
            "got": self.got,
            "hint": self.hint,
            "request": self.request.json() if self.request else None,
            "response": self.answer.json() if self.answer else None,
        }


@dataclass(frozen=True, slots=True)
class Result:
    """One check's outcome. `reason` says why it was skipped; `seconds` how long it took."""

    check: Check
    status: Status
    seconds: float = 0.0
    failure: Failure | None = None
    reason: str = ""

    def json(self) -> dict[str, Any]:
        return {
            "id": self.check.id,
            "title": self.check.title,
            "rule": self.check.rule,
            "profile": self.check.profile,
            "mode": self.check.mode,
            "writes": self.check.writes,
            "status": self.status,
            "duration_ms": round(self.seconds * 1000),
            "reason": self.reason or None,
            "failure": self.failure.json() if self.failure else None,
        }


@dataclass(frozen=True, slots=True)
class Left:
    """Something that the run left in the CRM."""

    kind: Kind
    id: str
    what: str

    def json(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "what": self.what}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about a run. `notes` say what is behind many failures at once, or what was left out."""

    url: str
    profile: str
    mode: str
    allow_writes: bool
    results: tuple[Result, ...]
    left: tuple[Left, ...]
    notes: tuple[str, ...]
    requests: int
    seconds: float

    @property
    def failures(self) -> list[Result]:
        return [result for result in self.results if result.status == "failed"]

    @property
    def failed_ids(self) -> set[str]:
        return {result.check.id for result in self.failures}

    @property
    def skipped(self) -> list[Result]:
        return [result for result in self.results if result.status == "skipped"]

    @property
    def passed(self) -> list[Result]:
        return [result for result in self.results if result.status == "passed"]

    def skipped_by_reason(self) -> dict[str, list[Result]]:
        """The skipped checks, by what they were skipped for, in the order of the checks."""
        found: dict[str, list[Result]] = {}
        for result in self.skipped:
            found.setdefault(result.reason, []).append(result)
        return found

    def json(self) -> dict[str, Any]:
        """For programs; the form is described in `docs/check-a-connector.md`."""
        return {
            "url": self.url,
            "profile": self.profile,
            "mode": self.mode,
            "allow_writes": self.allow_writes,
            "passed": len(self.passed),
            "failed": len(self.failures),
            "skipped": len(self.skipped),
            "requests": self.requests,
            "duration_ms": round(self.seconds * 1000),
            "notes": list(self.notes),
            "left_behind": [left.json() for left in self.left],
            "results": [result.json() for result in self.results],
        }


def failure_of(failed: Failed, check: Check, last: Exchange | None, secret: str) -> Failure:
    """The failure as it is shown: the exchange that it names, else the last one of the check."""
    exchange = failed.exchange or last
    answer = exchange.answer if exchange is not None else None
    got = failed.got or (exchange.silence if exchange is not None else "") or "something else"
    return Failure(
        mask(failed.expected, secret),
        mask(got, secret),
        failed.hint or check.hint,
        show_request(exchange.request, exchange.url, secret) if exchange is not None else None,
        show_answer(answer, secret) if answer is not None else None,
        (exchange.request.path, answer.status) if exchange is not None and answer is not None else None,
    )


def show_request(request: Request, url: str, secret: str) -> Shown:
    """The request, with the secret and all proofs of it masked."""
    headers = tuple((name, mask_header(name, _text(value))) for name, value in request.headers)
    return Shown(
        f"{request.method} {mask(url, secret)}",
        tuple((name, mask(value, secret)) for name, value in headers),
        _cut(request.body, secret),
    )


def show_answer(answer: Answer, secret: str) -> Shown:
    """The status, the headers worth knowing, and the beginning of the body."""
    headers = tuple(pair for pair in answer.headers if pair[0].lower() in _TELLING)
    return Shown(
        f"HTTP {answer.status}, {answer.elapsed * 1000:.0f} ms",
        tuple((name, mask(value, secret)) for name, value in headers),
        _cut(answer.body, secret),
    )


def left_behind(exchanges: Iterable[Exchange], secret: str) -> tuple[Left, ...]:
    """What was made, told from the answers of the run: contacts first, each thing once."""
    found: dict[tuple[str, str], Left] = {}
    for exchange in exchanges:
        for kind, own_id, what in _made_by(exchange):
            left = Left(kind, mask(own_id, secret)[:MOST_SAID], mask(what, secret)[:MOST_SAID])
            found.setdefault((left.kind, left.id), left)
    return tuple(sorted(found.values(), key=lambda left: left.kind == "activity"))


def _made_by(exchange: Exchange) -> Iterator[tuple[Kind, str, str]]:
    answer, path = exchange.answer, exchange.request.path
    if answer is None or not 200 <= answer.status < 300 or not answer.is_object:
        return
    if path == CREATE.path and answer.data.get("created") is not False:
        contact = answer.data.get("contact")
        if isinstance(contact, dict) and contact.get("id"):
            what = " ".join(str(contact[key]) for key in ("phone", "name") if contact.get(key))
            yield "contact", str(contact["id"]), what
    if path == CALLS.path and answer.data.get("activity_id"):
        yield "activity", str(answer.data["activity_id"]), _call_of(exchange)


def _call_of(exchange: Exchange) -> str:
    try:
        return f"call {json.loads(exchange.request.body)['call']['id']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _cut(body: bytes, secret: str) -> str:
    # Masked before it is cut: half a secret at the cut would not be recognized.
    text = mask(body.decode("utf-8", "replace"), secret)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}… ({len(body)} bytes in all)"

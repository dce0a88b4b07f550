"""What connectors answer, read strictly against the contract: an answer that is wrong in any way is a
`Failed`, a value with a word for programs and a sentence for a person, and nothing of it is kept.

Only the contract's own "not found" is one: 200 or 404 with `{"found": false}`. Everything else that is no
contact is a failure. Texts that are merely long are cut, for a long job title must not make a caller unknown.
The sentences name fields and never what stands in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.crm.contacts import Wrong, contact_of
from gateway.domain.contact import CrmContact, Match
from gateway.domain.exchange import Exchange
from gateway.domain.phone import contradicts
from gateway.domain.rotation import SAYS_SIGNATURE
from gateway.domain.strict_json import NotJson, decode

MOST_NAME: Final = 200
MOST_ACTIVITY_ID: Final = 256


@dataclass(frozen=True, slots=True)
class Failed:
    """`error`: one of `domain.exchange.ExchangeError`, or `refused`, `endpoint_missing`, `http_status`,
    `too_large`, `invalid_json`, `invalid_answer`, `wrong_contact`."""

    error: str
    detail: str


@dataclass(frozen=True, slots=True)
class Found:
    """`matches` is how many contacts share the number; `match` how the number was recognized."""

    contact: CrmContact
    matches: int
    match: Match


@dataclass(frozen=True, slots=True)
class NotFound:
    """The connector knows nobody with this number."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The CRM has a contact for the number; `created`: made by this request."""

    contact: CrmContact
    created: bool


@dataclass(frozen=True, slots=True)
class Logged:
    """The call is in the CRM as this activity; or the CRM has no place for it (`skipped` says why)."""

    activity_id: str | None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Alive:
    """The connector answers; `name` and `version` as it gave them."""

    name: str | None = None
    version: str | None = None


def read_lookup(exchange: Exchange, phone: str) -> Found | NotFound | Failed:
    """The answer to a lookup of `phone` (E.164)."""
    if (failed := _unusable(exchange, (200, 404))) is not None:
        return failed
    answer = _object(exchange)
    if exchange.status_code == 404:
        if isinstance(answer, dict) and answer.get("found") is False:
            return NotFound()
        return _missing("/contacts/lookup")
    if isinstance(answer, Failed):
        return answer
    try:
        return _lookup(answer, phone)
    except Wrong as wrong:
        return _invalid(wrong)


def read_create(exchange: Exchange, phone: str) -> Kept | Failed:
    """The answer to a create with `phone` (E.164); 409 with the contact says that it existed."""
    if exchange.status_code == 404 and exchange.error is None:
        return _missing("/contacts")
    if (failed := _unusable(exchange, (200, 201, 409))) is not None:
        return failed
    answer = _object(exchange)
    if isinstance(answer, Failed):
        return answer
    try:
        contact = contact_of(answer.get("contact"))
        created = exchange.status_code != 409 and _boolean(answer, "created")
    except Wrong as wrong:
        return _invalid(wrong)
    return _another() if _is_another(contact, phone) else Kept(contact, created)


def read_ping(exchange: Exchange) -> Alive | Failed:
    """The answer to a ping."""
    if exchange.status_code == 404 and exchange.error is None:
        return _missing("/ping")
    if (failed := _unusable(exchange, range(200, 300))) is not None:
        return failed
    answer = _object(exchange)
    if isinstance(answer, Failed):
        return answer
    if answer.get("ok") is not True:
        return _invalid(Wrong("ok", "must be true"))
    return Alive(_shown(answer.get("name")), _shown(answer.get("version")))


def read_sync(exchange: Exchange) -> Logged | Failed:
    """The answer to a call."""
    if exchange.status_code == 404 and exchange.error is None:
        return _missing("/calls")
    if (failed := _unusable(exchange, range(200, 300))) is not None:
        return failed
    answer = _object(exchange)
    if isinstance(answer, Failed):
        return answer
    activity, skipped = answer.get("activity_id"), answer.get("skipped")
    if "activity_id" not in answer or not (activity is None or isinstance(activity, str)):
        return _invalid(Wrong("activity_id", "must be a text, or null with skipped"))
    if activity is None and not isinstance(skipped, str):
        return _invalid(Wrong("skipped", "must say why there is no activity"))
    if activity is not None and not 0 < len(activity) <= MOST_ACTIVITY_ID:
        return _invalid(Wrong("activity_id", f"must be 1 to {MOST_ACTIVITY_ID} characters"))
    return Logged(activity, _shown(skipped) if activity is None else None)


def _lookup(answer: Mapping[str, Any], phone: str) -> Found | NotFound | Failed:
    if not _boolean(answer, "found"):
        if answer.get("contact") is not None:
            raise Wrong("contact", "must not be there when found is false")
        return NotFound()
    contact = contact_of(answer.get("contact"))
    matches, match = answer.get("matches"), answer.get("match")
    if isinstance(matches, bool) or not isinstance(matches, int) or not 1 <= matches < 2**31:
        raise Wrong("matches", "must be a whole number from 1")
    if match not in ("exact", "suffix"):
        raise Wrong("match", "must be exact or suffix")
    return _another() if _is_another(contact, phone) else Found(contact, matches, match)


def _unusable(exchange: Exchange, statuses: range | tuple[int, ...]) -> Failed | None:
    """Why there is no answer to read; None when there is one."""
    status = exchange.status_code
    if exchange.error is not None:
        return Failed(exchange.error, exchange.error_detail)
    if status in SAYS_SIGNATURE:
        return Failed("refused", f"answered {status}: the connector does not take the secret")
    if status not in statuses:
        return Failed("http_status", f"answered {status}")
    if exchange.response_truncated:
        return Failed("too_large", "the answer is longer than 1 MiB")
    return None


def _object(exchange: Exchange) -> dict[str, Any] | Failed:
    try:
        value = decode(exchange.response_body)
    except NotJson as problem:
        kind = _content_type(exchange)
        hint = f" (it says that it is {kind})" if kind and "json" not in kind else ""
        return Failed("invalid_json", f"the answer is not valid JSON: {problem}{hint}")
    if not isinstance(value, dict):
        return _invalid(Wrong("", "must be an object"))
    return value


def _content_type(exchange: Exchange) -> str:
    for name, value in exchange.response_headers:
        if name.lower() == "content-type":
            kind = value.partition(";")[0].strip().lower()
            return kind if kind.isascii() and kind.isprintable() and len(kind) <= 60 else ""
    return ""


def _boolean(answer: Mapping[str, Any], name: str) -> bool:
    value = answer.get(name)
    if not isinstance(value, bool):
        raise Wrong(name, "must be true or false")
    return value


def _shown(value: Any) -> str | None:
    """For a person, nothing hangs on it."""
    if not isinstance(value, str):
        return None
    return "".join(character for character in value if character.isprintable())[:MOST_NAME] or None


def _is_another(contact: CrmContact, phone: str) -> bool:
    return contact.phone is not None and contradicts(contact.phone, phone)


def _another() -> Failed:
    return Failed("wrong_contact", "the contact's phone is another number than the one asked for")


def _missing(path: str) -> Failed:
    return Failed(
        "endpoint_missing", f"answered 404 without the contract's body: nothing serves {path} there"
    )


def _invalid(wrong: Wrong) -> Failed:
    return Failed("invalid_answer", f"{wrong.field}: {wrong.message}" if wrong.field else wrong.message)

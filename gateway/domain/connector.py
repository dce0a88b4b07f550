"""A connector: the bridge to an organization's CRM, asked about callers and told of calls.

`Connector` is what the running gateway knows of one; the request models say what a client may set and refuse
everything else by name. What is sent to it is `gateway.crm`'s business, and for `call.sync` the dispatcher's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.clock import parse_time
from gateway.domain.addressee import Addressee
from gateway.domain.secret import PREFIX, check_foreign, check_imported

Endpoint = Literal["contact.lookup", "contact.create", "call.sync", "ping"]

PATHS: Final[dict[Endpoint, str]] = {
    "contact.lookup": "/contacts/lookup",
    "contact.create": "/contacts",
    "call.sync": "/calls",
    "ping": "/ping",
}

MOST_CHANGED_PHONES: Final = 1000
_E164: Final = re.compile(r"\+[0-9]{6,15}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector(Addressee):
    """A connector as it is now, decrypted. `url` is the base URL, without a slash at its end."""

    kind: ClassVar = "connector"

    name: str
    timeout_ms: int = 4_000
    profile: str = "crm"
    create_contacts: bool = False
    sync_calls: bool = True
    sync_unknown: bool = True  # calls of people the CRM does not know are sent, too, with `contact` null
    priority: int = 0  # of several that know a caller, the highest counts; among equals the oldest
    contacts_since: int = 0  # (ms) what was answered before came from another system

    def endpoint(self, which: Endpoint) -> str:
        """The URL that requests of this kind go to."""
        return self.url + PATHS[which]


def by_precedence(connectors: Iterable[Connector]) -> list[Connector]:
    """First the one whose answer counts when several know something."""
    return sorted(connectors, key=lambda connector: (-connector.priority, connector.position))


def check_secret(text: str, field: str = "secret") -> str:
    """A secret that a customer brings, unchanged: `whsec_…` as for webhooks, or the one of a CRM bridge that
    exists already, 16 to 256 printable characters. Raises InvalidRequest."""
    return check_imported(text, field) if text.startswith(PREFIX) else check_foreign(text, field)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have printable characters only")
    if text != text.strip():
        raise ValueError("must not begin or end with a space")
    return text


def _phone(text: str) -> str:
    if not _E164.match(text):
        raise ValueError("must be a phone number in E.164, such as +13175550123")
    return text


def _time(text: str) -> str:
    try:
        parse_time(text)
    except ValueError:
        raise ValueError("must be an ISO 8601 time such as 2026-11-20T21:05:09.123Z") from None
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_printable)]
TimeoutMs = Annotated[int, Field(ge=250, le=30_000)]
Priority = Annotated[int, Field(ge=-1000, le=1000)]
Phone = Annotated[str, AfterValidator(_phone)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ConnectorCreate(_Request):
    """`POST /api/connectors`."""

    name: Name
    base_url: str
    secret: str | None = None
    timeout_ms: TimeoutMs = 4_000
    create_contacts: bool = False
    sync_calls: bool = True
    sync_unknown: bool = True
    enabled: bool = True
    priority: Priority = 0


class ConnectorUpdate(_Request):
    """`PATCH /api/connectors/{id}`: a merge patch. Null gives a field its default back, where it has one."""

    name: Name | None = None
    base_url: str | None = None
    rotate_secret: bool = False
    timeout_ms: TimeoutMs | None = None
    create_contacts: bool | None = None
    sync_calls: bool | None = None
    sync_unknown: bool | None = None
    enabled: bool | None = None
    priority: Priority | None = None


class ConnectorPing(_Request):
    """`POST /api/connectors/{id}/ping`: nothing to say."""


class ConnectorChanges(_Request):
    """`POST /api/connectors/{id}/changes`: whose entries in the CRM have changed."""

    phones: Annotated[list[Phone], Field(min_length=1, max_length=MOST_CHANGED_PHONES)]
    timestamp: Annotated[str, AfterValidator(_time)] | None = None

"""A webhook of the platform: over all organizations or listed ones, for types that it names.

In everything else it is a webhook (`domain.webhook`). Patterns are refused: what HUM's core hears of
everybody's events is to be said in full.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.domain.event import is_org_id
from gateway.domain.event_types import check_type
from gateway.domain.webhook import MAX_PATTERNS, WebhookCreate, WebhookUpdate

MAX_ORGANIZATIONS = 1000


def _named(text: str) -> str:
    if "*" in text:
        raise ValueError("must name a type in full: a platform webhook takes no patterns")
    check_type(text)
    return text


def _organization(text: str) -> str:
    if not is_org_id(text):
        raise ValueError("must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
    return text


NamedType = Annotated[str, AfterValidator(_named)]
NamedTypes = Annotated[list[NamedType], Field(min_length=1, max_length=MAX_PATTERNS)]
OrgIds = Annotated[
    list[Annotated[str, AfterValidator(_organization)]], Field(min_length=1, max_length=MAX_ORGANIZATIONS)
]


class PlatformWebhookCreate(WebhookCreate):
    """`POST /api/platform/webhooks`."""

    events: NamedTypes
    organizations: OrgIds | None = None


class PlatformWebhookUpdate(WebhookUpdate):
    """`PATCH /api/platform/webhooks/{id}`: a merge patch; null in `organizations` is all of them."""

    events: NamedTypes | None = None
    organizations: OrgIds | None = None

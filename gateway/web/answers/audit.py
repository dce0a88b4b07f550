"""The audit log."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from msgspec import Meta

from gateway.web.answers.fields import Cursor, Hash, Time, id_of


class AuditEntry(TypedDict):
    """Who did what, when, from where, to what."""

    id: Annotated[str, id_of("aud")]
    org_id: Annotated[str, Meta(description="The organization; `*`: it is the platform's.")]
    number: Annotated[int, Meta(ge=1, description="In the chain of its organization.")]
    at: Time
    actor: Annotated[
        str, Meta(description="The key; behind a platform key the person that `X-HUM-Actor` named.")
    ]
    key_id: Annotated[str | None, Meta(description="The key; `key_local`: on the gateway's own machine.")]
    address: Annotated[str | None, Meta(description="The client's. Null: on the gateway's own machine.")]
    action: Annotated[str, Meta(description="The operation's id, such as `createWebhook`.")]
    object_type: str
    object_id: str | None
    details: Annotated[
        dict[str, Any], Meta(description="Such as the names of the fields that were given; never values.")
    ]
    previous_hash: Annotated[Hash, Meta(description="Of the entry before; the first has zeros.")]
    hash: Annotated[
        Hash,
        Meta(
            description="SHA-256 over `previous_hash` (32 bytes) and the entry without its hashes as JSON: "
            "names sorted, no spaces, ASCII."
        ),
    ]


class AuditList(TypedDict):
    """A page of the audit log."""

    data: list[AuditEntry]
    next_cursor: Cursor

"""Who is calling."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from gateway.web.answers.fields import Milliseconds, id_of

_PHONE = Meta(extra_json_schema={"examples": ["+13175550142"]})
_KIND = Literal["override", "crm", "lookup"]


class CrmLink(TypedDict):
    """Where the caller stands in a CRM."""

    connector_id: Annotated[str, id_of("cnr")]
    contact_id: Annotated[str, Meta(description="The CRM's own id.")]
    url: Annotated[str | None, Meta(description="https, for a person to open.")]
    matches: Annotated[
        int, Meta(ge=1, description="How many contacts of this CRM share the number; this is one of them.")
    ]


class Caller(TypedDict):
    """What is known of the caller, from all sources."""

    id: Annotated[
        Annotated[str, id_of("ctc")] | None,
        Meta(description="The contact in the gateway's own address book, where it is a moment later."),
    ]
    phone: Annotated[str, _PHONE]
    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    company: str | None
    title: str | None
    carrier: str | None
    line_type: str | None
    caller_name: Annotated[str | None, Meta(description="The name that the telephone network gives.")]
    tags: list[str]
    crm: list[CrmLink]
    provenance: Annotated[
        dict[str, _KIND],
        Meta(description="Of each field that is there, which kind of source it is from."),
    ]
    ages: Annotated[
        dict[str, Annotated[int, Meta(ge=0)]],
        Meta(description="Of each field that is there, for how many seconds it is known."),
    ]


class CallerError(TypedDict):
    """Why the answer is not more."""

    source: Annotated[
        str,
        Meta(
            description="A connector's id, `connectors` (all of them), `book` (the address book) or `phone` "
            "(the number)."
        ),
    ]
    error: Annotated[
        str,
        Meta(
            pattern="^[a-z]+(_[a-z]+)*$",
            description="Of a number: `withheld`, `short`, `invalid`. Of a connector: `timeout`, "
            "`connect_refused`, `refused`, `http_status`, `invalid_answer` and others. `none_enabled`: "
            "there are connectors, and all are disabled. Of the address book: `unavailable`, `timeout`.",
        ),
    ]


class Resolution(TypedDict):
    """Who is calling, as far as it was known in time."""

    phone: Annotated[
        Annotated[str, _PHONE] | None, Meta(description="In E.164; null when it is no number to look up.")
    ]
    status: Annotated[
        Literal["found", "not_found", "unknown"],
        Meta(
            description="`found`: somebody knows the number. `not_found`: every source that was asked said "
            "that it does not. `unknown`: an error, no answer in time, or a number that is withheld or none."
        ),
    ]
    source: Annotated[
        Literal["fresh", "stale", "partial", "none"],
        Meta(
            description="`stale`: something in it is older than 5 minutes. `partial`: a source is missing. "
            "`none`: nothing is known."
        ),
    ]
    elapsed_ms: Annotated[Milliseconds, Meta(description="From the arrival of the request to this answer.")]
    resolution_id: Annotated[str, id_of("res")]
    contact: Caller | None
    context: Annotated[
        str,
        Meta(
            description="For an agent's prompt: a heading and a fence with what is known, one line each, "
            "cleaned of everything that could be taken for more than data."
        ),
    ]
    errors: list[CallerError]
    pending: Annotated[
        list[str],
        Meta(description="The sources that are still being asked; empty when this is the last word."),
    ]
    revision: Annotated[
        int,
        Meta(ge=0, description="0 for the answer in time; one more each time that a later one says more."),
    ]

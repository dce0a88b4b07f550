"""The address book."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from gateway.domain.contact_columns import MOST_COLUMNS, MOST_SHOWN
from gateway.domain.contact_files import MOST_REPORTED
from gateway.web.answers.callers import CallerError, CrmLink, SourceKind
from gateway.web.answers.fields import Count, Cursor, OrgId, SearchedUntil, Time, id_of

ContactId = Annotated[str, id_of("ctc")]
_PHONE = Meta(extra_json_schema={"examples": ["+13175550142"]})
_Value = str | int | float | bool


class OverrideValue(TypedDict):
    """What a person has said of one field."""

    value: _Value
    at: Time
    by: Annotated[str, Meta(description="Who said it: `X-HUM-Actor`, or the key's id.")]


class Contact(TypedDict):
    """A contact of the address book, and all that is known of it."""

    id: ContactId
    org_id: OrgId
    phone: Annotated[str, _PHONE, Meta(description="Its first number, of which the id is made.")]
    phones: Annotated[
        list[Annotated[str, _PHONE]], Meta(description="All its numbers; several after a merge.")
    ]
    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    company: str | None
    title: str | None
    carrier: str | None
    line_type: str | None
    caller_name: Annotated[str | None, Meta(description="The name that the telephone network gives.")]
    notes: str | None
    fields: Annotated[dict[str, _Value], Meta(description="The organization's own fields, and the CRMs'.")]
    tags: list[str]
    crm: list[CrmLink]
    provenance: Annotated[
        dict[str, SourceKind],
        Meta(description="Of each field that is there, which kind of source it is from."),
    ]
    ages: Annotated[
        dict[str, Annotated[int, Meta(ge=0)]],
        Meta(description="Of each field that is there, for how many seconds it is known."),
    ]
    overrides: Annotated[
        dict[str, OverrideValue],
        Meta(
            description="What people have said, which counts before everything else: by field, and "
            "`fields.<name>` for the organization's own."
        ),
    ]
    by_person: Annotated[
        bool, Meta(description="Whether a person has made it or written to it; else a CRM has.")
    ]
    created_at: Time
    updated_at: Annotated[Time, Meta(description="When a person last wrote to it, or it was made.")]


class ContactList(TypedDict):
    """A page of the address book. With a tag it may be short, or empty, and still not the last."""

    data: list[Contact]
    next_cursor: Cursor
    searched_until: SearchedUntil


class FoundContacts(TypedDict):
    """What was found."""

    data: list[Contact]
    more: Annotated[bool, Meta(description="There are more than `limit`: say more of whom you mean.")]


class RefreshedContact(TypedDict):
    """The contact after every source was asked anew."""

    contact: Annotated[
        Contact | None, Meta(description="Null when nobody knows the number, and nobody ever wrote of it.")
    ]
    errors: Annotated[
        list[CallerError], Meta(description="Who has not answered; what they said before stands.")
    ]


class RefusedLine(TypedDict):
    """A line that was not taken."""

    line: Annotated[int, Meta(ge=1, description="Where it begins in the file; the first line is 1.")]
    field: Annotated[str, Meta(description="The column or field; empty for the line as a whole.")]
    message: str


class FileColumn(TypedDict):
    """A column of a file, or a key of its objects."""

    column: Annotated[
        str, Meta(description=f"Its name in the file, of which {MOST_SHOWN} characters are shown.")
    ]
    field: Annotated[
        str | None, Meta(description="The field that it was taken for; null: it was passed over.")
    ]


class ImportReport(TypedDict):
    """What became of a file's lines."""

    dry_run: bool
    lines: Annotated[Count, Meta(description="How many contacts the file holds, refused ones too.")]
    created: Count
    updated: Count
    unchanged: Annotated[Count, Meta(description="Those of which the book says all that already.")]
    refused: Annotated[Count, Meta(description="All of them, however many `errors` describes.")]
    columns: Annotated[
        list[FileColumn],
        Meta(
            max_length=MOST_COLUMNS,
            description="What each column became. Keys of objects that are no field are not in it: they are "
            "among the errors.",
        ),
    ]
    errors: Annotated[
        list[RefusedLine],
        Meta(max_length=MOST_REPORTED, description="The first refused lines, each with what is wrong."),
    ]

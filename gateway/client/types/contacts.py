"""What the API answers about the address book, as types (see `client.types`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from gateway.client.types.callers import CallerError, CrmLink

FieldValue = str | int | float | bool


class OverrideValue(TypedDict):
    """What a person has said of one field."""

    value: str | int | float | bool
    at: str
    by: str


class Contact(TypedDict):
    """A contact of the address book, and all that is known of it."""

    id: str
    org_id: str
    phone: str
    phones: list[str]
    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    company: str | None
    title: str | None
    carrier: str | None
    line_type: str | None
    caller_name: str | None
    notes: str | None
    fields: dict[str, FieldValue]
    tags: list[str]
    crm: list[CrmLink]
    provenance: dict[str, str]
    ages: dict[str, int]
    overrides: dict[str, OverrideValue]
    by_person: bool
    created_at: str
    updated_at: str


class FoundContacts(TypedDict):
    """What was found; `more` says that there are more than were wanted."""

    data: list[Contact]
    more: bool


class RefreshedContact(TypedDict):
    """The contact after every source was asked anew; None when nobody knows the number."""

    contact: Contact | None
    errors: list[CallerError]


class RefusedLine(TypedDict):
    """A line of a file that was not taken."""

    line: int
    field: str
    message: str


class FileColumn(TypedDict):
    """A column of a file, or a key of its objects, and the field that it was taken for; None: it was passed
    over."""

    column: str
    field: str | None


class ImportReport(TypedDict):
    """What became of a file's lines."""

    dry_run: bool
    lines: int
    created: int
    updated: int
    unchanged: int
    refused: int
    columns: list[FileColumn]
    errors: list[RefusedLine]


class ContactWords(TypedDict, total=False):
    """What a person says of a contact; None says nothing, and in a change takes back what was said."""

    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    company: str | None
    title: str | None
    notes: str | None
    fields: Mapping[str, FieldValue | None] | None
    tags: Sequence[str] | None

"""Which tables and columns hold what: the TOML file that the operator writes.

    [contacts]
    table = "customers"
    id = "id"
    phones = ["phone", "mobile"]
    name = "full_name"

    [create]                 # without it, contacts are never made
    [calls]                  # without it, calls are not logged
    table = "calls"
    call_id = "hum_call_id"
    columns = {started_at = "began", summary = "summary"}

README.md explains every field. Whether the names exist, schema.py finds out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1)]
Names = Annotated[list[Name], msgspec.Meta(min_length=1)]
Constant = str | int | float | bool


class Contacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`tails` are columns with the last seven digits of `phones`, for an index; `where` and `where_null`
    leave rows out; `fields` are answered as they are, under the names given here."""

    table: Name
    id: Name
    phones: Names
    db_schema: Name | None = msgspec.field(default=None, name="schema")
    tails: list[Name] = []
    created: Name | None = None
    name: Name | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    email: Name | None = None
    company: Name | None = None
    title: Name | None = None
    notes: Name | None = None
    fields: dict[str, Name] = {}
    link: str | None = None
    where: dict[str, Constant] = {}
    where_null: list[Name] = []

    def url(self, contact_id: str) -> str | None:
        return self.link.replace("{id}", quote(contact_id, safe="")) if self.link else None


class Create(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a contact is made: `phone` names the column for its number (the first of `phones`), `values` what
    is the same for all, `id` who makes the id."""

    phone: Name | None = None
    values: dict[str, Constant] = {}
    id: Literal["database", "uuid"] = "database"


class CallColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Which of HUM's fields go into which column; what is not named is not kept."""

    direction: Name | None = None
    from_: Name | None = None
    to: Name | None = None
    started_at: Name | None = None
    answered_at: Name | None = None
    ended_at: Name | None = None
    duration_seconds: Name | None = None
    status: Name | None = None
    summary: Name | None = None
    key_points: Name | None = None
    next_actions: Name | None = None
    transcript: Name | None = None
    recording_url: Name | None = None
    outcome: Name | None = None
    tags: Name | None = None
    agent_id: Name | None = None
    agent_name: Name | None = None
    sentiment: Name | None = None
    revision: Name | None = None
    updated_at: Name | None = None
    contact_id: Name | None = None
    contact_phone: Name | None = None

    def named(self) -> dict[str, str]:
        """HUM's names, and the columns for them."""
        return {
            name.rstrip("_"): column
            for name in self.__struct_fields__
            if (column := getattr(self, name)) is not None
        }


class Calls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`call_id` must be unique; `id` is what HUM hears as the activity's id, by default the primary key."""

    table: Name
    call_id: Name
    columns: CallColumns = CallColumns()
    id: Name | None = None
    db_schema: Name | None = msgspec.field(default=None, name="schema")


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    contacts: Contacts
    create: Create | None = None
    calls: Calls | None = None
    country: str = "US"
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=30)] = 3.0


def load(path: str) -> Plan:
    """Reads the file. Raises ValueError that names the field and what is wrong with it."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        plan = msgspec.toml.decode(content, type=Plan)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    for problem in _problems(plan):
        raise ValueError(f"{path}: {problem}")
    return plan


def _problems(plan: Plan) -> list[str]:
    found = []
    if not re.fullmatch(r"[A-Z]{2}", plan.country):
        found.append("country: two capital letters, such as US or DE")
    link = plan.contacts.link
    if link is not None and not (link.startswith("https://") and "{id}" in link):
        found.append("contacts.link: an https address with {id} in it")
    if plan.create and plan.create.phone and plan.create.phone not in plan.contacts.phones:
        found.append("create.phone: one of contacts.phones")
    return found

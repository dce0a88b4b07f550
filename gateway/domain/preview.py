"""What an agent would be told of a caller: the request for it, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, model_validator

from gateway.domain.caller_fields import CUSTOM, KNOWN, Attestation, CallerFields, Direction, Setting
from gateway.domain.contact import FIELDS, Caller
from gateway.domain.contact_requests import ContactWrite, Text
from gateway.domain.context import Wording, shown_values
from gateway.domain.organization_settings import ContextTemplate
from gateway.domain.resolution import Freshness, Problem, Status


class PreviewContact(ContactWrite):
    """A caller as somebody imagines one: what people, CRMs and look-ups may say."""

    carrier: Text | None = None
    line_type: Text | None = None
    caller_name: Text | None = None

    def caller(self) -> Caller:
        values = {name: value for name in FIELDS if (value := getattr(self, name)) is not None}
        custom = {name: value for name, value in (self.fields or {}).items() if value is not None}
        return Caller(
            values, dict.fromkeys(values, "override"), notes=self.notes, fields=custom,
            tags=tuple(self.tags or ()),
        )  # fmt: skip


class CallerPreview(BaseModel):
    """`POST /api/callers/preview`: a number, or values, or a number with values. What is not named of
    template and fields is the organization's; null is what every organization has at first."""

    model_config = ConfigDict(extra="forbid", strict=True)

    phone: str | None = None
    contact: PreviewContact | None = None
    direction: Direction = "inbound"
    attestation: Attestation | None = None
    context_template: ContextTemplate | None = None
    caller_fields: CallerFields | None = None

    @model_validator(mode="after")
    def _about_somebody(self) -> CallerPreview:
        if self.phone is None and self.contact is None:
            raise ValueError("name a phone, or a contact, or both")
        return self

    @property
    def setting(self) -> Setting:
        return Setting(self.direction, self.attestation)


@dataclass(frozen=True, slots=True)
class Preview:
    """As a `Resolution`, without having asked anybody, at `at` (ms). `shown`: the fields that the agent is
    told; `withheld`: those that are known and not told."""

    at: int
    phone: str | None
    status: Status
    freshness: Freshness
    caller: Caller | None
    context: str
    errors: tuple[Problem, ...]
    contact_id: str | None
    shown: Sequence[str]
    withheld: Sequence[str]


def told(caller: Caller | None, setting: Setting, words: Wording) -> tuple[list[str], list[str]]:
    """Which fields of the caller the agent is told, and which not."""
    if caller is None:
        return [], []
    known = shown_values(caller, (*KNOWN, *(f"{CUSTOM}{name}" for name in caller.fields)))
    listed = words.shown[setting.level]
    used = [name for name in listed if words.template is None or name in words.template.names]
    shown = [name for name in used if name in known]
    return shown, [name for name in known if name not in shown]

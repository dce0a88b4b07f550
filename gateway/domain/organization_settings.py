"""What an organization can set for itself, each setting declared once: here.

The declaration is what is stored (as JSON, only what differs from the default), what `PATCH` of an
organization takes (null gives a setting its default back), and what is shown. A further setting is one more
field of `OrganizationSettings`, its meaning in `web.openapi.fields`, and its place in what is shown
(`web.shapes.organization`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
)

from gateway.domain.caller_fields import CallerFields
from gateway.domain.context import Wording, wording
from gateway.domain.context_template import MOST_TEMPLATE, read_template
from gateway.domain.lookup_cache import NOT_CHOSEN, LookupCacheDays, merged
from gateway.domain.phone import DEFAULT_REGION, REGIONS, Phone, parse
from gateway.errors import Detail

MOST_OWN_NUMBERS: Final = 1_000
MOST_LOOKUPS: Final = 1_000_000


_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_NO_E164: Final = "must be a number in E.164, such as +13175550142"


def _e164(text: str) -> str:
    """By its form alone: a thousand are read at each change of anything. See `number_mistakes`."""
    if not _E164.match(text):
        raise ValueError(_NO_E164)
    return text


def _each_once(numbers: list[str]) -> list[str]:
    return list(dict.fromkeys(numbers))


OwnNumbers = Annotated[
    list[Annotated[str, AfterValidator(_e164)]],
    Field(max_length=MOST_OWN_NUMBERS),
    AfterValidator(_each_once),
]


def _readable(text: str) -> str:
    read_template(text)
    return text


ContextTemplate = Annotated[
    str, StringConstraints(min_length=1, max_length=MOST_TEMPLATE), AfterValidator(_readable)
]


def _region(text: str) -> str:
    if text not in REGIONS:
        raise ValueError("must be a country's two letters, such as US or DE, in capitals")
    return text


Region = Annotated[str, AfterValidator(_region)]


class OrganizationSettings(BaseModel):
    """The settings of one organization."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    own_numbers: OwnNumbers = []
    """The organization's own phone numbers: of its offices and lines, never a caller's."""

    context_template: ContextTemplate | None = None
    """How what an agent is told of a caller is worded; None: one line for each field."""

    caller_fields: CallerFields = CallerFields()
    """Which fields an agent is told, by how sure the network is of the number."""

    lookup_budget: Annotated[int | None, Field(ge=0, le=MOST_LOOKUPS)] = None
    """How many numbers may be looked up for calls in a day (UTC); 0: none; None: as many as by default."""

    lookup_cache_days: LookupCacheDays = NOT_CHOSEN
    """For how many days each field of a lookup is of use before it is asked for anew."""

    default_region: Region | None = None
    """The country of numbers that are written without one; None: nobody has said."""

    @property
    def region(self) -> str:
        """Where numbers without a country belong, also where nobody has said."""
        return self.default_region or DEFAULT_REGION

    @cached_property
    def wording(self) -> Wording:
        """Both of these, worked out once."""
        return wording(self.context_template, self.caller_fields)

    def is_own(self, phone: str) -> bool:
        """Whether the number (E.164) is listed as the organization's own."""
        return phone in self.own_numbers


DEFAULTS: Final = OrganizationSettings()


def number_mistakes(numbers: Sequence[str], standing: OrganizationSettings) -> Iterator[Detail | None]:
    """Of each of these own numbers what is wrong with it, None when nothing is: that somebody can have it
    says the numbering plan of its country, and that takes a while. Those that stand already are good."""
    good = frozenset(standing.own_numbers)
    for index, number in enumerate(numbers):
        found = Phone(number) if number in good else parse(number)
        right = isinstance(found, Phone) and found.e164 == number
        yield None if right else Detail(f"own_numbers[{index}]", _NO_E164)


SHORTEST_DAYS: Final = 7
LONGEST_DAYS: Final = 365
DEFAULT_DAYS: Final = 30


_Named = Annotated[str, StringConstraints(pattern=r"^[!-9;-~]{1,128}$")]
_Secret = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")]


class LookupCredentials(BaseModel):
    """The organization's own account for lookups of numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    account_sid: _Named
    auth_token: Annotated[_Secret, Field(repr=False)]


class RetentionUpdate(BaseModel):
    """What of an organization is no setting, and changed in the same way."""

    model_config = ConfigDict(extra="forbid", strict=True)

    lookup_credentials: LookupCredentials | None = None

    retention_days: Annotated[int, Field(ge=SHORTEST_DAYS, le=LONGEST_DAYS)] | None = None


OrganizationUpdate: Final[type[RetentionUpdate]] = create_model(
    "OrganizationUpdate",
    __base__=RetentionUpdate,
    __doc__="`PATCH /api/organizations/{id}`: a merge patch; null gives a field its default back.",
    **{
        # Annotated wants metadata, and some fields have none: the name will do.
        name: (Annotated[field.annotation, *field.metadata, name] | None, None)  # type: ignore[call-overload]
        for name, field in OrganizationSettings.model_fields.items()
    },
)


def loaded(stored: str) -> OrganizationSettings:
    """What is stored. A setting that this version does not know, or does not take any more, is left out: a
    newer or older node of the same installation must go on."""
    values: dict[str, Any] = json.loads(stored)
    known = {name: value for name, value in values.items() if name in OrganizationSettings.model_fields}
    while known:
        try:
            return OrganizationSettings.model_validate(known)
        except ValidationError as problem:
            for error in problem.errors():
                known.pop(str(error["loc"][0]), None)
    return DEFAULTS


def patched(stored: str, update: BaseModel) -> str:
    """What is stored after a merge patch: of `update`, the settings that it names. Settings of another
    version stay."""
    values: dict[str, Any] = json.loads(stored)
    given = update.model_dump(
        mode="json", include=update.model_fields_set & set(OrganizationSettings.model_fields)
    )
    defaults = DEFAULTS.model_dump(mode="json")
    days: LookupCacheDays | None = getattr(update, "lookup_cache_days", None)
    if days is not None:
        given["lookup_cache_days"] = merged(values.get("lookup_cache_days", {}), days) or None
    for name, value in given.items():
        if value is None or value == defaults[name]:
            values.pop(name, None)
        else:
            values[name] = value
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

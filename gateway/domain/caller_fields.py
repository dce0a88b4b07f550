"""What an agent may be told of a caller, by how sure the network is of the number: the organization's choice.

Whoever can forge a number must not be told about the person whose number it is. So a level never shows what
the one above it does not, and notes, e-mail and custom fields are shown only where they are listed.

    A     the network vouches for caller and number; also an outbound call, where the number was dialled
    B, C  it vouches for less
    none  it does not, or nothing is known of it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Attestation = Literal["A", "B", "C", "none"]
Direction = Literal["inbound", "outbound"]

LEVELS: Final[tuple[Attestation, ...]] = ("A", "B", "C", "none")

USUAL: Final = ("name", "company", "title", "caller_name", "line_type", "carrier", "tags")
"""What is shown where an organization has not chosen."""

ON_REQUEST: Final = ("first_name", "last_name", "email", "notes")
KNOWN: Final = (*USUAL, *ON_REQUEST)

CUSTOM: Final = "fields."
"""What the name of an organization's own field begins with."""

MOST_LISTED: Final = 100
LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Setting:
    """How the call came in. `attestation` (STIR/SHAKEN) is None when nothing is known of it; on an outbound
    call the number is the one that was dialled."""

    direction: Direction = "inbound"
    attestation: Attestation | None = None

    @property
    def level(self) -> Attestation:
        return "A" if self.direction == "outbound" else self.attestation or "none"


def is_custom(name: str) -> bool:
    return name.startswith(CUSTOM) and len(name) > len(CUSTOM)


def _listed(name: str) -> str:
    if len(name) > LONGEST_NAME or not name.isprintable() or not (name in KNOWN or is_custom(name)):
        raise ValueError(f"must be one of {', '.join(KNOWN)}, or fields. and the name of a custom field")
    return name


def _each_once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


Listed = Annotated[
    list[Annotated[str, AfterValidator(_listed)]],
    Field(max_length=MOST_LISTED),
    AfterValidator(_each_once),
]


class CallerFields(BaseModel):
    """What is shown at each level, in this order. A level that is null shows of the usual what the one above
    it shows; the highest, the usual."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    A: Listed | None = None
    B: Listed | None = None
    C: Listed | None = None
    none: Listed | None = None

    @model_validator(mode="after")
    def _never_more_than_above(self) -> CallerFields:
        above: Sequence[str] | None = None
        for level in LEVELS:
            listed = getattr(self, level)
            shown = self.shown(level)
            if listed is not None and above is not None and (more := [n for n in shown if n not in above]):
                raise ValueError(f"must not list {more[0]} at {level}: the level above does not show it")
            above = shown
        return self

    def shown(self, level: Attestation) -> Sequence[str]:
        """The names that are shown at this level, in their order."""
        return shown({one: getattr(self, one) for one in LEVELS}, level)


def shown(listed: Mapping[Attestation, Sequence[str] | None], level: Attestation) -> Sequence[str]:
    """The names that are shown at this level, out of what is listed at each (None: nothing was chosen)."""
    above: Sequence[str] = USUAL
    for one in LEVELS:
        chosen = listed.get(one)
        above = chosen if chosen is not None else [name for name in USUAL if name in above]
        if one == level:
            break
    return above


def by_level(fields: CallerFields) -> Mapping[Attestation, tuple[str, ...]]:
    """All of it, worked out once."""
    return {level: tuple(fields.shown(level)) for level in LEVELS}


def withheld(values: Mapping[str, Any], shown: Sequence[str]) -> list[str]:
    """Which of these values are there, and not shown."""
    return [name for name in values if name not in shown]

"""A contact in a connector's answer, field by field.

Refused: what is of another type than the contract says, an id that is none, a URL that is not https. Cut:
texts longer than the limits here. Left out: control characters, empty texts, members of `fields` that are
themselves objects or lists, and those beyond the first hundred.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.domain.contact import CrmContact, FieldValue

MOST_ID: Final = 256
MOST_URL: Final = 2048
MOST_FIELDS: Final = 100
MOST_FIELD_NAME: Final = 100
MOST_FIELD_VALUE: Final = 1_000
MOST_NOTES: Final = 10_000
LIMITS: Final[Mapping[str, int]] = {
    "name": 500,
    "first_name": 250,
    "last_name": 250,
    "email": 320,
    "phone": 100,
    "company": 500,
    "title": 500,
}


class Wrong(Exception):
    """A field of an answer is not as the contract says; `field` is where it stands."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def contact_of(value: Any, at: str = "contact") -> CrmContact:
    """The contact. Raises Wrong, which names the field and not its value."""
    if not isinstance(value, dict):
        raise Wrong(at, "is required, as an object" if value is None else "must be an object")
    texts = {name: _line(value, name, most, at) for name, most in LIMITS.items()}
    return CrmContact(
        id=_id(value, at),
        url=_url(value, at),
        notes=_notes(value, at),
        fields=_fields(value, at),
        **texts,
    )


def _id(value: Mapping[str, Any], at: str) -> str:
    found = value.get("id")
    if not isinstance(found, str):
        raise Wrong(f"{at}.id", "is required, as a text")
    if not 1 <= len(found) <= MOST_ID or not found.isprintable() or not found.strip():
        raise Wrong(f"{at}.id", f"must be 1 to {MOST_ID} printable characters")
    return found


def _text(value: Mapping[str, Any], name: str, at: str) -> str:
    """Empty when it is not there, or null."""
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Wrong(f"{at}.{name}", "must be a text")
    if _broken(found):
        raise Wrong(f"{at}.{name}", "holds half of a surrogate pair")
    return found


def _line(value: Mapping[str, Any], name: str, most: int, at: str) -> str | None:
    found = _text(value, name, at)
    # What is no line end here is one elsewhere; a name has none.
    visible = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in found[: most * 2])
    return " ".join(visible.split())[:most] or None


def _notes(value: Mapping[str, Any], at: str) -> str | None:
    found = _text(value, "notes", at).replace("\r\n", "\n").replace("\r", "\n")
    visible = "".join(c for c in found[:MOST_NOTES] if c.isprintable() or c in "\n\t")
    return visible.strip() or None


def _url(value: Mapping[str, Any], at: str) -> str | None:
    found = _text(value, "url", at)
    if not found:
        return None
    try:
        parts = urlsplit(found)
        fits = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        fits = False
    if not fits or len(found) > MOST_URL or not found.isprintable() or any(c in found for c in ' <>"\\'):
        raise Wrong(f"{at}.url", f"must be an https URL of at most {MOST_URL} characters")
    return found


def _fields(value: Mapping[str, Any], at: str) -> dict[str, FieldValue]:
    found = value.get("fields")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Wrong(f"{at}.fields", "must be an object")
    kept: dict[str, FieldValue] = {}
    for name, one in found.items():
        if len(kept) == MOST_FIELDS:
            break
        if _broken(name) or (isinstance(one, str) and _broken(one)):
            raise Wrong(f"{at}.fields", "holds half of a surrogate pair")
        if name and len(name) <= MOST_FIELD_NAME and name.isprintable() and _is_scalar(one):
            kept[name] = one[:MOST_FIELD_VALUE] if isinstance(one, str) else one
    return kept


def _is_scalar(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 2**63
    return isinstance(value, str | float | bool)


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False

"""Templates of what an agent is told: text with the values of the caller in it, and no logic.

    Caller: {{name}}{{#company}} of {{company}}{{/company}}
    {{#not_found}}Nobody knows this number.{{/not_found}}
    {{#unknown}}Who this is could not be found out.{{/unknown}}
    {{! a comment }}

`{{name}}` is a value, `{{#name}}…{{/name}}` stands there if there is one (or if it is so, of the words in
FLAGS), `{{^name}}…{{/name}}` if not. Nothing repeats and nothing calls anything, so that a template takes
time in proportion to its length. Mistakes are found when it is saved, by line and column. Lines on which
nothing stands are left out.

A subset of Mustache by intent, and read here rather than by a library: those read files, call what they find,
and repeat whatever is a list.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from gateway.domain.caller_fields import KNOWN, LONGEST_NAME, is_custom

MOST_TEMPLATE: Final = 4_000
MOST_TAGS: Final = 200
DEEPEST: Final = 10

FLAGS: Final = ("found", "not_found", "unknown", "stale", "attested", "inbound", "outbound")
"""What may be so, for sections only."""

ALWAYS: Final = ("status", "phone", "attestation", "direction")
"""Values that every caller has, whatever an organization lists."""

_TAG: Final = re.compile(r"\{\{([#^/!]?)([^{}]*)\}\}")
_SIGNS: Final[Mapping[str, str]] = {
    "{": "values are never marked up, so {{{ }}} has no use: write {{name}}",
    "&": "values are never marked up, so {{& }} has no use: write {{name}}",
    ">": "there are no other templates to include",
    "=": "the braces cannot be changed",
}


class TemplateError(ValueError):
    """A mistake in a template, with its place: line and column from 1."""

    def __init__(self, template: str, at: int, message: str) -> None:
        line = template.count("\n", 0, at) + 1
        column = at - (template.rfind("\n", 0, at) + 1) + 1
        super().__init__(f"line {line}, column {column}: {message}")


@dataclass(slots=True)
class _Section:
    """What stands there if `name` has a value (or, inverted, has none); the whole template has no name."""

    name: str = ""
    inverted: bool = False
    at: int = 0
    parts: list[str | _Value | _Section] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Value:
    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read; `names` are the values that stand in it."""

    _whole: _Section
    names: frozenset[str]

    def lines(self, value: Callable[[str], str], flags: Collection[str]) -> Iterator[str]:
        """Its lines, each with the values in it; those on which nothing stands are left out. `value` gives
        one by its name, on one line, empty when there is none: it is asked as the lines are taken."""
        line = ""
        for part in _render(self._whole, value, flags):
            *whole, line = (line + part).split("\n")
            yield from (one.rstrip() for one in whole if one.strip())
        if line.strip():
            yield line.rstrip()


@lru_cache(maxsize=1_000)
def read_template(text: str) -> Template:
    """The template. Raises TemplateError."""
    if len(text) > MOST_TEMPLATE:
        raise TemplateError(text, MOST_TEMPLATE, f"a template has at most {MOST_TEMPLATE} characters")
    open_sections, names, place, tags = [_Section()], set[str](), 0, 0
    for tag in _TAG.finditer(text):
        _add_text(open_sections[-1], text, place, tag.start())
        place, tags = tag.end(), tags + 1
        if tags > MOST_TAGS:
            raise TemplateError(text, tag.start(), f"a template has at most {MOST_TAGS} tags")
        _add_tag(open_sections, names, text, tag)
    _add_text(open_sections[-1], text, place, len(text))
    if len(open_sections) > 1:
        left = open_sections[-1]
        raise TemplateError(text, left.at, f"the section {left.name} is never closed")
    return Template(open_sections[0], frozenset(names))


def _add_text(section: _Section, template: str, begin: int, end: int) -> None:
    for at in range(begin, end):
        character = template[at]
        if template.startswith("{{", at) or template.startswith("}}", at):
            raise TemplateError(template, at, _braces(template, at))
        if "`" in unicodedata.normalize("NFKC", character):
            raise TemplateError(template, at, "a backtick could end the fence that the values stand in")
        if not character.isprintable() and character != "\n":
            raise TemplateError(template, at, "must be printable characters and line ends")
    if end > begin:
        section.parts.append(template[begin:end])


def _braces(template: str, at: int) -> str:
    """What is wrong with braces that are no tag."""
    if template.startswith("}}", at):
        return "}} without its {{"
    return _SIGNS.get(template[at + 2 : at + 3], "{{ without its }}")


def _add_tag(open_sections: list[_Section], names: set[str], template: str, tag: re.Match[str]) -> None:
    sign, name, at = tag[1], tag[2].strip(), tag.start()
    if sign == "!":
        return
    if sign == "/":
        _close(open_sections, template, name, at)
        return
    _check_name(template, name, at, section=bool(sign))
    if not sign:
        names.add(name)
        open_sections[-1].parts.append(_Value(name))
        return
    if len(open_sections) > DEEPEST:
        raise TemplateError(template, at, f"sections stand at most {DEEPEST} deep in each other")
    section = _Section(name, sign == "^", at)
    open_sections[-1].parts.append(section)
    open_sections.append(section)


def _close(open_sections: list[_Section], template: str, name: str, at: int) -> None:
    if len(open_sections) == 1:
        raise TemplateError(template, at, f"the section {name} was never opened")
    if name != open_sections[-1].name:
        raise TemplateError(template, at, f"the section {open_sections[-1].name} must be closed first")
    open_sections.pop()


def _check_name(template: str, name: str, at: int, *, section: bool) -> None:
    for sign, message in _SIGNS.items():
        if name.startswith(sign):
            raise TemplateError(template, at, message)
    if name in FLAGS and not section:
        raise TemplateError(
            template, at, f"{name} is a section, not a value: {{{{#{name}}}}}…{{{{/{name}}}}}"
        )
    if name in KNOWN or name in ALWAYS or name in FLAGS:
        return
    if is_custom(name) and len(name) <= LONGEST_NAME and name.isprintable():
        return
    near = difflib.get_close_matches(name, [*KNOWN, *ALWAYS, *(FLAGS if section else ())], n=1)
    meant = f"; did you mean {near[0]}?" if near else "; the organization's own are fields.…"
    shown = name if name.isprintable() and len(name) <= LONGEST_NAME else "this"
    raise TemplateError(template, at, f"there is no field {shown}{meant}" if name else "names no field")


def _render(section: _Section, value: Callable[[str], str], flags: Collection[str]) -> Iterator[str]:
    for part in section.parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, _Value):
            yield value(part.name)
        elif (part.name in flags or bool(value(part.name))) is not part.inverted:
            yield from _render(part, value, flags)

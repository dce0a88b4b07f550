"""Templates: what they render, what is refused and where, and that no value gets out of its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.caller_fields import CallerFields, Setting
from gateway.domain.contact import Caller
from gateway.domain.context import EXPLANATION, HEADING, MOST_BLOCK, caller_context, wording
from gateway.domain.context_template import MOST_TAGS, MOST_TEMPLATE, TemplateError, read_template
from tests.support.injections import STRINGS

VALUES = {"status": "found", "name": "Ada", "company": "Example Ltd", "fields.plan": "gold", "phone": "+1317"}


def of(values: dict[str, str]) -> Callable[[str], str]:
    return lambda name: values.get(name, "")


def render(template: str, values: dict[str, str] = VALUES, flags: Any = ("found", "inbound")) -> str:
    return "\n".join(read_template(template).lines(of(values), set(flags)))


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("Caller: {{name}}", "Caller: Ada"),
        ("{{ name }} {{fields.plan}}", "Ada gold"),
        ("{{title}}", ""),
        ("{{name}}{{#company}} of {{company}}{{/company}}", "Ada of Example Ltd"),
        ("{{name}}{{#title}}, {{title}}{{/title}}", "Ada"),
        ("{{^title}}no title{{/title}}", "no title"),
        ("{{^name}}nobody{{/name}}{{#name}}somebody{{/name}}", "somebody"),
        ("{{#found}}known{{/found}}{{^found}}unknown{{/found}}", "known"),
        ("{{#not_found}}a stranger{{/not_found}}", ""),
        ("{{#outbound}}we call{{/outbound}}{{#inbound}}they call{{/inbound}}", "they call"),
        ("{{#company}}{{#title}}both{{/title}}{{^title}}one{{/title}}{{/company}}", "one"),
        ("{{#name}}{{#name}}twice{{/name}}{{/name}}", "twice"),
        ("a\n{{#title}}\nb\n{{/title}}\nc", "a\nc"),
        ("a\n{{#name}}\nb\n{{/name}}\n\n\nc", "a\nb\nc"),
        ("{{! a comment }}\nname: {{name}}  ", "name: Ada"),
        ("{ {name} } % $ # < >", "{ {name} } % $ # < >"),
        ("Größe: {{name}} — ✓", "Größe: Ada — ✓"),
    ],
)
def test_what_stands_there(template: str, rendered: str) -> None:
    assert render(template) == rendered


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{nmae}}", "line 1, column 1: there is no field nmae; did you mean name?"),
        (
            "a\nbc {{colour}}",
            "line 2, column 4: there is no field colour; the organization's own are fields.…",
        ),
        ("a\u1fefb", "line 1, column 2: a backtick could end the fence that the values stand in"),
        ("\uff40", "line 1, column 1: a backtick could end the fence that the values stand in"),
        ("{{plan}}", "line 1, column 1: there is no field plan; the organization's own are fields.…"),
        ("{{}}", "line 1, column 1: names no field"),
        ("{{fields.}}", "line 1, column 1: there is no field fields."),
        ("{{found}}", "line 1, column 1: found is a section, not a value: {{#found}}…{{/found}}"),
        ("x{{#name}}", "line 1, column 2: the section name is never closed"),
        ("{{/name}}", "line 1, column 1: the section name was never opened"),
        ("{{#name}}{{#title}}{{/name}}", "line 1, column 20: the section title must be closed first"),
        ("{{{name}}}", "line 1, column 1: values are never marked up"),
        ("{{&name}}", "line 1, column 1: values are never marked up"),
        ("{{> other}}", "line 1, column 1: there are no other templates to include"),
        ("{{=<% %>=}}", "line 1, column 1: the braces cannot be changed"),
        ("a {{name", "line 1, column 3: {{ without its }}"),
        ("name}}", "line 1, column 5: }} without its {{"),
        ("{{na{me}}", "line 1, column 1: {{ without its }}"),
        ("a\n```", "line 2, column 1: a backtick could end the fence"),
        ("a\tb", "line 1, column 2: must be printable characters and line ends"),
        ("a\u2028b", "line 1, column 2: must be printable characters and line ends"),
        ("a\r\nb", "line 1, column 2: must be printable characters and line ends"),
        ("{{name\n}}x{{name.}}", "line 2, column 4: there is no field name."),
        ("{{#name}}" * 11 + "{{/name}}" * 11, "line 1, column 91: sections stand at most 10 deep"),
        ("{{name}}" * (MOST_TAGS + 1), f"a template has at most {MOST_TAGS} tags"),
        ("x" * (MOST_TEMPLATE + 1), f"a template has at most {MOST_TEMPLATE} characters"),
    ],
)
def test_what_is_refused_and_where(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        read_template(template)
    assert message in str(caught.value)


def test_the_names_that_stand_in_it() -> None:
    assert read_template("{{name}}{{#title}}{{fields.plan}}{{/title}}").names == {"name", "fields.plan"}


SURE, UNSURE = Setting("inbound", "A"), Setting("inbound", "B")


def block(template: str, caller: Caller, setting: Setting = SURE, **listed: Any) -> str:
    fields = CallerFields(**(listed or {"A": ["name", "company", "notes", "email", "tags", "fields.plan"]}))
    return caller_context(
        caller, status="found", phone="+13175550142", setting=setting, words=wording(template, fields)
    )


ADA = Caller(
    values={"name": "Ada Example", "email": "ada@example.com", "company": "Example Ltd"},
    notes="Prefers mornings.\nHas a dog.", fields={"plan": "gold"}, tags=("regular", "payer"),
)  # fmt: skip


def test_the_whole_block() -> None:
    text = block("{{name}} ({{tags}})\n{{#notes}}Notes: {{notes}}{{/notes}}\nplan {{fields.plan}}", ADA)
    assert text == (
        f"{HEADING}\n{EXPLANATION}\n```\n"
        "Ada Example (regular, payer)\nNotes: Prefers mornings. Has a dog.\nplan gold\n```\n"
    )


def test_a_template_shows_no_more_than_the_fields_that_are_listed() -> None:
    template = "{{name}}|{{email}}|{{notes}}|{{fields.plan}}|{{company}}"
    assert "Ada Example|ada@example.com|Prefers" in block(template, ADA)
    assert "\nAda Example||||Example Ltd\n" in block(template, ADA, UNSURE)
    assert "\n||||\n" in block(template, ADA, UNSURE, A=["name"], B=[])


@pytest.mark.proof
def test_no_injection_leaves_the_fence_of_a_template() -> None:
    """Control: the same values set into the text as they are."""
    template = (
        "Hello {{name}}.\n{{#notes}}{{notes}}\n{{/notes}}{{email}} {{tags}} {{company}}\n{{fields.plan}}"
    )
    escaped = 0
    for text in STRINGS:
        values = dict.fromkeys(("name", "email", "company"), text)
        caller = Caller(values=values, notes=text, fields={"plan": text}, tags=(text, text))
        made = block(template, caller)
        inside = made.removeprefix(f"{HEADING}\n{EXPLANATION}\n```\n").removesuffix("```\n")
        assert len(made) <= MOST_BLOCK
        assert "`" not in inside and len(inside.splitlines()) <= template.count("\n") + 1
        assert not set(inside) & set("#<>")
        careless = template
        for name in ("name", "notes", "email", "tags", "company", "fields.plan"):
            careless = careless.replace(f"{{{{{name}}}}}", text)
        escaped += "`" in careless or len(careless.splitlines()) > template.count("\n") + 1
    print(f"G5 {len(STRINGS)} prompt injections in a template: 0 left the fence (without hygiene {escaped})")
    assert len(STRINGS) >= 200
    assert escaped > 100


@settings(max_examples=300, deadline=None, database=None)
@given(st.text(alphabet="{}#^/!&>=. namefouds\n`x", max_size=60))
def test_any_text_is_a_template_or_a_mistake_with_its_place(text: str) -> None:
    try:
        template = read_template(text)
    except TemplateError as problem:
        assert str(problem).startswith("line ")
    else:
        for line in template.lines(of(VALUES), {"found"}):
            assert line.strip() and "\n" not in line and "`" not in line


def test_the_longest_template_is_no_work() -> None:
    """Whatever stands in the values: no more than so many characters are made of it."""
    template = read_template("{{#name}}" * 10 + "{{notes}}" * 180 + "{{/name}}" * 10)
    begun = time.process_time()
    text = "\n".join(template.lines(of({"name": "x", "notes": "y" * 200}), ()))
    assert len(text) == 180 * 200
    assert time.process_time() - begun < 1


class Counting(dict[str, Any]):
    """Own fields that count how often they are looked at."""

    looked = 0

    def get(self, name: str, default: Any = None) -> Any:
        self.looked += 1
        return super().get(name, default)


@pytest.mark.parametrize("templated", [False, True])
def test_values_are_made_while_there_is_room_for_them(templated: bool) -> None:
    names = [f"fields.f{n}" for n in range(100)]
    template = "\n".join(f"{{{{{name}}}}}" for name in names) if templated else None
    fields = Counting({f"f{n}": "\ufdfa" * 1_000 for n in range(100)})
    words = wording(template, CallerFields(A=names))
    block = caller_context(
        Caller(fields=fields), status="found", phone="+1317", setting=Setting("inbound", "A"), words=words
    )
    assert 1_600 < len(block) <= MOST_BLOCK
    assert fields.looked <= MOST_BLOCK // 200 + 1

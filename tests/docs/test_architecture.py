"""The pages made from tables hold what the tables hold."""

from __future__ import annotations

import re
import tomllib

from gateway.domain.delivery import FINAL, Step
from gateway.domain.event_types import CATALOGUE
from gateway.domain.own_types import OWN
from gateway.store.tables import metadata
from tests.docs.pages import DOCS, events_page, transitions

ARCHITECTURE = (DOCS / "architecture.md").read_text("utf-8")


def diagram() -> list[str]:
    found = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", ARCHITECTURE, re.DOTALL)
    assert found is not None
    return [line.strip() for line in found[1].splitlines()]


def test_the_diagram_holds_exactly_the_transitions() -> None:
    drawn = [line for line in diagram() if "[*]" not in line]
    assert drawn == list(transitions()), "python -m tests.docs.pages prints them"


def test_the_diagram_ends_where_deliveries_end() -> None:
    ends = {line.split()[0] for line in diagram() if line.endswith("[*]")}
    assert ends == {status.value for status in FINAL}


def test_every_step_is_explained() -> None:
    assert all(f"| `{step.value}` | " in ARCHITECTURE for step in Step)


def test_every_table_is_named() -> None:
    named = set(re.findall(r"`(\w+)`", ARCHITECTURE))
    assert {table.name for table in metadata.sorted_tables} <= named


def test_the_events_page_is_made_from_the_catalogue() -> None:
    assert (DOCS / "events.md").read_text("utf-8") == events_page(), "run: python -m tests.docs.pages"


def test_the_events_page_has_every_type() -> None:
    page = (DOCS / "events.md").read_text("utf-8")
    assert len(CATALOGUE) == 14
    assert re.findall(r"^## `(.+)`$", page, re.MULTILINE) == [*CATALOGUE, *OWN]


def test_every_decision_is_numbered_in_its_title() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for number, page in enumerate(pages, 1):
        text = page.read_text("utf-8")
        assert text.startswith(f"# {number}. "), page.name
        assert all(f"\n**{part}.**" in text for part in ("Context", "Decision", "Consequences")), page.name


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    names = {re.split(r"[^A-Za-z0-9-]", entry)[0] for entry in wanted}
    page = (DOCS / "decisions" / "0007-libraries.md").read_text("utf-8")
    explained = {
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z0-9-]+)`", line.split("|")[1])
    } - {"demo"}
    assert explained == names

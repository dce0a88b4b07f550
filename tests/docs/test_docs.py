"""The reference pages name everything there is: a setting, metric or command without its line fails here."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.reference import page
from gateway.config import CLIENT_NAMES, PREFIX, Settings, setting_names
from gateway.metrics import Metrics

DOCS = Path(__file__).parents[2] / "docs"


def rows(name: str) -> dict[str, list[str]]:
    """The page's table: first cell, without backticks → the other cells."""
    lines = [line for line in (DOCS / name).read_text("utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_settings_page_has_every_setting_and_no_other() -> None:
    assert list(rows("settings.md")) == [PREFIX + name for name in setting_names()]


@pytest.mark.parametrize("name", setting_names())
def test_settings_page_has_the_default(name: str) -> None:
    default = Settings.model_fields[setting_names()[name]].default
    shown, meaning = rows("settings.md")[PREFIX + name]
    if default in (None, "", ()):
        assert shown.startswith("*")
    else:
        assert shown == f"`{_written(default)}`"
    assert meaning


def test_settings_page_names_the_clients_variables() -> None:
    text = (DOCS / "settings.md").read_text("utf-8")
    assert all(f"`{PREFIX}{name}`" in text for name in CLIENT_NAMES)


def test_metrics_page_has_every_metric_with_type_and_labels() -> None:
    metrics = Metrics()
    documented = rows("metrics.md")
    found = set()
    for family in metrics.registry.collect():
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        kind, labels, meaning = documented[name]
        assert kind == family.type.replace("info", "gauge"), name
        wanted = set(family.samples[0].labels) - {"le"} if family.samples else None
        assert wanted is None or {label.strip(" `") for label in labels.split(",") if label} == wanted, name
        assert meaning, name
        found.add(name)
    assert found == set(documented)


def test_command_page_is_made_from_the_commands() -> None:
    assert (DOCS / "cli.md").read_text("utf-8") == page(), (
        "run: python -m gateway.cli.reference > docs/cli.md"
    )


def test_every_command_and_option_explains_itself() -> None:
    for line in page().splitlines():
        assert not line.startswith("- `") or line.split("`: ")[1].strip(), line
    blocks = page().split("\n## ")[1:]
    assert all(len(block.splitlines()) >= 3 for block in blocks)

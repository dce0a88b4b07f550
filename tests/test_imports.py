"""Imports point down, so that a reader may stop at any level: read from the source, nothing is imported.

    process → app → web | cli → ingest | dispatch | enrich | manage → crm | lookup → store | egress
        → domain → errors | clock

Parts of one level do not import each other.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the top down; each may import what stands below it, never what stands above or beside it.
LEVELS = (
    ("__main__", "process"),
    ("app", "offline"),
    ("web", "cli"),
    ("demo",),
    ("ingest", "dispatch", "enrich", "manage", "master_key"),
    ("crm", "lookup"),
    ("store", "egress"),
    ("domain",),
    ("errors", "clock"),
)
LEVEL = {name: number for number, names in enumerate(LEVELS) for name in names}

# Tools that every level may use, and what they themselves may use of the gateway.
TOOLS: dict[str, set[str]] = {
    "signing": set(),
    "client": set(),
    "checkpoints": set(),
    "fixture_files": set(),
    "logs": {"clock"},
    "metrics": {"clock", "config"},
    "config": {"errors"},
}

# The settings are read at the top and handed down as values. (`metrics` asks for the version alone.)
READERS_OF_SETTINGS = {"process", "app", "cli", "master_key", "metrics"}

# Upwards, each with its reason. One that nothing needs any more fails the test.
EXCEPTIONS = {
    ("cli", "process"),  # a command starts the process; imported inside the command
}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, wherever in it, with the line."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            yield module, node.lineno
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def part(module: str) -> str | None:
    """`gateway.store.tables` → `store`; None for what is not of the gateway, and for the package itself."""
    names = module.split(".")
    return names[1] if names[0] == "gateway" and len(names) > 1 else None


def parts_imported(path: Path) -> set[tuple[str, int]]:
    known = {*LEVEL, *TOOLS}
    return {(found, line) for module, line in imports(path) if (found := part(module)) in known}


def own_part(path: Path) -> str:
    return path.relative_to(ROOT / "gateway").parts[0].removesuffix(".py")


def allowed(importer: str, imported: str) -> bool:
    if importer == imported or (importer, imported) in EXCEPTIONS:
        return True
    if imported == "config":
        return importer in READERS_OF_SETTINGS
    if importer in TOOLS:
        return imported in TOOLS[importer]
    return imported in TOOLS or LEVEL[imported] > LEVEL[importer]


def test_every_module_has_its_place() -> None:
    found = {own_part(path) for path in sources("gateway")} - {"__init__"}
    assert found <= {*LEVEL, *TOOLS}, "give the new part a level in this file"


@pytest.mark.parametrize("path", sources("gateway"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    importer = own_part(path)
    if importer == "__init__":
        assert not list(imports(path)), "importing the package imports nothing"
        return
    wrong = [
        f"line {line}: gateway.{name}" for name, line in parts_imported(path) if not allowed(importer, name)
    ]
    assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_every_exception_is_needed() -> None:
    used = {(own_part(path), name) for path in sources("gateway") for name, _ in parts_imported(path)}
    assert used >= EXCEPTIONS


def test_signing_is_the_standard_library_alone() -> None:
    outside = {
        name.split(".")[0] for name, _ in imports(ROOT / "gateway/signing.py")
    } - sys.stdlib_module_names
    assert outside == set()


@pytest.mark.parametrize("path", sources("connectors"), ids=lambda path: str(path.relative_to(ROOT)))
def test_connectors_never_import_the_gateway(path: Path) -> None:
    assert not [name for name, _ in imports(path) if name.split(".")[0] == "gateway"]


def test_the_reader_of_imports_sees_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: hidden imports are found."""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "gateway" / "domain" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import gateway.store.tables as t\nfrom gateway import web\nfrom ..egress import client\n"
        "def f():\n    from gateway.cli import main\n"
    )
    assert {name for name, _ in parts_imported(path)} == {"store", "web", "egress", "cli"}
    assert not allowed("domain", "store")
    assert not allowed("ingest", "dispatch")
    assert not allowed("store", "config")
    assert not allowed("signing", "clock")
    assert allowed("web", "ingest")

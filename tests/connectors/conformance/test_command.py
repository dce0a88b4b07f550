"""`hum-connector check`: its exit statuses, its outputs, and what it says to wrong options."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from connectors.kit.conformance.command import check
from connectors.kit.server import application
from connectors.memory.connector import MemoryConnector
from tests.connectors.conformance.reference import EXACT, PEOPLE
from tests.connectors.conformance.test_good import served
from tests.connectors.signing import OTHER_SECRET, SECRET

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(application(MemoryConnector(PEOPLE), [SECRET])) as address:
        yield address


def run(*arguments: str, secret: str = SECRET) -> Result:
    return CliRunner().invoke(check, [*arguments, "--secret-env", "S"], env={"S": secret})


def test_nothing_failed(url: str) -> None:
    result = run(url, "--only", "PNG", "--only", "SIG-00")
    assert result.exit_code == 0, result.output
    assert "14 passed, 0 failed, 3 skipped" in " ".join(result.stdout.split())
    assert "2  it would write: give --allow-writes" in result.stdout


def test_something_failed(url: str) -> None:
    result = run(url, "--only", "PNG-001", secret=OTHER_SECRET)
    assert result.exit_code == 1
    assert "FAILED HUM-PNG-001" in result.stdout
    assert "is it the same secret on both sides?" in " ".join(result.stdout.split())


def test_nobody_is_there() -> None:
    result = run(NOWHERE)
    assert result.exit_code == 2
    assert "nobody answers at http://127.0.0.1:1/ping" in result.stderr


def test_another_service_is_there(url: str) -> None:
    result = run(f"{url}/somewhere/else", "--only", "PNG-001")
    assert result.exit_code == 1
    assert "is the base URL right" in " ".join(result.stdout.split())


def test_reports_are_written(url: str, tmp_path: Path) -> None:
    files = {name: tmp_path / f"report.{name}" for name in ("json", "junit", "html")}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    assert run(url, "--only", "PNG", *options).exit_code == 0
    assert json.loads(files["json"].read_text("utf-8"))["failed"] == 0
    assert ElementTree.fromstring(files["junit"].read_text("utf-8")).get("tests") == "8"
    assert "HUM-PNG-001" in files["html"].read_text("utf-8")


def test_a_report_on_standard_output_stands_there_alone(url: str) -> None:
    result = run(url, "--only", "PNG", "--json", "-")
    assert json.loads(result.stdout)["url"] == url
    assert "passed" in result.stderr


def test_a_seed_is_used(url: str, tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"contacts": {EXACT: {"id": "101", "name": "Somebody Else"}}}))
    result = run(url, "--profile", "lookup", "--only", "LKP-004", "--only", "LKP-005", "--seed", str(seed))
    assert result.exit_code == 1
    assert "FAILED HUM-LKP-005" in result.stdout
    assert "contact.name: 'Somebody Else'" in result.stdout


def test_activities_are_shown_by_a_command(url: str, tmp_path: Path) -> None:
    program = tmp_path / "show.py"
    program.write_text("import sys; print('nothing of', sys.argv[-1])")
    options = ["--allow-writes", "--only", "CAL-019", "--show-activity", f"{sys.executable} {program}"]
    result = run(url, *options)
    assert result.exit_code == 1
    assert "FAILED HUM-CAL-019" in result.stdout
    program.write_text("import sys; sys.exit('no such activity')")
    result = run(url, *options)
    assert "no such activity" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ftp://example.com",), "an address such as"),
        (("http://user:pass@example.com",), "no user name"),
        (("http://example.com/#x",), "an address such as"),
        ((NOWHERE, "--only", "HUM-XYZ"), "'HUM-XYZ'"),
        ((NOWHERE, "--json", "-", "--junit", "-"), "one report"),
        ((NOWHERE, "--timeout", "0"), "--timeout"),
        ((NOWHERE, "--show-activity", "'"), "--show-activity"),
        ((NOWHERE, "--mode", "lax"), "lax"),
        ((NOWHERE, "--seed", "/nowhere.json"), "/nowhere.json"),
    ],
)
def test_wrong_options_are_named(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("secret", "said"), [("", "S is not set"), ("short", "16 characters"), ("x" * 20 + "\n", "line end")]
)
def test_a_secret_that_is_none_is_refused(secret: str, said: str) -> None:
    result = run(NOWHERE, secret=secret)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_a_seed_that_is_wrong_is_refused(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text('{"contacts": {"555": {}}}')
    result = run(NOWHERE, "--seed", str(seed))
    assert result.exit_code == 2
    assert "E.164" in result.stderr


def test_the_command_belongs_to_hum_connector() -> None:
    from connectors.cli import main

    result = CliRunner().invoke(main, ["check", "--help"])
    assert result.exit_code == 0
    assert "--allow-writes" in result.output

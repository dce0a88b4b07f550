"""`hum-connector`: what its commands do, and what they say when they cannot."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from connectors import registry
from connectors.cli import main
from connectors.kit.connector import Connector, Setting
from tests.connectors.signing import OTHER_SECRET, SECRET

SHY = """
from connectors.kit.connector import Connector, Setting

class Shy(Connector):
    name = "shy"
    settings = (Setting("SHY_URL", "address of the CRM"), Setting("SHY_TOKEN", "its token", secret=True))

    @classmethod
    def from_settings(cls, values):
        raise ValueError(f"SHY_TOKEN {values['SHY_TOKEN']} is no token of {values['SHY_URL']}")
"""


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, words, env={"SECRET": SECRET} | environment)


@pytest.fixture
def shy(tmp_path: Path) -> str:
    (tmp_path / "shy.py").write_text(SHY)
    return str(tmp_path / "shy.py")


class TestServe:
    """Only what fails: a server that starts is in `test_serving`."""

    def test_every_problem_is_told_at_once(self, shy: str) -> None:
        result = run("serve", shy, "--secret-env", "NOBODY", "--secret-env", "SHORT", SHORT="tooshort")
        assert result.exit_code == 1
        assert result.output.splitlines()[1:] == [
            "  NOBODY is not set: the secret that HUM showed when the connector was created",
            "  SHORT holds a secret of fewer than 16 characters",
            "  SHY_URL is not set: address of the CRM",
            "  SHY_TOKEN is not set: its token",
        ]

    def test_a_secret_setting_is_never_shown(self, shy: str) -> None:
        result = run("serve", shy, "--secret-env", "SECRET", SHY_URL="https://crm", SHY_TOKEN="tok-123")
        assert "SHY_TOKEN [hidden] is no token of https://crm" in result.output
        assert "tok-123" not in result.output

    def test_seed_is_for_those_that_take_one(self, shy: str) -> None:
        result = run("serve", shy, "--secret-env", "SECRET", "--seed", shy)
        assert result.exit_code == 2
        assert "takes no --seed" in result.output

    @pytest.mark.parametrize("text", ["{", '[{"name": "no id"}]', '{"id": "1"}'])
    def test_a_seed_that_is_none(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "seed.json").write_text(text)
        result = run("serve", "memory", "--secret-env", "SECRET", "--seed", str(tmp_path / "seed.json"))
        assert result.exit_code == 1
        assert "MEMORY_SEED: " in result.output

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("nobody", "no connector is named 'nobody'; there are"),
            ("kit", "no connector is named 'kit'"),
            ("./nowhere/connector.py", "nowhere/connector.py is not a file"),
            ("no_such_module:Crm", "no_such_module cannot be imported"),
            ("connectors.memory.connector:Crm", "has no Connector named Crm"),
            ("json:JSONDecoder", "json has no Connector named JSONDecoder"),
        ],
    )
    def test_a_connector_that_is_not_there(self, name: str, told: str) -> None:
        result = run("serve", name, "--secret-env", "SECRET")
        assert result.exit_code == 1
        assert told in result.output

    def test_a_taken_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            result = run("serve", "memory", "--secret-env", "SECRET", "--port", str(taken.getsockname()[1]))
        assert result.exit_code == 1
        assert "cannot listen on 127.0.0.1 port" in result.output

    def test_a_country_that_is_none(self, tmp_path: Path) -> None:
        run("new", "acme", "--dir", str(tmp_path))
        ledger = str(tmp_path / "ledger.db")
        words = ("serve", str(tmp_path / "connector.py"), "--secret-env", "SECRET", "--ledger", ledger)
        result = run(*words, ACME_COUNTRY="Germany")
        assert result.exit_code == 1
        assert "country: 'Germany' is not a country's two letters" in result.output

    def test_a_ledger_that_cannot_be_used(self, tmp_path: Path) -> None:
        file = tmp_path / "ledger.db"
        file.write_text("no database, and longer than the header of one, which has a hundred bytes" * 2)
        for path in (file, file / "in" / "it.db"):
            result = run("serve", "memory", "--secret-env", "SECRET", "--ledger", str(path))
            assert result.exit_code == 1
            assert f"the ledger {path} cannot be used: " in result.output


class TestFinding:
    def test_a_file_with_several_needs_a_name(self, tmp_path: Path) -> None:
        path = tmp_path / "two.py"
        path.write_text(
            "from connectors.kit.connector import Connector\n"
            "class One(Connector): pass\nclass Two(Connector): pass\n"
        )
        with pytest.raises(registry.NoConnector, match="it has One, Two"):
            registry.find(str(path))
        assert registry.find(f"{path}:Two").__name__ == "Two"

    def test_a_file_may_import_its_neighbours(self, tmp_path: Path) -> None:
        (tmp_path / "neighbour_of_crm.py").write_text("NAME = 'from beside'\n")
        (tmp_path / "crm.py").write_text(
            "from neighbour_of_crm import NAME\nfrom connectors.kit.connector import Connector\n"
            "class Crm(Connector):\n    name = NAME\n"
        )
        assert registry.find(str(tmp_path / "crm.py")).name == "from beside"

    def test_a_class_of_a_module(self) -> None:
        assert registry.find("connectors.memory.connector:MemoryConnector").name == "memory"

    def test_settings(self) -> None:
        class Crm(Connector):
            settings = (Setting("CRM_A", "a"), Setting("CRM_B", "b", default="x"))

            def __init__(self, values: dict[str, str]) -> None:
                self.values = values

            @classmethod
            def from_settings(cls, values: object) -> Crm:
                assert isinstance(values, dict)
                return cls(values)

        made = registry.make(Crm, {"CRM_A": "1", "CRM_B": "", "OTHER": "2"})
        assert isinstance(made, Crm)
        assert made.values == {"CRM_A": "1", "CRM_B": "x"}
        with pytest.raises(registry.NoConnector, match="CRM_A is not set: a"):
            registry.make(Crm, {"CRM_A": ""})


class TestList:
    def test_for_people(self) -> None:
        result = run("list")
        assert "memory  A CRM that lives in memory" in result.output
        assert "MEMORY_SEED" in result.output

    def test_for_programs(self) -> None:
        rows = {row["name"]: row for row in json.loads(run("list", "--json").output)}
        assert rows["memory"]["settings"][0] == {
            "name": "MEMORY_SEED",
            "help": "JSON file with the list of contacts to begin with",
            "required": False,
            "default": "",
            "secret": False,
        }

    def test_one_whose_libraries_are_missing_is_still_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(name: str) -> None:
            raise registry.NoConnector("connectors.memory.connector cannot be imported: no module x")

        monkeypatch.setattr(registry, "find", fails)
        assert "memory  connectors.memory.connector cannot be imported: no module x" in run("list").output


class TestNew:
    def test_it_begins_a_connector_whose_tests_pass(self, tmp_path: Path) -> None:
        result = run("new", "my-crm_2", "--dir", str(tmp_path / "mine"))
        assert result.exit_code == 0, result.output
        assert {path.name for path in (tmp_path / "mine").iterdir()} == {
            "connector.py", "test_connector.py", "seed.json", "README.md",
        }  # fmt: skip
        text = "".join(path.read_text() for path in (tmp_path / "mine").iterdir())
        assert "skeleton" not in text.lower()
        assert "class MyCrm2Connector(Connector)" in text
        assert "MY_CRM_2_COUNTRY" in text
        done = subprocess.run(
            [sys.executable, "-m", "unittest"],
            cwd=tmp_path / "mine",
            env={"PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Ran 4 tests" in done.stderr

    def test_it_is_served_as_it_is(self, tmp_path: Path) -> None:
        run("new", "acme", "--dir", str(tmp_path))
        kind = registry.find(str(tmp_path / "connector.py"))
        assert (kind.__name__, kind.name) == ("AcmeConnector", "acme")
        assert registry.make(kind, {"ACME_COUNTRY": "DE"}).country == "DE"

    def test_nothing_is_written_over(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("mine")
        result = run("new", "acme", "--dir", str(tmp_path))
        assert result.exit_code == 1
        assert "README.md is there already; nothing was written" in result.output
        assert [path.name for path in tmp_path.iterdir()] == ["README.md"]

    @pytest.mark.parametrize("name", ["Acme", "1st", "a b", "../up", "a.b", "", "é", "a-", "x" * 41])
    def test_a_name_that_is_none(self, name: str) -> None:
        result = run("new", name)
        assert result.exit_code == 1
        assert "is no name" in result.output


class TestSend:
    def test_nobody_there(self) -> None:
        result = run("send", "http://127.0.0.1:9", "ping", "--secret-env", "SECRET")
        assert result.exit_code == 1
        assert result.output.startswith("Error: http://127.0.0.1:9: ")
        assert SECRET not in result.output

    def test_the_first_secret_of_several_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[httpx.Headers] = []

        def post(url: str, **options: object) -> httpx.Response:
            sent.append(httpx.Headers(options["headers"]))  # type: ignore[arg-type]
            assert url == "http://connector/base/contacts/lookup"
            return httpx.Response(503, text="\x1b[31mdown")

        monkeypatch.setattr(httpx, "post", post)
        result = run(
            "send", "http://connector/base/", "contact.lookup", '{"phone": "1"}', "--secret-env", "TWO",
            "--delivery", "dlv_7", TWO=f"{SECRET}, {OTHER_SECRET}",
        )  # fmt: skip
        assert result.exit_code == 1
        assert sent[0]["authorization"] == f"Bearer {SECRET}"
        assert sent[0]["x-hum-delivery"] == "dlv_7"
        assert "\x1b" not in result.output
        assert "HTTP 503" in result.output


def test_every_command_and_option_explains_itself() -> None:
    for name, command in main.commands.items():
        assert command.help, name
        for param in command.params:
            assert not isinstance(param, click.Option) or param.help, f"{name} {param.name}"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from connectors.cli import main; main(['--help'], standalone_mode=False);"
        "print(sorted({'httpx', 'starlette', 'uvicorn', 'rich', 'phonenumbers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

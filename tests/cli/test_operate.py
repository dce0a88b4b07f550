"""Operator's commands: through the socket while somebody serves, on the database otherwise."""

from __future__ import annotations

import base64
import json
import sys
import threading
import types
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.cli.operator import Operator
from gateway.config import Settings
from gateway.errors import StartupError
from gateway.store.lock import DatabaseInUseError, DatabaseLock, control_socket_path


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gateway.db"
    path.touch()
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", f"sqlite:///{path}")
    return path


class Office:
    """Stands for the application without a server; remembers its calls and whether the lock was held."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []
        self.served: list[object] = []
        self.locked: list[bool] = []

    async def create_key(self, **key: object) -> dict[str, object]:
        self.calls.append(("create_key", key))
        return {"id": "key_1", "key": "hum_live_new", "name": key["name"]}

    async def list_keys(self) -> list[dict[str, object]]:
        return [{"id": "key_1", "name": "crm", "role": "admin"}]

    async def revoke_key(self, key_id: str) -> None:
        self.calls.append(("revoke_key", key_id))

    async def status(self) -> dict[str, object]:
        return {"serving": False}


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    office = Office()

    @asynccontextmanager
    async def offline(settings: Settings) -> AsyncIterator[Office]:
        if settings.sqlite_path:
            with pytest.raises(DatabaseInUseError):
                DatabaseLock(settings.sqlite_path).acquire()
        yield office

    def serve(*arguments: object) -> int:
        office.served.append(arguments[1:])
        return 3

    app = types.ModuleType("gateway.process")
    vars(app).update(offline=offline, serve=serve, migrate=lambda settings: "schema 7, nothing to do")
    monkeypatch.setitem(sys.modules, "gateway.process", app)
    return office


class _Control(BaseHTTPRequestHandler):
    """The running gateway's side of the socket."""

    seen: list[tuple[str, str, Any]]

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path.split("?")[0], json.loads(body) if body else None))
        answers = {
            "POST": {"id": "key_2", "key": "hum_live_socket"},
            "DELETE": None,
            "GET": {"serving": True}
            if "status" in self.path
            else {"data": [{"id": "key_2"}], "next_cursor": None},
        }
        answer = json.dumps(answers[self.command]).encode() if answers[self.command] else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

    def address_string(self) -> str:
        return "socket"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def serving(database: Path) -> Iterator[list[tuple[str, str, Any]]]:
    """A gateway that holds the lock and answers on the socket; yields what it was asked."""
    seen: list[tuple[str, str, Any]] = []
    handler = type("Handler", (_Control,), {"seen": seen})
    with (
        DatabaseLock(database),
        ThreadingUnixStreamServer(str(control_socket_path(database)), handler) as server,
    ):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield seen
        server.shutdown()


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.mark.usefixtures("database")
def test_the_key_is_the_last_line_of_standard_output(office: Office) -> None:
    result = run(
        "keys", "create", "--org", "org_1", "--role", "admin", "--expires-in", "90d", "--name", "crm"
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == "hum_live_new\n"
    assert "key_1" in result.stderr
    assert "hum_live" not in result.stderr
    wanted = {"platform": False, "org": "org_1", "role": "admin", "scopes": None, "expires_in": 7_776_000}
    assert office.calls == [("create_key", wanted | {"name": "crm"})]


@pytest.mark.usefixtures("database")
def test_offline_work_leaves_the_lock_free(office: Office, database: Path) -> None:
    assert "crm" in run("keys", "list").stdout
    assert run("keys", "revoke", "key_1", "--yes").exit_code == 0
    assert json.loads(run("status", "--json").stdout) == {"serving": False}
    assert office.calls == [("revoke_key", "key_1")]
    with DatabaseLock(database):
        pass


def test_while_somebody_serves_the_socket_is_used(serving: list[tuple[str, str, Any]]) -> None:
    result = run("keys", "create", "--platform", "--scopes", "events:write,manage")
    assert result.stdout == "hum_live_socket\n"
    assert "key_2" in run("keys", "list").stdout
    assert run("keys", "revoke", "key_2", "--yes").exit_code == 0
    assert json.loads(run("status", "--json").stdout) == {"serving": True}
    assert serving == [
        ("POST", "/api/keys", {"platform": True, "scopes": ["events:write", "manage"]}),
        ("GET", "/api/keys", None),
        ("DELETE", "/api/keys/key_2", None),
        ("GET", "/control/status", None),
    ]


def test_a_key_of_an_organization_over_the_socket(serving: list[tuple[str, str, Any]]) -> None:
    run("keys", "create", "--org", "org_1", "--role", "viewer", "--expires-in", "60")
    assert serving[0][2] == {"org_id": "org_1", "role": "viewer", "expires_in": 60}


def test_locked_and_nobody_answers_is_said_after_some_patience(database: Path) -> None:
    waits: list[float] = []
    with DatabaseLock(database):
        operator = Operator(
            Settings.load({"HUM_GATEWAY_DATABASE_URL": f"sqlite:///{database}"}), sleep=waits.append
        )
        with pytest.raises(StartupError, match="nobody answers"), operator:
            pass
    assert sum(waits) == pytest.approx(5.0)


def test_a_short_command_in_the_way_is_waited_for(database: Path, office: Office) -> None:
    other = DatabaseLock(database)
    other.acquire()
    settings = Settings.load({"HUM_GATEWAY_DATABASE_URL": f"sqlite:///{database}"})
    with Operator(settings, sleep=lambda seconds: other.release()) as operator:
        assert operator.status() == {"serving": False}


def test_postgresql_is_opened_directly(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", "postgresql:///hum")
    monkeypatch.setenv("HUM_GATEWAY_MASTER_KEY", run("keygen").stdout.strip())
    assert json.loads(run("status", "--json").stdout) == {"serving": False}


@pytest.mark.parametrize("words", [("status",), ("keys", "list"), ("keys", "revoke", "key_1")])
def test_looking_makes_no_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", "sqlite:///data/gateway.db")
    (tmp_path / "data").mkdir()
    result = run(*words)
    assert result.exit_code == 1
    said, hint = result.stderr.splitlines()
    assert said == f"Error: there is no database {tmp_path}/data/gateway.db"
    assert "HUM_GATEWAY_DATABASE_URL" in hint
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.usefixtures("office")
def test_a_key_says_when_it_made_the_database(database: Path) -> None:
    words = ("keys", "create", "--org", "org_1", "--role", "admin")
    assert "database" not in run(*words).stderr
    database.unlink()
    made = run(*words)
    assert f"made a new database: {database}\n" in made.stderr
    assert made.stdout == "hum_live_new\n"


def test_status_shows_the_absolute_path(
    office: Office, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", "sqlite:///gateway.db")

    async def status() -> dict[str, object]:
        return {"database": "sqlite:///gateway.db"}

    monkeypatch.setattr(office, "status", status)
    assert str(database) in run("status").stdout


@pytest.mark.parametrize(
    "words",
    [(), ("--org", "o"), ("--role", "admin"), ("--platform", "--org", "o"), ("--org", "o", "--role", "root")],
)
def test_contradicting_key_options_are_refused(words: tuple[str, ...]) -> None:
    assert run("keys", "create", *words).exit_code == 2


@pytest.mark.usefixtures("database")
def test_serve_hands_over_and_returns_its_status(office: Office) -> None:
    assert run("serve", "--port", "9999").exit_code == 3
    assert office.served == [("127.0.0.1", 9999, 1)]
    result = run("serve", "--workers", "2")
    assert result.exit_code == 1
    assert "PostgreSQL" in result.stderr


@pytest.mark.usefixtures("database", "office")
def test_migrate_says_what_it_did() -> None:
    assert run("migrate").stdout == "schema 7, nothing to do\n"


def test_bad_settings_are_all_listed_and_unknown_ones_warn(
    monkeypatch: pytest.MonkeyPatch, office: Office
) -> None:
    monkeypatch.setenv("HUM_GATEWAY_LOG_LEVLE", "x")
    assert "did you mean HUM_GATEWAY_LOG_LEVEL?" in run("migrate").stderr
    monkeypatch.setenv("HUM_GATEWAY_LOG_LEVEL", "x")
    monkeypatch.setenv("HUM_GATEWAY_WEBHOOK_LIMIT", "x")
    result = run("migrate")
    assert result.exit_code == 1
    assert result.stderr.count("HUM_GATEWAY_") == 2


def test_keygen_makes_another_key_each_time() -> None:
    first, second = (base64.b64decode(run("keygen").stdout, validate=False) for _ in range(2))
    assert len(first) == len(second) == 32
    assert first != second


def test_demo_passes_keep_and_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = types.ModuleType("gateway.cli.demo")
    vars(demo)["run"] = lambda keep: 4 if keep else 0
    monkeypatch.setitem(sys.modules, "gateway.cli.demo", demo)
    assert (run("demo").exit_code, run("demo", "--keep").exit_code) == (0, 4)


def test_version() -> None:
    assert run("--version").stdout.startswith("hum-gateway ")

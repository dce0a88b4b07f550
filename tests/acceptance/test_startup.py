"""What stops a start is one clear line and a non-zero exit, and nothing is half done; and what an operator's
commands do beside a gateway that serves, and without one."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.process import GatewayProcess

ANOTHER_KEY = base64.b64encode(b"x" * 32).decode()
_INFO = re.compile(r"\S+Z INFO ")


def gateway(directory: Path, url: str | None = None, **settings: object) -> GatewayProcess:
    return GatewayProcess(url or f"sqlite:///{directory / 'gateway.db'}", directory, **settings)


def refusal(process: GatewayProcess, *words: str) -> str:
    """The one line with which a command (`serve` if none is named) refuses to work."""
    done = process.run(*(words or ("serve", "--port", "0")))
    assert done.returncode not in (0, None), done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not _INFO.match(line)]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    return lines[0]


def snapshot(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of a SQLite file."""
    with sqlite3.connect(path) as conn:
        names = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: conn.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def _directory(path: Path) -> None:
    path.mkdir()


def _text(path: Path) -> None:
    path.write_text("this is not a database\n" * 200)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(_directory, "is a directory"),
        pytest.param(_text, "is not a database"),
    ],
)
def test_what_is_no_database_is_left_alone(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "gateway.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    assert reason in refusal(gateway(tmp_path))
    assert before == (path.read_bytes() if path.is_file() else None)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"gateway.db", "gateway.db.lock"}


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("/proc/nowhere", str(tmp_path / "file" / "sub")):
        assert f"cannot make the directory {place}" in refusal(
            gateway(tmp_path, f"sqlite:///{place}/gateway.db")
        )


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    assert gateway(tmp_path).run("migrate").returncode == 0
    (tmp_path / "gateway.db").chmod(0)
    assert "unable to open database file" in refusal(gateway(tmp_path))


def test_a_wrong_or_missing_master_key_is_refused(empty_database: str, tmp_path: Path) -> None:
    right = gateway(tmp_path, empty_database)
    right.create_key()
    file = tmp_path / "gateway.db"
    before = snapshot(file) if file.exists() else None
    wrong = gateway(tmp_path, empty_database, master_key=ANOTHER_KEY)
    for words in ((), ("keys", "create", "--platform")):
        assert "the master key is not the one this database was written with" in refusal(wrong, *words)
    missing = gateway(tmp_path, empty_database)
    del missing.environ["HUM_GATEWAY_MASTER_KEY"]
    message = refusal(missing)
    if before is None:
        assert "HUM_GATEWAY_MASTER_KEY: is required on PostgreSQL" in message
    else:
        assert "gateway.db.key is missing" in message
        assert not (tmp_path / "gateway.db.key").exists(), "a new key beside an old database"
        assert snapshot(file) == before


def test_the_embedded_default_makes_a_key_and_says_so(tmp_path: Path) -> None:
    process = gateway(tmp_path)
    del process.environ["HUM_GATEWAY_MASTER_KEY"]
    with process:
        process.start()
        assert "made a master key at" in process.log.read_text()
        process.stop()
    key = tmp_path / "gateway.db.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(base64.b64decode(key.read_text())) == 32


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://u:s3cret@127.0.0.1:1/x", "Connection refused"),
        ("postgresql://u:s3cret@/x?host=/nonexistent", "No such file or directory"),
    ],
)
def test_a_postgresql_out_of_reach_is_said_without_its_password(
    tmp_path: Path, url: str, reason: str
) -> None:
    started = time.monotonic()
    message = refusal(gateway(tmp_path, url))
    assert "the database cannot be reached" in message
    assert reason in message
    assert "s3cret" not in message
    assert time.monotonic() - started < 20


def test_bad_settings_are_reported_all_at_once(tmp_path: Path) -> None:
    bad = {"log_level": "loud", "max_event_bytes": "12k", "retry_schedule": "0", "master_key": "s3cret"}
    done = gateway(tmp_path, "mysql://u:s3cret@h/x", **bad).run("serve")
    assert done.returncode == 1
    names = re.findall(r"^(?:Error: )?HUM_GATEWAY_(\w+): ", done.stderr, re.MULTILINE)
    assert sorted(names) == sorted(["DATABASE_URL", *(name.upper() for name in bad)])
    assert "s3cret" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_refused_and_the_database_is_free_again(tmp_path: Path) -> None:
    process = gateway(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refusal(process, "serve", "--port", str(port))
    assert f"port {port} on 127.0.0.1 is in use" in message
    assert process.run("migrate").returncode == 0


def test_migrating_twice_changes_nothing(empty_database: str, tmp_path: Path) -> None:
    process = gateway(tmp_path, empty_database)
    first, second = process.run("migrate"), process.run("migrate")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == second.stdout.strip() + " (was empty)\n"


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    process, file = gateway(tmp_path), tmp_path / "gateway.db"
    assert process.run("migrate").returncode == 0
    with sqlite3.connect(file) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999_future'")
    conn.close()
    before = snapshot(file)
    for words in ((), ("migrate",), ("keys", "list")):
        assert "schema 9999_future, which this gateway does not know" in refusal(process, *words)
    assert snapshot(file) == before


def test_a_second_gateway_on_the_file_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    with gateway(tmp_path) as first:
        first.start()
        (tmp_path / "link.db").symlink_to(tmp_path / "gateway.db")
        started = time.monotonic()
        message = refusal(gateway(tmp_path, f"sqlite:///{tmp_path / 'link.db'}"))
        taken = time.monotonic() - started
        assert "is in use: another `hum-gateway serve` holds" in message
        assert taken < 10
        print(f"A6: a second serve is refused after {taken:.2f} s, starting Python included")
        assert "in use" in refusal(first, "migrate")
        assert first.ready()
        assert first.stop() == 0
    assert first.run("migrate").returncode == 0


def test_keys_and_status_reach_the_serving_gateway_through_its_socket(tmp_path: Path) -> None:
    with gateway(tmp_path) as process:
        before = process.create_key("--org", "acme", "--role", "viewer", "--name", "offline")
        url = process.start()
        control = tmp_path / "gateway.db.sock"
        assert stat.S_ISSOCK(control.stat().st_mode)
        assert stat.S_IMODE(control.stat().st_mode) == 0o600
        key = process.create_key("--org", "acme", "--role", "admin", "--name", "beside", "--expires-in", "1h")

        def status_with(token: str) -> int:
            answer = httpx.get(f"{url}/api/events", headers={"Authorization": f"Bearer {token}"})
            return answer.status_code

        assert (status_with(before), status_with(key)) == (200, 200)
        listed = json.loads(process.run("keys", "list", "--json").stdout)
        assert {entry["name"]: entry["role"] for entry in listed} == {"offline": "viewer", "beside": "admin"}
        status = json.loads(process.run("status", "--json").stdout)
        assert (status["ready"], status["in_flight"]) == (True, 0)
        revoked = next(entry["id"] for entry in listed if entry["name"] == "beside")
        assert process.run("keys", "revoke", revoked, "--yes").returncode == 0
        assert (status_with(before), status_with(key)) == (200, 401)
        assert "there is no key" in process.run("keys", "revoke", "key_nothing", "--yes").stderr
        assert httpx.get(f"{url}/control/status").status_code == 404
        process.stop()
        assert not control.exists()
    after = json.loads(process.run("keys", "list", "--json").stdout)
    assert {entry["name"]: bool(entry["revoked_at"]) for entry in after} == {"offline": False, "beside": True}
    assert json.loads(process.run("status", "--json").stdout)["ready"] is False


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    with gateway(tmp_path, f"sqlite:///{deep / 'gateway.db'}") as process:
        process.start()
        assert json.loads(process.run("status", "--json").stdout)["ready"] is True
        assert {entry.suffix for entry in deep.iterdir()} & {".sock"} == set()

"""A Tryton server on SQLite as it comes from the registry, with the module party and a key for the connector.

Setting a database up takes some ten seconds. It is done once: the file is kept in pytest's cache, under the
versions that made it, and copied for each run.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from connectors.tryton.connector import TrytonConnector
from tests.support.foreign import free_port, running

DATABASE = "crm"
MADE_BY = "-".join(version(name) for name in ("trytond", "trytond_party", "trytond_country"))


@dataclass(frozen=True)
class Crm:
    """The running server, and its administrator's way past the connector's code: RPC with a session."""

    url: str
    password: str
    key: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60), repr=False)
    session: list[str] = field(default_factory=list, repr=False)

    def settings(self, **more: str) -> dict[str, str]:
        return {
            **{setting.name: setting.default or "" for setting in TrytonConnector.settings},
            "TRYTON_URL": self.url, "TRYTON_DATABASE": DATABASE, "TRYTON_KEY": self.key,
            **{f"TRYTON_{name.upper()}": value for name, value in more.items()},
        }  # fmt: skip

    def connector(self, **more: str) -> TrytonConnector:
        return TrytonConnector.from_settings(self.settings(**more))

    def rpc(self, method: str, *arguments: Any) -> Any:
        if not self.session:
            login = ["admin", {"password": self.password}, "en"]
            user, session, *_ = self._call("common.db.login", login, {})
            token = base64.b64encode(f"admin:{user}:{session}".encode()).decode()
            self.session.append(f"Session {token}")
        return self._call(method, [*arguments, {}], {"Authorization": self.session[0]})

    def party(self, name: str, *mechanisms: tuple[str, str], **more: Any) -> str:
        """Makes a party; returns its id."""
        made = [{"type": kind, "value": value} for kind, value in mechanisms]
        values = {"name": name, "contact_mechanisms": [["create", made]], **more}
        return str(self.rpc("model.party.party.create", [values])[0])

    def records(self, model: str, domain: list[Any], *fields: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.rpc(
            f"model.{model}.search_read", domain, 0, None, [["id", "ASC"]], ["id", *fields]
        )
        return found

    def notes(self, party: str) -> list[str]:
        return [
            note["message"]
            for note in self.records("ir.note", [["resource", "=", f"party.party,{party}"]], "message")
        ]

    def empty(self) -> None:
        parties = [party["id"] for party in self.records("party.party", [["active", "in", [True, False]]])]
        self.rpc("model.party.party.delete", parties)

    def _call(self, method: str, params: list[Any], headers: dict[str, str]) -> Any:
        answer = self.client.post(
            f"{self.url}/{DATABASE}/rpc/", json={"id": 1, "method": method, "params": params}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert "error" not in told, told["error"]
        return told["result"]


@contextmanager
def serving(cache: Path, directory: Path) -> Iterator[Crm]:
    """A server on a copy of the database that is kept in `cache`, or made there."""
    _make_once(cache)
    shutil.copyfile(cache / f"{DATABASE}.sqlite", directory / f"{DATABASE}.sqlite")
    with _running(directory) as url:
        yield Crm(url, (cache / "password").read_text(), (cache / "key").read_text())


def _make_once(cache: Path) -> None:
    """Whoever comes first makes it; the others, in other processes, wait for that."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "key").exists():
            _make(cache)


def _make(cache: Path) -> None:
    password = cache / "password"
    password.write_text(secrets.token_urlsafe(16))
    database = cache / f"{DATABASE}.sqlite"
    database.unlink(missing_ok=True)
    database.touch()
    done = subprocess.run(
        [sys.executable, "-m", "trytond.cli.admin", *_options(cache), "-u", "party",
         "--activate-dependencies", "--email", "admin@example.com"],
        env={**os.environ, "TRYTONPASSFILE": str(password)},
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with _running(cache) as url:
        crm = Crm(url, password.read_text(), "")
        key = application_key(crm)
    with sqlite3.connect(database) as connection:  # what stands in the journal comes into the file
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    (cache / "key").write_text(key)


def application_key(crm: Crm) -> str:
    """As the README says: asked for over REST, then validated by the user."""
    wanted = {"user": "admin", "application": "rest"}
    key: str = crm.client.post(f"{crm.url}/{DATABASE}/r/user/application/", json=wanted).json()
    found = crm.rpc("model.res.user.application.search", [["key", "=", key]], 0, None, None)
    crm.rpc("model.res.user.application.validate_", found)
    return key


@contextmanager
def _running(directory: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "trytond.cli", *_options(directory, port)]
    with running(command, url, directory / "trytond.log", wait=60):
        yield url


def _options(directory: Path, port: int = 0) -> list[str]:
    config = directory / "trytond.conf"
    config.write_text(f"[web]\nlisten=127.0.0.1:{port}\n[database]\nuri=sqlite://\npath={directory}\n")
    return ["-c", str(config), "-d", DATABASE]

"""Radicale and Xandikos as they come from the registry, and address books on them.

What tests put there and read back goes over httpx by hand and through vobject, past the connector's own code.
"""

from __future__ import annotations

import secrets
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import vobject

from connectors.carddav.connector import CardDavConnector
from tests.support.foreign import free_port, running

KINDS = ("radicale", "xandikos")

_MAKE = """<?xml version="1.0"?>
<D:mkcol xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><D:set><D:prop>
<D:resourcetype><D:collection/><C:addressbook/></D:resourcetype><D:displayname>{}</D:displayname>
</D:prop></D:set></D:mkcol>"""


@dataclass(frozen=True)
class Server:
    """`home` is where address books are made."""

    kind: str
    url: str
    user: str
    password: str
    home: str

    def book(self, title: str = "") -> Book:
        """An empty address book of its own."""
        title = title or f"book-{uuid.uuid4().hex[:8]}"
        book = Book(self, title, f"{self.home}{title}/")
        answer = book.send("MKCOL", "", _MAKE.format(title).encode(), {"Content-Type": "application/xml"})
        assert answer.status_code == 201, answer.text
        return book


@dataclass(frozen=True)
class Book:
    server: Server
    title: str
    path: str
    client: httpx.Client = field(default_factory=httpx.Client, repr=False)

    def settings(self, **more: str) -> dict[str, str]:
        """For the connector: this address book alone, found from the server's address."""
        return defaults() | {
            "CARDDAV_URL": self.server.url,
            "CARDDAV_USER": self.server.user,
            "CARDDAV_PASSWORD": self.server.password,
            "CARDDAV_BOOKS": self.title,
        } | {f"CARDDAV_{name.upper()}": value for name, value in more.items()}  # fmt: skip

    def connector(self, **more: str) -> CardDavConnector:
        return CardDavConnector.from_settings(self.settings(**more))

    def send(
        self, method: str, name: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return self.client.request(
            method, f"{self.server.url}{self.path}{name}", content=body or None,
            headers=headers, auth=(self.server.user, self.server.password),
        )  # fmt: skip

    def put(self, name: str, *properties: str, version: str = "3.0") -> str:
        """A card of these content lines; returns the contact's id."""
        lines = ["BEGIN:VCARD", f"VERSION:{version}", f"UID:{self.title}-{name}", *properties, "END:VCARD"]
        return self.put_text(name, "".join(f"{line}\r\n" for line in lines))

    def put_text(self, name: str, text: str) -> str:
        answer = self.send("PUT", f"{name}.vcf", text.encode(), {"Content-Type": "text/vcard"})
        assert answer.status_code in (201, 204), answer.text
        return f"{self.path}{name}.vcf"

    def delete(self, name: str) -> None:
        assert self.send("DELETE", f"{name}.vcf").status_code in (200, 204)

    def text(self, contact_id: str) -> str:
        answer = self.send("GET", contact_id.removeprefix(self.path))
        assert answer.status_code == 200, answer.status_code
        return answer.content.decode()

    def card(self, contact_id: str) -> Any:
        """As vobject reads it."""
        return vobject.readOne(self.text(contact_id))

    def names(self) -> list[str]:
        answer = self.send("PROPFIND", "", headers={"Depth": "1"})
        return sorted(part for part in answer.text.replace("<", ">").split(">") if part.endswith(".vcf"))


def defaults() -> dict[str, str]:
    """Every setting of the connector as it is when nobody sets it."""
    return {setting.name: setting.default or "" for setting in CardDavConnector.settings}


@contextmanager
def serving(kind: str, directory: Path) -> Iterator[Server]:
    """The server of that kind, its data in the directory."""
    port, password = free_port(), secrets.token_urlsafe(12)
    server = Server(
        kind, f"http://127.0.0.1:{port}", "hum", password, "/hum/" if kind == "radicale" else "/hum/contacts/"
    )
    start = _radicale if kind == "radicale" else _xandikos
    with running(start(directory, port, password), server.url, directory / f"{kind}.log"):
        yield server


def _radicale(directory: Path, port: int, password: str) -> list[str]:
    users = directory / "users"
    users.write_text(f"hum:{password}\n")
    return [
        sys.executable, "-m", "radicale", "--config", "", "--server-hosts", f"127.0.0.1:{port}",
        "--auth-type", "htpasswd", "--auth-htpasswd-filename", str(users),
        "--auth-htpasswd-encryption", "plain", "--auth-delay", "0", "--server-max-connections", "100",
        "--storage-filesystem-folder", str(directory / "radicale"),
    ]  # fmt: skip


def _xandikos(directory: Path, port: int, password: str) -> list[str]:
    return [
        sys.executable, "-m", "xandikos", "serve", "--defaults", "--current-user-principal", "/hum/",
        "-d", str(directory / "xandikos"), "--state-dir", str(directory / "xandikos-state"),
        "-l", "127.0.0.1", "-p", str(port),
    ]  # fmt: skip

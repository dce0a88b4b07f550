"""Medplum's FHIR router on Node, as it comes from the registry: installed once, into pytest's cache."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from connectors.fhir.connector import FhirConnector
from tests.support.foreign import free_port, running

VERSION = "4.5.2"  # the last one for Node 20
OLDEST_NODE = (20, 19)
PACKAGES = [f"@medplum/{name}@{VERSION}" for name in ("fhir-router", "core", "definitions")]


@dataclass(frozen=True)
class Clinic:
    """The running server, and a way to its resources past the connector's code."""

    url: str
    token: str
    client_secret: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60), repr=False)

    def settings(self, **more: str) -> dict[str, str]:
        return {
            **{setting.name: setting.default or "" for setting in FhirConnector.settings},
            "FHIR_URL": self.url, "FHIR_TOKEN": self.token,
            **{f"FHIR_{name.upper()}": value for name, value in more.items()},
        }  # fmt: skip

    def connector(self, **more: str) -> FhirConnector:
        return FhirConnector.from_settings(self.settings(**more))

    def send(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.request(
            method, f"{self.url}/{path}", json=body, headers={"Authorization": f"Bearer {self.token}"}
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def patient(self, name: str, *phones: str, **more: Any) -> str:
        """Makes a patient; returns the id."""
        telecom = [{"system": "phone", "value": phone} for phone in phones]
        wanted = {"resourceType": "Patient", "name": [{"text": name}], "telecom": telecom, **more}
        return str(self.send("POST", "Patient", wanted)["id"])

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [entry["resource"] for entry in self.send("GET", f"{kind}?_count=1000").get("entry", [])]


def missing() -> str | None:
    """What is not there to run it with; None when everything is."""
    absent = [name for name in ("node", "npm") if shutil.which(name) is None]
    if absent:
        return f"{' and '.join(absent)} not installed"
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    version = tuple(int(part) for part in told.lstrip("v").split(".")[:2])
    return f"Node is {told}, and 20.19 or newer is needed" if version < OLDEST_NODE else None


@contextmanager
def serving(cache: Path, directory: Path) -> Iterator[Clinic]:
    _install_once(cache)
    shutil.copyfile(Path(__file__).with_name("server.mjs"), cache / "server.mjs")
    clinic = Clinic(f"http://127.0.0.1:{free_port()}", secrets.token_hex(16), secrets.token_hex(16))
    env = {
        "PATH": os.environ["PATH"], "PORT": clinic.url.rpartition(":")[2],
        "FHIR_TOKEN": clinic.token, "FHIR_CLIENT_SECRET": clinic.client_secret,
    }  # fmt: skip
    command = ["node", str(cache / "server.mjs")]
    with running(command, clinic.url, directory / "fhir.log", env=env, wait=60):
        yield clinic


def _install_once(cache: Path) -> None:
    """Whoever comes first installs; the others, in other processes, wait for that."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "installed").exists():
            done = subprocess.run(
                ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                 "--prefix", str(cache), *PACKAGES],
                capture_output=True, text=True, check=False, timeout=180,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            (cache / "installed").touch()

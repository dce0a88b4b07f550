"""The processes of the demonstration: the gateway on a temporary database, a connector to a CRM in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gateway.demo.process import Child
from gateway.errors import StartupError

SETTINGS: Final[Mapping[str, str]] = {
    "ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
    "RETRY_SCHEDULE": "1,2,3",
}
_SECRET: Final = "HUM_DEMO_SECRET"  # noqa: S105 - the name of a variable


class ChildGateway(Child):
    """`hum-gateway serve` in `directory`, with its own environment."""

    def __init__(self, directory: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self.settings = (
            dict(SETTINGS) | {"DATABASE_URL": f"sqlite:///{directory / 'gateway.db'}"} | dict(settings)
        )
        given = {f"HUM_GATEWAY_{name}": value for name, value in self.settings.items()}
        command = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
        super().__init__("gateway", command, environ=_environ() | given, directory=directory)

    def platform_key(self) -> str:
        """A key with every scope, made as an operator makes the first one: by a command on this machine."""
        command = [sys.executable, "-m", "gateway", "keys", "create", "--platform", "--scopes", "all"]
        done = subprocess.run(  # noqa: S603 - our own command line
            command, env=self.environ, cwd=self.directory, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise StartupError(f"no key could be made:\n{done.stderr}")
        return done.stdout.strip().splitlines()[-1]


class ChildConnector(Child):
    """`hum-connector serve memory` with these contacts and this secret."""

    def __init__(self, directory: Path, secret: str, contacts: Sequence[Mapping[str, Any]]) -> None:
        seed = directory / "contacts.json"
        seed.write_text(json.dumps(contacts))
        command = [
            sys.executable, "-m", "connectors", "serve", "memory", "--port", "0", "--secret-env", _SECRET,
            "--seed", str(seed), "--ledger", str(directory / "connector.db"),
        ]  # fmt: skip
        environ = _environ() | {_SECRET: secret}
        super().__init__("connector", command, environ=environ, directory=directory)


def _environ() -> dict[str, str]:
    """This process's, without what a user has set for another gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HUM_GATEWAY_")}

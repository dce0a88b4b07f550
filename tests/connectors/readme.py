"""Does what a README tells: its `sh` blocks, in one shell, in an empty directory, on ports of its own.

Left out are what installs, and the conformance check, which has a test of its own beside each README's.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from connectors.kit.connector import Connector
from tests.support.foreign import free_port

ROOT = Path(__file__).parents[2]

_LEFT_OUT = ("pip install", "hum-connector check")
# What is started ends with the shell.
_BEGIN = "set -e\ntrap 'kill $(jobs -p); wait' EXIT\n"


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def follow(page: Path, directory: Path, ports: Mapping[int, int], *, timeout: float) -> str:
    """What the commands print. `ports`: others in place of the README's."""
    followed = [block for block in blocks(page) if not any(words in block for words in _LEFT_OUT)]
    script = _BEGIN + "\n".join(followed)
    for port, other in ports.items():
        script = script.replace(f":{port}", f":{other}").replace(f"--port {port}", f"--port {other}")
        script = script.replace(f"PORT={port}", f"PORT={other}")
    script = script.replace("~/hum-gateway", str(ROOT)).replace(
        "hum-connector serve ", f"hum-connector serve --port {ports[9100]} "
    )
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=directory, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": os.pathsep.join([*_installed(directory), os.environ["PATH"]])},
    )  # fmt: skip
    try:
        printed, _ = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, printed
    return printed


def _installed(directory: Path) -> list[str]:
    """Where the commands are that the README has installed."""
    own = directory / "bin"
    own.mkdir()
    command = own / "hum-connector"
    command.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m connectors \"$@\"\n")
    command.chmod(0o755)
    return [str(own), str(Path(sys.executable).parent)]


def free_ports(*ports: int) -> dict[int, int]:
    return {port: free_port() for port in ports}


def settings_named(page: Path, kind: type[Connector]) -> bool:
    """Whether the page explains every setting of the connector."""
    text = page.read_text("utf-8")
    return all(f"`{setting.name}`" in text for setting in kind.settings)

"""Where the master key comes from: the setting, or on the embedded default a file beside the database."""

from __future__ import annotations

import base64
import logging
import os
from pathlib import Path

from gateway.config import Settings
from gateway.errors import StartupError
from gateway.store.cipher import MasterKeys

log = logging.getLogger("gateway.keys")


def master_keys(settings: Settings) -> MasterKeys:
    """The ring of master keys. Raises StartupError when there is none and none may be made."""
    if settings.master_keys:
        return MasterKeys([key.get_secret_value() for key in settings.master_keys])
    path = settings.sqlite_path
    if path is None:
        raise StartupError(
            "HUM_GATEWAY_MASTER_KEY is required on PostgreSQL: make one with `hum-gateway keygen` and keep it"
        )
    return MasterKeys([_from_file(path.with_name(path.name + ".key"), new_database=not path.exists())])


def _from_file(path: Path, *, new_database: bool) -> bytes:
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        if not new_database:
            raise StartupError(
                f"the master key {path} is missing; without it the database beside it cannot be read"
            ) from None
        return _make(path)
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"the master key {path} cannot be read: {error}") from None
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise StartupError(f"{path} does not hold a master key: base64 of 32 bytes is expected")
    return key


def _make(path: Path) -> bytes:
    key = os.urandom(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(base64.b64encode(key).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StartupError(f"cannot write the master key {path}: {error.strerror}") from None
    log.warning("made a master key at %s: back it up, without it the database cannot be read", path)
    return key

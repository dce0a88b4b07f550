"""Brings a database's schema forward, never back; refuses one that a newer gateway has written."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from gateway.checkpoints import reached
from gateway.errors import StartupError
from gateway.store.engine import Database

# An arbitrary number that all gateways share: only one of them migrates at a time.
_ADVISORY_LOCK = 7_160_554_321


async def migrate(database: Database) -> tuple[str | None, str]:
    """Runs what is missing, in one transaction. Returns the revision before and the one after."""
    async with database.write() as conn:
        if not database.is_sqlite:
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        revisions = await conn.run_sync(_upgrade)
        reached("migrate.before_commit")
        return revisions


def head() -> str:
    """The newest revision this gateway knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise StartupError(
            f"the database has schema {current}, which this gateway does not know: it was written by a newer"
            " one. Start that version, or restore a backup from before the upgrade."
        )
    newest = head()
    if current != newest:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return current, newest


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config

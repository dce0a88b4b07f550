"""Alembic's scripts. Additive first: a migration never breaks the version that still runs beside it."""

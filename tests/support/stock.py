"""A history of deliveries written by SQL alone: many rows in little time."""

from __future__ import annotations

from sqlalchemy import text

from gateway.store.store import Store

# Every so many rows one is failed, one still pending, and one of the quiet webhook.
FAILED_EVERY, PENDING_EVERY, QUIET_EVERY = 20_000, 30_000, 10_007
STEP_MS = 50  # between two rows
_AT_ONCE = 200_000  # rows of one statement: longer ones are broken off

_COLUMNS = (
    "id, position, org_id, event_id, event_type, target_type, target_id, status, queue, due_at,"
    " attempts_made, steps_used, priority, expires_at, created_at, last_status_code, last_error, test"
)
_ROW = """SELECT 'dlv_' || n, n, CASE WHEN n % 3 = 0 THEN 'other' ELSE 'acme' END, 'evt_' || (n / 2),
  CASE WHEN n % 2 = 0 THEN 'sms.sent' ELSE 'call.completed' END, 'webhook',
  CASE WHEN n % 3 = 0 THEN 'whk_other' WHEN n % {quiet} = 0 THEN 'whk_quiet' ELSE 'whk_busy' END,
  CASE WHEN n % {failed} = 1 THEN 'failed' WHEN n % {pending} = 1 THEN 'pending' ELSE 'delivered' END,
  CASE WHEN n % {pending} = 1 AND n % {failed} <> 1 THEN 'due' END, {start} + n * {step},
  1, 1, 0, {start} + n * {step} + 86400000, {start} + n * {step},
  CASE WHEN n % {failed} = 1 THEN 500 ELSE 200 END, CASE WHEN n % {failed} = 1 THEN 'http_status' END, {no}
FROM """


async def fill(store: Store, rows: int, start: int) -> None:
    """Deliveries 1 to `rows`, one every STEP_MS from `start` on; two thirds are acme's."""
    sqlite = store.database.is_sqlite
    made = _ROW.format(
        quiet=QUIET_EVERY, failed=FAILED_EVERY, pending=PENDING_EVERY, start=f"CAST({start} AS BIGINT)",
        step=STEP_MS, no="0" if sqlite else "false",
    )  # fmt: skip
    for first in range(1, rows + 1, _AT_ONCE):
        last = min(first + _AT_ONCE - 1, rows)
        source = (
            f"(WITH RECURSIVE c(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM c WHERE n < {last})"
            " SELECT n FROM c)"
            if sqlite
            else f"generate_series({first}, {last}) AS n"
        )
        async with store.transaction() as tx:
            await tx.conn.execute(text(f"INSERT INTO deliveries ({_COLUMNS}) {made}{source}"))
    if not sqlite:
        async with store.transaction() as tx:
            await tx.conn.execute(text("ANALYZE deliveries"))

"""Proof H2: the connector for SQL passes the check that every connector must pass."""

from __future__ import annotations

import pytest

from connectors.kit.conformance import Known, Options, Seed, in_process, run_async
from connectors.kit.server import application
from tests.connectors.signing import SECRET
from tests.connectors.sql.conftest import PLAN, Connect
from tests.connectors.sql.databases import AddressBook

pytestmark = pytest.mark.anyio


@pytest.mark.proof
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
async def test_every_check_is_passed(book: AddressBook, connect: Connect) -> None:
    dana = await book.add(full_name="Dana Quillfeather", phone="+13175550142")
    local = await book.add(full_name="Robin", mobile="(317) 555-0143")
    older = await book.add(full_name="Older", phone="+13175550144", created_at="2025-01-01 00:00:00")
    await book.add(full_name="Younger", phone="+13175550144", created_at="2026-01-01 00:00:00")
    seed = Seed(
        {
            "+13175550142": Known(id=dana, name="Dana Quillfeather", stored="+13175550142"),
            "+13175550143": Known(id=local, name="Robin", stored="(317) 555-0143"),
            "+13175550144": Known(id=older, matches=2),
        },
        ("+13175550199",),
    )

    async def show(activity_id: str) -> str:
        return str(await book.run(f"SELECT * FROM calls WHERE id = {int(activity_id)}"))

    app = application(connect(PLAN), [SECRET])
    options = Options(
        seed=seed, allow_writes=True, show_activity=show, transport=in_process(app), timeout=30, total=300,
    )  # fmt: skip
    report = await run_async("http://127.0.0.1", SECRET, options)
    skipped = [result.check.id for result in report.results if result.status == "skipped"]
    print(f"{book.kind}: {len(report.results)} checks, {len(skipped)} skipped, {len(report.failures)} failed")
    assert [(failed.check.id, failed.failure) for failed in report.failures] == []
    assert skipped == []

"""Webhooks as rows: what was stored comes back, sealed in between; revisions stay as they were."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.domain.secret import Secret
from gateway.domain.webhook import Webhook
from gateway.store import health, organizations, revisions, secrets, webhooks
from gateway.store.cipher import Cipher, SealBroken
from gateway.store.health import Health
from gateway.store.store import Store
from gateway.store.tables import metadata
from gateway.store.tables import revisions as revisions_table
from tests.store.conftest import KEYS, NOW, make_webhook

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cipher(store: Store) -> Cipher:
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "acme", NOW)
        return await organizations.ensure_data_key(tx.conn, KEYS, "acme", NOW)


async def add(store: Store, cipher: Cipher, *new: Webhook) -> None:
    async with store.transaction() as tx:
        for webhook in new:
            await webhooks.add(tx, cipher, webhook)


async def found(store: Store, cipher: Cipher, name: str = "whk_1", org: str = "acme") -> Webhook | None:
    async with store.reading() as conn:
        return await webhooks.find(conn, cipher, org, name)


FULL = make_webhook(
    description="für die Praxis ☎", filter="data.status == 'missed'", status="disabled",
    disabled_reason="failing", timeout_ms=30_000, rate_limit_per_second=10, retry_schedule=(1, 5, 604_800),
    max_hold_seconds=60, ordered=True, profile="standard", headers={}, events=("*",),
    secrets=(Secret("sec_b", "whsec_b", NOW, True), Secret("sec_a", "whsec_a", NOW - 5, False, NOW + 5)),
)  # fmt: skip


@pytest.mark.parametrize("webhook", [make_webhook(), FULL])
async def test_what_was_stored_comes_back(store: Store, cipher: Cipher, webhook: Webhook) -> None:
    await add(store, cipher, webhook)
    assert await found(store, cipher) == webhook
    async with store.reading() as conn:
        assert await webhooks.of_organization(conn, cipher, "acme") == [webhook]
        assert await webhooks.find(conn, cipher, "acme", webhook.id, lock=True) == webhook


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    url=st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
    headers=st.dictionaries(st.text("ABC-x", min_size=1, max_size=4), st.text("a é\"'\\\n", max_size=5)),
    secret=st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
)
async def test_any_text_survives_sealing(
    store: Store, cipher: Cipher, url: str, headers: dict[str, str], secret: str
) -> None:
    async with store.transaction() as tx:
        for table in ("webhooks", "revisions", "secrets"):
            await tx.conn.execute(metadata.tables[table].delete())
    webhook = make_webhook(url=url, headers=headers, secrets=(Secret("sec_1", secret, NOW),))
    await add(store, cipher, webhook)
    assert await found(store, cipher) == webhook


async def test_nothing_confidential_stands_in_a_row(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, make_webhook())
    async with store.reading() as conn:
        for table in metadata.sorted_tables:
            for row in await conn.execute(select(table)):
                assert "hidden" not in repr(tuple(row))


async def test_another_organization_finds_and_opens_nothing(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, make_webhook())
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "other", NOW)
        foreign = await organizations.ensure_data_key(tx.conn, KEYS, "other", NOW)
    assert await found(store, foreign, org="other") is None
    async with store.reading() as conn:
        assert await webhooks.of_organization(conn, foreign, "other") == []
        assert not await webhooks.existed(conn, "other", "whk_1")
        assert await webhooks.existed(conn, None, "whk_1")
    with pytest.raises(SealBroken):
        await found(store, foreign)


async def test_a_change_on_the_wire_makes_a_revision_and_keeps_the_old_one(
    store: Store, cipher: Cipher
) -> None:
    before = make_webhook()
    await add(store, cipher, before)
    moved = before.changed(
        url="https://new.example.com/", headers={}, revision_id="rev_2", updated_at=NOW + 9
    )
    renamed = moved.changed(description="renamed", events=("*",), retry_schedule=(7,))
    async with store.transaction() as tx:
        await webhooks.change(tx, cipher, moved, new_revision=True)
        await webhooks.change(tx, cipher, renamed, new_revision=False)
    assert await found(store, cipher) == renamed
    async with store.reading() as conn:
        rows = (await conn.execute(select(revisions_table).order_by(revisions_table.c.number))).all()
        assert [(row.id, row.number) for row in rows] == [(before.revision_id, 1), ("rev_2", 2)]
        old = await revisions.find(conn, cipher, before.revision_id)
        assert old == {"url": before.url, "headers": before.headers, "profile": "hum"}
        assert await revisions.find(conn, cipher, "rev_unknown") is None


async def test_a_deleted_webhook_is_gone_but_has_existed(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, make_webhook(), make_webhook("whk_2", position=2))
    async with store.transaction() as tx:
        assert await webhooks.count(tx.conn, "acme") == 2
        await webhooks.mark_deleted(tx, make_webhook(), NOW + 1)
        assert tx.changed == {"acme"}
    assert await found(store, cipher) is None
    async with store.reading() as conn:
        assert [w.id for w in await webhooks.of_organization(conn, cipher, "acme")] == ["whk_2"]
        assert await webhooks.existed(conn, "acme", "whk_1")
        assert await webhooks.count(conn, "acme") == 1
        assert await revisions.find(conn, cipher, "rev_whk_1_1") is not None


async def test_it_is_disabled_once(store: Store, cipher: Cipher) -> None:
    await add(
        store, cipher, make_webhook(), make_webhook("whk_2", status="disabled", disabled_reason="by_user")
    )
    for name, done in (("whk_1", True), ("whk_1", False), ("whk_2", False), ("whk_unknown", False)):
        async with store.transaction() as tx:
            assert await webhooks.disable(tx, "acme", name, "gone", NOW + 5) is done
            assert tx.changed == ({"acme"} if done else set())
    one, two = await found(store, cipher), await found(store, cipher, "whk_2")
    assert one is not None
    assert two is not None
    assert (one.status, one.disabled_reason, one.updated_at) == ("disabled", "gone", NOW + 5)
    assert two.disabled_reason == "by_user"


async def test_webhooks_come_oldest_first(store: Store, cipher: Cipher) -> None:
    await add(
        store,
        cipher,
        make_webhook("whk_c", position=3),
        make_webhook("whk_a", position=7),
        make_webhook("whk_b", position=5),
    )
    async with store.reading() as conn:
        listed = await webhooks.of_organization(conn, cipher, "acme")
    assert [webhook.id for webhook in listed] == ["whk_c", "whk_b", "whk_a"]


async def test_a_secret_ends(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, FULL)
    async with store.transaction() as tx:
        await secrets.end(tx, ["sec_b"], NOW + 1)
    webhook = await found(store, cipher)
    assert webhook is not None
    assert [(s.id, s.ends_at) for s in webhook.secrets] == [("sec_b", NOW + 1), ("sec_a", NOW + 5)]


async def test_health_adds_up_until_a_success(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, make_webhook())

    def news(**values: Any) -> Health:
        return replace(Health("whk_1", "acme", delivery_id="dlv_1", delivery_at=NOW), **values)

    steps: list[tuple[Health, tuple[Any, ...]]] = [
        (news(failing_since=10, failures=2, error="timeout"), (10, 2, None, None, "timeout")),
        (news(failing_since=20, failures=3, error="dns"), (10, 5, None, None, "dns")),
        (news(success_at=30, first_success_at=30, status_code=200), (None, 0, 30, 30, None)),
        (news(failing_since=40, failures=1, error="http_status"), (40, 1, 30, 30, "http_status")),
        (news(success_at=50, first_success_at=50), (None, 0, 30, 50, None)),
    ]
    for entry, expected in steps:
        async with store.transaction() as tx:
            await health.write(tx.conn, [entry])
            row = (await health.latest(tx.conn, ["whk_1"]))["whk_1"]
        assert (
            row.failing_since,
            row.failures,
            row.first_success_at,
            row.last_success_at,
            row.last_error,
        ) == expected
        webhook = await found(store, cipher)
        assert webhook is not None
        assert (webhook.failing_since, webhook.first_success_at) == (expected[0], expected[2])
    async with store.transaction() as tx:
        await health.write(tx.conn, [news(failing_since=60, failures=4)])
        await health.recovered(tx.conn, "whk_1")
        row = (await health.latest(tx.conn, ["whk_1"]))["whk_1"]
        assert (row.failing_since, row.failures, row.last_success_at) == (None, 0, 50)
        assert await health.latest(tx.conn, ["whk_unknown"]) == {}

"""The copy in memory: never older than this process's own changes, soon as new as other nodes'."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Gone, NotFound
from gateway.store import api_keys, organizations, webhooks
from gateway.store.api_keys import ApiKey, hash_key
from gateway.store.directory import DOUBTED_SECONDS, Directory
from gateway.store.store import Store
from gateway.store.tables import organizations as organizations_table
from tests.store.conftest import KEYS, NOW, Opener, make_webhook

pytestmark = pytest.mark.anyio


@pytest.fixture
async def directory(store: Store) -> Directory:
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "acme", NOW)
        await organizations.create(tx, KEYS, "other", NOW)
    directory = Directory(store)
    await directory.refresh()
    await directory.organization(organizations.PLATFORM)  # as it is after the first look at anybody
    return directory


async def add_webhook(store: Store, name: str, org: str = "acme") -> None:
    async with store.transaction() as tx:
        cipher = await organizations.ensure_data_key(tx.conn, KEYS, org, NOW)
        await webhooks.add(tx, cipher, make_webhook(name, org_id=org, position=await tx.position()))


async def add_key(store: Store, token: str) -> None:
    async with store.transaction() as tx:
        key = ApiKey(f"key_{token}", await tx.position(), "acme", "admin", (), "h", "n", NOW, None, None)
        await api_keys.add(tx, key, token)


async def names(directory: Directory, org: str = "acme") -> list[str]:
    view = await directory.organization(org)
    assert view is not None
    return list(view.webhooks)


async def test_own_changes_are_seen_at_once(store: Store, directory: Directory) -> None:
    dropped: list[str] = []
    directory.on_change(dropped.append)
    assert await names(directory) == []
    await add_webhook(store, "whk_1")
    assert directory.known("acme") is None
    assert dropped == ["acme"]
    assert await names(directory) == ["whk_1"]
    await add_webhook(store, "whk_2")
    assert await names(directory) == ["whk_1", "whk_2"]


async def test_a_change_of_one_organization_leaves_the_others_copies(
    store: Store, directory: Directory
) -> None:
    await names(directory, "other")
    copy = directory.known("other")
    await add_webhook(store, "whk_1")
    assert directory.known("other") is copy is not None


async def test_another_nodes_changes_are_seen_after_a_refresh(
    store: Store, directory: Directory, another_node: Opener
) -> None:
    assert await names(directory) == []
    await names(directory, "other")
    async with another_node() as elsewhere:
        await add_webhook(elsewhere, "whk_1")
        assert await names(directory) == []
        kept = directory.known("other")
        await directory.refresh()
        assert await names(directory) == ["whk_1"]
        assert directory.known("other") is kept
        await add_webhook(elsewhere, "whk_2")
        async with store.transaction() as tx:  # the one that accepts, say, in which the version was read
            await directory.catch_up(tx.conn, directory.version + 1)
        assert await names(directory) == ["whk_1", "whk_2"]


async def test_the_first_refresh_trusts_nothing_that_was_loaded_before(
    store: Store, directory: Directory, another_node: Opener
) -> None:
    young = Directory(store)
    assert await names(young) == []
    async with another_node() as elsewhere:
        await add_webhook(elsewhere, "whk_1")
    await young.refresh()
    assert await names(young) == ["whk_1"]


async def test_a_refresh_without_news_drops_nothing(store: Store, directory: Directory) -> None:
    await names(directory)
    copy = directory.known("acme")
    await directory.refresh()
    async with store.looking_up() as conn:
        await directory.catch_up(conn, directory.version)
    assert directory.known("acme") is copy is not None


async def test_keys_of_other_nodes_are_revoked_by_a_refresh(
    store: Store, directory: Directory, another_node: Opener
) -> None:
    await add_key(store, "token")
    digest = hash_key("token")
    key = await directory.key(digest)
    assert key is not None
    assert key.valid(NOW)
    assert await directory.key(hash_key("unknown")) is None
    async with another_node() as elsewhere, elsewhere.transaction() as tx:
        assert not await api_keys.revoke(tx, key.id, "other", NOW, everywhere=False)
        assert await api_keys.revoke(tx, key.id, "acme", NOW, everywhere=False)
    await directory.refresh()
    revoked = await directory.key(digest)
    assert revoked is not None
    assert not revoked.valid(NOW)


async def test_own_revocation_counts_at_once(store: Store, directory: Directory) -> None:
    await add_key(store, "token")
    assert await directory.key(hash_key("token")) is not None
    async with store.transaction() as tx:
        await api_keys.revoke(tx, "key_token", None, NOW, everywhere=True)
    key = await directory.key(hash_key("token"))
    assert key is not None
    assert not key.valid(NOW)


async def something_changes_elsewhere(directory: Directory, another_node: Opener) -> None:
    async with another_node() as elsewhere:
        await add_webhook(elsewhere, "whk_elsewhere")
    await directory.refresh()


async def test_a_change_of_an_organization_leaves_keys_alone(
    store: Store, directory: Directory, readings: Readings
) -> None:
    await add_key(store, "token")
    assert await directory.key(hash_key("token")) is not None
    await add_webhook(store, "whk_1")
    readings.count = 0
    assert await directory.key(hash_key("token")) is not None
    assert readings.count == 0


async def test_whoever_has_no_time_is_told_of_a_key_as_it_was(
    store: Store, directory: Directory, another_node: Opener, readings: Readings
) -> None:
    """Until the database has answered: one question for all who ask."""
    digest, goes_on = hash_key("token"), asyncio.Event()
    await add_key(store, "token")
    known = await directory.key(digest)
    assert known is not None
    await something_changes_elsewhere(directory, another_node)
    async with another_node() as elsewhere, elsewhere.transaction() as tx:
        await api_keys.revoke(tx, "key_token", None, NOW, everywhere=True)
    readings.held, readings.count = goes_on.wait, 0
    for _ in range(3):
        assert await directory.key(digest, patience=0.01) == known
    assert readings.count == 1
    goes_on.set()
    revoked = await directory.key(digest, patience=5)
    assert revoked is not None
    assert not revoked.valid(NOW)
    assert await directory.key(hash_key("unknown"), patience=5) is None


async def test_a_key_that_may_be_revoked_counts_no_longer_than_a_revocation_may_take(
    store: Store, directory: Directory, another_node: Opener, readings: Readings
) -> None:
    digest, goes_on = hash_key("token"), asyncio.Event()
    await add_key(store, "token")
    await directory.key(digest)
    await something_changes_elsewhere(directory, another_node)
    async with another_node() as elsewhere, elsewhere.transaction() as tx:
        await api_keys.revoke(tx, "key_token", None, NOW, everywhere=True)
    readings.held = goes_on.wait
    await store.clock.sleep(DOUBTED_SECONDS)
    asking = asyncio.ensure_future(directory.key(digest, patience=0))
    done, _ = await asyncio.wait((asking,), timeout=0.05)
    assert not done
    goes_on.set()
    revoked = await asking
    assert revoked is not None
    assert not revoked.valid(NOW)


async def test_nobody_is_told_of_a_key_as_it_was_before_a_revocation_of_this_node(
    store: Store, directory: Directory, another_node: Opener, readings: Readings
) -> None:
    digest = hash_key("token")
    await add_key(store, "token")
    await directory.key(digest)
    await something_changes_elsewhere(directory, another_node)
    async with store.transaction() as tx:
        await api_keys.revoke(tx, "key_token", None, NOW, everywhere=True)
    readings.held = lambda: asyncio.sleep(0.05)
    revoked = await directory.key(digest, patience=0)
    assert revoked is not None
    assert not revoked.valid(NOW)


class Readings:
    """Counts a store's readings, and lets a test hold one back once it has read."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.held: Callable[[], Any] | None = None
        original = store.reading

        @asynccontextmanager
        async def reading() -> AsyncIterator[AsyncConnection]:
            self.count += 1
            held, self.held = self.held, None
            async with original() as conn:
                yield conn
            if held is not None:
                await held()

        monkeypatch.setattr(store, "looking_up", reading)


@pytest.fixture
def readings(store: Store, monkeypatch: pytest.MonkeyPatch) -> Readings:
    return Readings(store, monkeypatch)


@pytest.mark.proof
async def test_many_who_wait_are_served_by_one_loading(directory: Directory, readings: Readings) -> None:
    views = await asyncio.gather(*(directory.organization("acme") for _ in range(200)))
    assert readings.count == 1
    assert all(view is views[0] for view in views)
    await directory.organization("acme")
    assert readings.count == 1
    print("directory: 200 waiting requests, 1 loading")


async def test_whoever_gives_up_waiting_does_not_stop_the_others(directory: Directory) -> None:
    first = asyncio.create_task(directory.organization("acme"))
    second = asyncio.create_task(directory.organization("acme"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None
    assert first.cancelled() or first.done()


async def test_a_change_during_the_loading_is_not_overwritten_by_the_older_copy(
    store: Store, directory: Directory, readings: Readings
) -> None:
    readings.held = lambda: add_webhook(store, "whk_1")
    assert await names(directory) == ["whk_1"]
    assert await names(directory) == ["whk_1"]


async def test_another_nodes_change_during_the_loading_is_not_lost(
    directory: Directory, readings: Readings, another_node: Opener
) -> None:
    async def change() -> None:
        async with another_node() as elsewhere:
            await add_webhook(elsewhere, "whk_1")
        await directory.refresh()

    readings.held = change
    assert await names(directory) == ["whk_1"]


async def test_a_revocation_during_the_look_up_leaves_no_valid_key_behind(
    store: Store, directory: Directory, readings: Readings
) -> None:
    await add_key(store, "token")

    async def revoke() -> None:
        async with store.transaction() as tx:
            await api_keys.revoke(tx, "key_token", None, NOW, everywhere=True)

    readings.held = revoke
    await directory.key(hash_key("token"))  # this request was before the revocation
    key = await directory.key(hash_key("token"))
    assert key is not None
    assert not key.valid(NOW)


async def test_an_organization_made_during_a_look_for_it_is_found(
    store: Store, directory: Directory, readings: Readings
) -> None:
    async def create() -> None:
        async with store.transaction() as tx:
            await organizations.create(tx, KEYS, "new", NOW)

    readings.held = create
    assert await directory.organization("new") is not None


async def test_the_first_writes_of_an_organization_make_it_once(
    directory: Directory, another_node: Opener
) -> None:
    async with another_node() as elsewhere:
        there = Directory(elsewhere)
        for org in ("new_1", "new_2", "new_3"):
            made = await asyncio.gather(*(d.ensure(org) for _ in range(6) for d in (directory, there)))
            assert [created for _, created in made].count(True) == 1
            assert {view.id for view, _ in made} == {org}


async def test_unknown_and_erased_organizations(store: Store, directory: Directory) -> None:
    assert await directory.organization("nobody") is None
    with pytest.raises(NotFound):
        await directory.living("nobody")
    async with store.transaction() as tx:
        table = organizations_table
        await tx.conn.execute(update(table).where(table.c.id == "other").values(erased_at=NOW))
        tx.touch("other")
    for call in (directory.living, directory.ensure):
        with pytest.raises(Gone):
            await call("other")
    assert [view.id for view in await directory.everybody()] == ["acme"]


async def test_inside_a_transaction_it_answers_with_that_ones_connection(
    store: Store, directory: Directory
) -> None:
    await add_webhook(store, "whk_1")
    await directory.organization("acme")
    async with store.transaction() as tx:
        for asking in (directory.organization, directory.living, directory.ensure):
            with pytest.raises(RuntimeError, match="second connection"):  # though the copy is here
                await asking("acme")
        for asking in (store.reading, store.searching, store.looking_up, store.transaction):
            with pytest.raises(RuntimeError, match="second connection"):
                await asking().__aenter__()
        assert (await directory.living_inside(tx.conn, "acme")).webhooks.keys() == {"whk_1"}
        assert directory.known("other") is None
        assert (await directory.living_inside(tx.conn, "other")).id == "other"
        with pytest.raises(NotFound):
            await directory.living_inside(tx.conn, "nobody")

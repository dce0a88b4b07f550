"""Encryption at rest: a sealed value opens in its own place with its own key, and nowhere else."""

from __future__ import annotations

import hmac
import os
import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from gateway.errors import StartupError
from gateway.store import organizations
from gateway.store.cipher import Cipher, MasterKeys, SealBroken, key_id
from gateway.store.engine import Database
from gateway.store.store import open_store
from gateway.store.tables import data_keys
from tests.store.conftest import KEYS, TurnedClock, opened

KEY = bytes(range(32))
OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32

# Names that run into one another when they are joined carelessly.
names = st.sampled_from(["", "a", "ab", "b", "evt_1", "evt_1|payload", "payload", "é", "|"]) | st.text(
    max_size=6
)


@given(org=names, row=names, field=names, number=st.integers(0, 65535), plain=st.binary(max_size=200))
def test_what_is_sealed_opens_again(org: str, row: str, field: str, number: int, plain: bytes) -> None:
    cipher = Cipher(org, number, KEY)
    sealed = cipher.seal(row, field, plain)
    assert Cipher(org, number, KEY).open(row, field, sealed) == plain
    assert len(sealed) == len(plain) + 3 + 12 + 16
    assert cipher.seal(row, field, plain) != sealed


@pytest.mark.proof
def test_moved_ciphertext_does_not_open() -> None:
    """Every pair of places that differ in organization, row, field or key number, all under one data key."""
    places = [
        (org, number, row, field)
        for org in ("acme", "acme2") for number in (1, 2)
        for row in ("evt_1", "evt_2", "") for field in ("payload", "url")
    ]  # fmt: skip
    refused = 0
    for place, elsewhere in combinations(places, 2):
        for (org, number, row, field), (org2, number2, row2, field2) in (
            (place, elsewhere),
            (elsewhere, place),
        ):
            sealed = Cipher(org, number, KEY).seal(row, field, b"secret")
            with pytest.raises(SealBroken) as caught:
                Cipher(org2, number2, KEY).open(row2, field2, sealed)
            assert "secret" not in str(caught.value)
            refused += 1
            # Nor when the key's number is rewritten with it.
            forged = sealed[:1] + number2.to_bytes(2, "big") + sealed[3:]
            with pytest.raises(SealBroken):
                Cipher(org2, number2, KEY).open(row2, field2, forged)
        assert (
            Cipher(*place[:2], KEY).open(*place[2:], Cipher(*place[:2], KEY).seal(*place[2:], b"s")) == b"s"
        )
    print(f"cipher: {refused} moves between {len(places)} places, all refused")


@pytest.mark.parametrize("plain", [b"", b"x", b"transcript " * 20])
def test_every_changed_byte_is_noticed(plain: bytes) -> None:
    cipher = Cipher("acme", 7, KEY)
    sealed = cipher.seal("evt_1", "payload", plain)
    for index in range(len(sealed)):
        for bit in (1, 0x80):
            changed = bytearray(sealed)
            changed[index] ^= bit
            with pytest.raises(SealBroken):
                cipher.open("evt_1", "payload", bytes(changed))
    for cut in range(len(sealed)):
        with pytest.raises(SealBroken):
            cipher.open("evt_1", "payload", sealed[:cut])
    with pytest.raises(SealBroken):
        cipher.open("evt_1", "payload", sealed + b"\0")


@given(st.binary(max_size=60))
def test_no_junk_opens_or_crashes(junk: bytes) -> None:
    cipher = Cipher("acme", 1, KEY)
    for sealed in (junk, b"\x01\x00\x01" + junk):
        with pytest.raises(SealBroken):
            cipher.open("evt_1", "payload", sealed)


def test_nonces_do_not_repeat() -> None:
    cipher = Cipher("acme", 1, KEY)
    assert len({cipher.seal("r", "f", b"")[3:15] for _ in range(5000)}) == 5000


def test_a_person_has_another_hash_in_every_organization() -> None:
    mine = Cipher("acme", 1, KEY)
    assert mine.person("+13175550101") == Cipher("acme", 1, KEY).person("+13175550101")
    assert mine.person("+13175550101") != mine.person("+13175550102")
    assert mine.person("+13175550101") != Cipher("acme", 1, OTHER).person("+13175550101")
    assert len(mine.person("+13175550101")) == 16


@pytest.mark.parametrize("keys", [[], [b""], [b"k" * 31], [b"k" * 33], [NEW, b"short"]])
def test_a_master_key_has_32_bytes(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKeys(keys)


def test_the_ring_unwraps_with_old_keys_and_wraps_with_the_newest() -> None:
    data_key = os.urandom(32)
    before = MasterKeys([OLD])
    wrapped = before.wrap("acme", 1, data_key)
    both = MasterKeys([NEW, OLD])
    assert both.unwrap("acme", 1, wrapped, before.newest) == data_key
    assert both.newest == key_id(NEW)
    again = both.wrap("acme", 1, data_key)
    after = MasterKeys([NEW])  # rotated: the old key can be retired
    assert after.unwrap("acme", 1, again, both.newest) == data_key
    with pytest.raises(SealBroken, match="not given"):
        after.unwrap("acme", 1, wrapped, before.newest)
    with pytest.raises(SealBroken):
        after.unwrap("acme", 1, wrapped, after.newest)


@pytest.mark.parametrize(("org", "number"), [("other", 1), ("acme", 2), ("acme|1", 1), ("*", 1)])
def test_a_wrapped_data_key_belongs_to_its_organization_and_number(org: str, number: int) -> None:
    wrapped = KEYS.wrap("acme", 1, KEY)
    with pytest.raises(SealBroken):
        KEYS.unwrap(org, number, wrapped, KEYS.newest)


@settings(max_examples=50)
@given(st.randoms())
def test_a_changed_wrapping_is_noticed(chance: random.Random) -> None:
    wrapped = bytearray(KEYS.wrap("acme", 1, KEY))
    wrapped[chance.randrange(len(wrapped))] ^= chance.randint(1, 255)
    with pytest.raises(SealBroken):
        KEYS.unwrap("acme", 1, bytes(wrapped), KEYS.newest)


@pytest.mark.parametrize(
    ("ring", "accepted"),
    [([OLD], True), ([NEW, OLD], True), ([OLD, NEW], True), ([NEW], False), ([NEW, OTHER], False)],
)
def test_the_check_value_knows_its_key(ring: list[bytes], accepted: bool) -> None:
    assert MasterKeys(ring).accepts(MasterKeys([OLD, OTHER]).check_value()) is accepted


@given(st.binary(max_size=80))
def test_a_broken_check_value_is_refused(junk: bytes) -> None:
    assert not KEYS.accepts(junk)
    assert not KEYS.accepts(KEYS.newest.encode() + junk)


def test_the_name_of_a_key_does_not_show_it() -> None:
    assert key_id(OLD) != key_id(NEW)
    assert len(key_id(OLD)) == 16
    assert OLD.hex()[:4] not in key_id(OLD)


@pytest.mark.anyio
async def test_a_database_opens_only_with_its_key(any_database: str) -> None:
    async with opened(any_database, MasterKeys([OLD])) as first:
        install_id = first.install_id
        sealed = first.platform_cipher.seal("r", "f", b"kept")
    with pytest.raises(StartupError, match="master key"):
        async with opened(any_database, MasterKeys([NEW])):
            pass
    async with opened(any_database, MasterKeys([NEW, OLD])) as again:
        assert again.install_id == install_id
        assert again.platform_cipher.open("r", "f", sealed) == b"kept"


@pytest.mark.anyio
async def test_dropping_a_data_key_makes_its_data_unreadable(any_database: str) -> None:
    async with opened(any_database) as store:
        async with store.transaction() as tx:
            await organizations.create(tx, KEYS, "acme", 0)
            cipher = await organizations.ensure_data_key(tx.conn, KEYS, "acme", 0)
            assert not await organizations.create(tx, KEYS, "acme", 0)
        sealed = cipher.seal("r", "f", b"gone")
        async with store.transaction() as tx:
            same = await organizations.ensure_data_key(tx.conn, KEYS, "acme", 0)
            assert same.open("r", "f", sealed) == b"gone"
            await tx.conn.execute(data_keys.delete().where(data_keys.c.org_id == "acme"))
            fresh = await organizations.ensure_data_key(tx.conn, KEYS, "acme", 0)
        with pytest.raises(SealBroken):
            fresh.open("r", "f", sealed)


@pytest.mark.anyio
async def test_a_wrapped_key_copied_to_another_organization_does_not_open(any_database: str) -> None:
    async with opened(any_database) as store:
        async with store.transaction() as tx:
            for org in ("acme", "other"):
                await organizations.create(tx, KEYS, org, 0)
            stolen = select(data_keys.c.wrapped).where(data_keys.c.org_id == "acme").scalar_subquery()
            await tx.conn.execute(
                update(data_keys).where(data_keys.c.org_id == "other").values(wrapped=stolen)
            )
            assert await organizations.find(tx.conn, KEYS, "acme") is not None
            with pytest.raises(SealBroken):
                await organizations.find(tx.conn, KEYS, "other")


@pytest.mark.anyio
async def test_a_refused_key_leaves_the_database_as_it_was(any_database: str) -> None:
    async with opened(any_database, MasterKeys([OLD])):
        pass
    database = Database(any_database)
    for _ in range(2):
        with pytest.raises(StartupError):
            await open_store(database, MasterKeys([NEW]), TurnedClock())
    assert (await open_store(database, MasterKeys([OLD]), TurnedClock())).install_id.startswith("in_")
    await database.close()


def test_people_are_indexed_by_an_hmac() -> None:
    """By the standard library's own, for numbers of every length."""
    key = bytes(range(32))
    cipher, index_key = Cipher("acme", 1, key), hmac.digest(key, b"hum-gateway index key", "sha256")
    for text in ("", "+13175550142", "call:" + "x" * 500):
        assert cipher.person(text) == hmac.digest(index_key, text.encode(), "sha256")[:16]
    assert len({cipher.contact(f"+1317555{n:04}") for n in range(100)}) == 100

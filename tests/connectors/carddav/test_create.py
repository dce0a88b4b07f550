"""Somebody who has called becomes a card that others can read, once."""

from __future__ import annotations

import asyncio

import pytest

from connectors.carddav.connector import CardDavConnector
from connectors.kit.contract import CreateRequest
from tests.connectors.carddav.servers import Book

pytestmark = pytest.mark.anyio


async def test_the_card_is_one_that_others_read(book: Book, connector: CardDavConnector) -> None:
    contact, made = await connector.create(
        CreateRequest(
            phone="+13175550142", name="José Núñez; Ltd.", email="jose@example.com", call_id="call_1"
        )
    )
    assert made
    card = book.card(contact.id)
    assert card.fn.value == "José Núñez; Ltd."
    assert (card.n.value.given, card.n.value.family) == ("José Núñez;", "Ltd.")
    assert (card.tel.value, card.email.value) == ("+13175550142", "jose@example.com")
    assert (contact.name, contact.phone, contact.email) == (
        "José Núñez; Ltd.",
        "+13175550142",
        "jose@example.com",
    )


async def test_without_a_name_the_number_stands_there_and_is_no_name(
    book: Book, connector: CardDavConnector
) -> None:
    contact, _ = await connector.create(CreateRequest(phone="+13175550142"))
    assert book.card(contact.id).fn.value == "+13175550142"
    assert contact.name is None


async def test_whoever_exists_is_not_made_again(book: Book, connector: CardDavConnector) -> None:
    there = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:(317) 555-0142")
    contact, made = await connector.create(CreateRequest(phone="+13175550142", name="Somebody"))
    assert (contact.id, contact.name, made) == (there, "Ann", False)
    assert len(book.names()) == 1


async def test_two_processes_at_once_make_one_contact(book: Book) -> None:
    """Neither sees the other's before it writes: the name of the new card decides."""
    several = [book.connector() for _ in range(5)]
    request = CreateRequest(phone="+13175550142", name="Ann")
    done = await asyncio.gather(*(connector.create(request) for connector in several))
    assert sorted(made for _, made in done) == [False] * 4 + [True]
    assert len({contact.id for contact, _ in done}) == len(book.names()) == 1
    for connector in several:
        await connector.close()


async def test_a_card_that_was_given_to_another_number_does_not_stand_in_the_way(
    book: Book, connector: CardDavConnector
) -> None:
    request = CreateRequest(phone="+13175550142", name="Ann")
    first, _ = await connector.create(request)
    book.put_text(
        first.id.removeprefix(book.path).removesuffix(".vcf"),
        book.text(first.id).replace("+13175550142", "+13175550143"),
    )
    second, made = await connector.create(request)
    assert made
    assert second.id != first.id
    assert len(book.names()) == 2


async def test_one_who_was_deleted_can_be_made_again(book: Book, connector: CardDavConnector) -> None:
    request = CreateRequest(phone="+13175550142", name="Ann")
    first, _ = await connector.create(request)
    book.delete(first.id.removeprefix(book.path).removesuffix(".vcf"))
    assert (await connector.create(request))[1]
    assert len(book.names()) == 1

"""Whoever is in the address book is found by phone, in whatever notation, as the server has it by then."""

from __future__ import annotations

import pytest

from connectors.carddav.connector import CardDavConnector
from connectors.kit.candidates import choose
from connectors.kit.contract import Found, NotFound
from connectors.kit.failures import Refused
from connectors.kit.phones import parse
from tests.connectors.carddav.servers import Book, Server

pytestmark = pytest.mark.anyio

# One number for each way to write it, all of them in the United States.
NOTATIONS = {
    "+13175550101": "TEL:+13175550101",
    "+13175550102": "TEL;TYPE=CELL:+1 (317) 555-0102",
    "+13175550103": "TEL;TYPE=WORK:(317) 555-0103",
    "+13175550104": "TEL:317.555.0104",
    "+13175550105": "TEL:1-317-555-0105",
    "+13175550106": "TEL:+1 317 555 0106 ext. 5",
    "+13175550107": "TEL:+1\u00a0317\u00a0555\u20110107",
    "+13175550108": "item1.TEL;TYPE=pref:317 555 0108",
    "+13175550109": "TEL:+1 317 555 0190 / +1 317 555 0109",
    "+13175550110": "TEL:0013175550110",
}


async def find(connector: CardDavConnector, number: str) -> Found | NotFound:
    phone = parse(number)
    assert phone is not None
    return choose(phone, await connector.lookup(phone), "US")


async def test_every_notation_is_found(book: Book, connector: CardDavConnector) -> None:
    ids = {
        number: book.put(f"p{at}", f"FN:Person {at}", f"N:;Person {at};;;", line)
        for at, (number, line) in enumerate(NOTATIONS.items())
    }
    for number, contact_id in ids.items():
        found = await find(connector, number)
        assert isinstance(found, Found), NOTATIONS[number]
        assert (found.contact.id, found.contact.phone, found.matches) == (contact_id, number, 1)
    assert isinstance(await find(connector, "+13175550199"), NotFound)


async def test_a_number_as_vcard_4_writes_it(book: Book, connector: CardDavConnector) -> None:
    contact_id = book.put(
        "uri", "FN:Ann", 'TEL;VALUE=uri;TYPE="voice,work":tel:+1-317-555-0142;ext=5', version="4.0"
    )
    found = await find(connector, "+13175550142")
    assert isinstance(found, Found)
    assert (found.contact.id, found.match) == (contact_id, "exact")


async def test_the_same_last_digits_in_another_country_are_nobody(
    book: Book, connector: CardDavConnector
) -> None:
    book.put("de", "FN:Bernd", "N:;Bernd;;;", "TEL:+49 317 5550142")
    assert isinstance(await find(connector, "+13175550142"), NotFound)


async def test_what_others_change_is_seen(book: Book, connector: CardDavConnector) -> None:
    assert isinstance(await find(connector, "+13175550142"), NotFound)
    book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    found = await find(connector, "+13175550142")
    assert isinstance(found, Found)
    assert found.contact.name == "Ann"

    book.put("ann", "FN:Ann Moved", "N:Moved;Ann;;;", "TEL:+13175550143")
    assert isinstance(await find(connector, "+13175550142"), NotFound)
    found = await find(connector, "+13175550143")
    assert isinstance(found, Found)
    assert found.contact.name == "Ann Moved"

    book.delete("ann")
    assert isinstance(await find(connector, "+13175550143"), NotFound)


async def test_nobody_is_not_found_by_an_old_copy(book: Book) -> None:
    """Whoever is found may lag behind; who is not found has been looked for on the server."""
    connector = book.connector(fresh_seconds="1000000")
    assert isinstance(await find(connector, "+13175550142"), NotFound)
    book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    assert isinstance(await find(connector, "+13175550142"), Found)
    await connector.close()


async def test_all_that_a_card_says(book: Book, connector: CardDavConnector) -> None:
    book.put(
        "full", "FN:Dr. Ann Meadow", "N:Meadow;Ann;;Dr.;", "ORG:Maple Grove\\, Dental;Front desk",
        "TITLE:Dentist", "EMAIL:second@example.com", "EMAIL;TYPE=INTERNET,PREF:first@example.com",
        "NOTE:Likes tea\\, no milk.\\nOften late.",
        "CATEGORIES:Patients,VIP", "TEL;TYPE=HOME:(317) 555-0142",
    )  # fmt: skip
    found = await find(connector, "+13175550142")
    assert isinstance(found, Found)
    contact = found.contact
    assert (contact.name, contact.first_name, contact.last_name) == ("Dr. Ann Meadow", "Ann", "Meadow")
    assert (contact.company, contact.title) == ("Maple Grove, Dental", "Dentist")
    assert (contact.email, contact.fields) == ("first@example.com", {"categories": ["Patients", "VIP"]})
    assert contact.notes == "Likes tea, no milk.\nOften late."
    assert found.match == "suffix"


async def test_a_number_that_several_share(book: Book, connector: CardDavConnector) -> None:
    book.put("young", "FN:Young", "N:;Young;;;", "TEL:+13175550142", "X-HUM-CREATED:2026-05-01T00:00:00Z")
    old = book.put("old", "FN:Old", "N:;Old;;;", "TEL:+13175550142", "X-HUM-CREATED:2020-05-01T00:00:00Z")
    for _ in range(3):
        found = await find(connector, "+13175550142")
        assert isinstance(found, Found)
        assert (found.contact.id, found.matches) == (old, 2)


async def test_groups_are_nobody(book: Book, connector: CardDavConnector) -> None:
    book.put("g", "FN:Family", "N:Family;;;;", "X-ADDRESSBOOKSERVER-KIND:group", "TEL:+13175550142")
    assert isinstance(await find(connector, "+13175550142"), NotFound)


async def test_all_address_books_or_those_that_are_named(server: Server) -> None:
    first, second = server.book(), server.book()
    first.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    second.put("bob", "FN:Bob", "N:;Bob;;;", "TEL:+13175550143")

    everything = first.connector(books="")
    assert isinstance(await find(everything, "+13175550142"), Found)
    assert isinstance(await find(everything, "+13175550143"), Found)
    await everything.close()

    only_second = first.connector(books=second.path)
    assert isinstance(await find(only_second, "+13175550142"), NotFound)
    assert isinstance(await find(only_second, "+13175550143"), Found)
    await only_second.close()


async def test_an_address_book_that_is_not_there(book: Book) -> None:
    connector = book.connector(books="Nobody's")
    with pytest.raises(Refused, match=rf"no address book \"Nobody's\"; there are .*{book.title}"):
        await connector.open()
    await connector.close()

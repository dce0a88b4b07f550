"""What servers do differently: where they keep the address books, and how they tell what has changed.

Discovery runs against the real ones; the rest, which they do not do, against one that does it on order.
"""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connectors.carddav import connector as carddav
from connectors.carddav.connector import CardDavConnector
from connectors.kit.candidates import choose
from connectors.kit.contract import Call, ContactRef, CreateRequest, Found
from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable
from connectors.kit.phones import Phone, parse
from tests.connectors.carddav.odd import BOOK, multistatus, odd_server, xml
from tests.connectors.carddav.servers import Book

pytestmark = pytest.mark.anyio

CALL = Call("call_1", direction="inbound", summary="Hello")


def phone(number: str = "+13175550142") -> Phone:
    found = parse(number)
    assert found is not None
    return found


async def name_of(connector: CardDavConnector, number: str = "+13175550142") -> str | None:
    found = choose(phone(number), await connector.lookup(phone(number)), "US")
    return found.contact.name if isinstance(found, Found) else None


@pytest.mark.parametrize("start", ["/", "/hum/", "{home}", "{book}"])
async def test_the_address_may_be_any_on_the_way_to_the_book(book: Book, start: str) -> None:
    book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    url = book.server.url + start.format(home=book.server.home, book=book.path)
    connector = book.connector(url=url)
    await connector.open()
    await connector.ping()
    assert await name_of(connector) == "Ann"
    await connector.close()


async def test_a_wrong_password_is_told_at_the_start(book: Book) -> None:
    if book.server.kind == "xandikos":
        pytest.skip("Xandikos asks for passwords over TLS only")
    connector = book.connector(password="wrong")
    with pytest.raises(Refused, match="does not take the user name and password"):
        await connector.open()
    await connector.close()


async def test_a_server_that_is_not_there() -> None:
    async with odd_server() as odd:
        url = odd.url
    connector = CardDavConnector.from_settings(
        {setting.name: setting.default or "" for setting in CardDavConnector.settings} | {"CARDDAV_URL": url}
    )
    with pytest.raises(Unavailable, match="cannot be reached"):
        await connector.open()
    await connector.close()


async def test_the_way_through_well_known() -> None:
    def answer(method: str, request: Request) -> Response | None:
        if request.url.path == "/":
            return Response("welcome", 405)
        moved = {"/.well-known/carddav": "/dav", "/dav": "/dav/me/"}
        where = moved.get(request.url.path)
        return RedirectResponse(where, 301) if where else None

    async with odd_server(answer=answer) as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        assert await name_of(connector) == "Ann"


async def test_the_password_goes_to_no_other_origin() -> None:
    async with odd_server() as other:
        redirect = RedirectResponse(f"{other.url}/dav/me/", 301)
        async with odd_server(answer=lambda method, request: redirect) as odd, odd.connector() as connector:
            with pytest.raises(Refused, match=f"points to {other.url}: .* CARDDAV_ORIGINS"):
                await connector.open()
        async with odd_server(home=f"{other.url}/dav/books/") as odd, odd.connector() as connector:
            with pytest.raises(Refused, match="CARDDAV_ORIGINS"):
                await connector.open()
        assert other.requests == []


async def test_an_origin_that_is_named_is_trusted() -> None:
    """As with iCloud, whose address books are on another host than the one that people know."""
    async with odd_server() as other, odd_server(home=f"{other.url}/dav/books/") as odd:
        other.put("ann", "FN:Ann", "TEL:+13175550142")
        async with odd.connector(origins=other.url) as connector:
            assert await name_of(connector) == "Ann"
            contact, made = await connector.create(CreateRequest(phone="+13175550143", name="Bob"))
            assert made
            assert contact.id.startswith(f"{other.url}{BOOK}")
            await connector.log_call(CALL, ContactRef(contact.id), None)
            assert "[hum:call_1]" in other.cards[contact.id.removeprefix(other.url)][1]


@pytest.mark.parametrize("syncs", [True, False])
async def test_changes_with_and_without_synchronization(syncs: bool) -> None:
    async with odd_server(syncs=syncs) as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        odd.put("bob", "FN:Bob", "TEL:+13175550143")
        assert await name_of(connector) == "Ann"
        odd.put("ann", "FN:Anna", "TEL:+13175550142")
        odd.delete("bob")
        assert await name_of(connector) == "Anna"
        assert await name_of(connector, "+13175550143") is None


async def test_only_what_has_changed_is_read_again() -> None:
    async with odd_server() as odd, odd.connector() as connector:
        for at in range(250):
            odd.put(f"p{at}", f"FN:Person {at}", f"TEL:+1317555{at:04}")
        assert await name_of(connector, "+13175550017") == "Person 17"
        before = len(odd.requests)
        assert await name_of(connector, "+13175550018") == "Person 18"
        assert len(odd.requests) - before == 1
        odd.put("p18", "FN:Other", "TEL:+13175550018")
        before = len(odd.requests)
        assert await name_of(connector, "+13175550018") == "Other"
        assert len(odd.requests) - before == 2


async def test_an_answer_in_pieces() -> None:
    async with odd_server(page=3) as odd, odd.connector() as connector:
        for at in range(10):
            odd.put(f"p{at}", f"FN:Person {at}", f"TEL:+1317555010{at}")
        odd.delete("p4")
        assert [await name_of(connector, f"+1317555010{at}") for at in (3, 4, 9)] == [
            "Person 3",
            None,
            "Person 9",
        ]


async def test_a_token_that_the_server_has_forgotten() -> None:
    forgotten = xml('<error xmlns="DAV:"><valid-sync-token/></error>', 403)
    async with odd_server() as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        odd.put("bob", "FN:Bob", "TEL:+13175550143")
        assert await name_of(connector) == "Ann"
        odd.delete("ann")
        odd.changes = [f"{BOOK}bob.vcf"]
        refusals = iter([forgotten])
        odd.answer = lambda method, request: next(refusals, None) if method == "REPORT" else None
        assert await name_of(connector) is None
        assert await name_of(connector, "+13175550143") == "Bob"


async def test_a_server_that_says_it_synchronizes_and_does_not() -> None:
    async with odd_server() as odd, odd.connector() as connector:
        odd.refuses_sync = True
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        assert await name_of(connector) == "Ann"
        odd.delete("ann")
        assert await name_of(connector) is None


async def test_a_card_that_is_passed_over_among_many_is_read_alone() -> None:
    async with odd_server(passes_over="bob") as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        odd.put("bob", "FN:Bob", "TEL:+13175550143")
        assert await name_of(connector) == "Ann"
        assert await name_of(connector, "+13175550143") == "Bob"


async def test_an_address_book_that_goes_away_and_comes_back() -> None:
    async with odd_server() as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        assert await name_of(connector) == "Ann"
        odd.answer = lambda method, request: Response("", 404) if request.url.path.startswith(BOOK) else None
        with pytest.raises(Failure):
            await connector.lookup(phone())
        odd.answer = lambda method, request: None
        assert await name_of(connector) == "Ann"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Response("", 500), Unavailable),
        (Response("", 503, {"Retry-After": "7"}), Unavailable),
        (Response("", 429, {"Retry-After": "7"}), RateLimited),
        (Response("", 403), Refused),
        (Response("<html>Log in</html>", 200), Refused),
        (xml("<multistatus xmlns='DAV:'><response>"), Refused),
        (xml("<!DOCTYPE x [<!ENTITY a 'aaaa'>]><multistatus xmlns='DAV:'/>"), Refused),
        (xml("<!DOCTYPE x SYSTEM 'file:///etc/passwd'><multistatus xmlns='DAV:'/>"), Refused),
    ],
    ids=["500", "503", "429", "403", "html", "cut off", "entity", "external"],
)
async def test_trouble_is_never_nobody(answer: Response, failure: type[Failure]) -> None:
    async with odd_server() as odd, odd.connector() as connector:
        assert await name_of(connector) is None
        odd.answer = lambda method, request: answer
        with pytest.raises(failure) as raised:
            await connector.lookup(phone())
        assert raised.value.retry_after == (7 if "retry-after" in answer.headers else None)
        assert "317" not in raised.value.message


async def test_a_bomb_of_entities_is_not_unfolded() -> None:
    inner = "".join(f"<!ENTITY e{at} '{f'&e{at - 1};' * 10}'>" for at in range(1, 10))
    bomb = xml(f"<!DOCTYPE x [<!ENTITY e0 'aaaaaaaaaa'>{inner}]><multistatus xmlns='DAV:'>&e9;</multistatus>")
    async with odd_server(answer=lambda method, request: bomb) as odd, odd.connector() as connector:
        with pytest.raises(Refused, match="does not speak WebDAV"):
            await connector.open()


async def test_while_the_books_are_first_read_the_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carddav, "FIRST_READING", 0.0)
    async with odd_server() as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:(317) 555-0142")
        odd.put("bob", "FN:Bob", "TEL:317/555-0143")
        read = asyncio.Event()
        reading = connector._replica._fetch

        async def slowly(*arguments: object) -> None:
            await read.wait()
            await reading(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(connector._replica, "_fetch", slowly)
        await connector.open()
        assert await name_of(connector) == "Ann"
        with pytest.raises(Unavailable, match="still being read"):  # not found is not nobody, not yet
            await connector.lookup(phone("+13175550143"))
        read.set()
        await connector._replica.read()
        assert await name_of(connector, "+13175550143") == "Bob"


async def test_the_server_is_asked_for_several_notations_at_once(book: Book) -> None:
    for at, line in enumerate(
        ("+13175550142", "3175550142", "(317) 555-0142", "+1 317 555 0142", "+13175550143")
    ):
        book.put(f"p{at}", f"FN:Person {at}", f"N:;Person {at};;;", f"TEL:{line}")
    connector = book.connector()
    found = {candidate.contact.name for candidate in await connector._ask(phone())}
    assert found == {"Person 0", "Person 1", "Person 2"}  # the fourth is why there is a copy
    await connector.close()


async def test_one_reading_for_all_who_ask_and_the_first_may_leave() -> None:
    async with odd_server() as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        asked = [asyncio.create_task(name_of(connector)) for _ in range(20)]
        while not odd.requests:
            await asyncio.sleep(0)
        asked[0].cancel()
        assert await asyncio.gather(*asked[1:]) == ["Ann"] * 19
        assert odd.count("REPORT") <= 4


async def test_an_etag_that_a_proxy_has_weakened() -> None:
    async with odd_server(weak=True) as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        await connector.log_call(CALL, ContactRef(f"{BOOK}ann.vcf"), None)
        assert "[hum:call_1]" in odd.cards[f"{BOOK}ann.vcf"][1]


async def test_a_contact_that_never_rests() -> None:
    async with odd_server() as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        odd.answer = lambda method, request: Response("", 412) if method == "PUT" else None
        with pytest.raises(Unavailable, match="keep changing"):
            await connector.log_call(CALL, ContactRef(f"{BOOK}ann.vcf"), None)
        assert odd.count("PUT") == carddav.TRIES


@pytest.mark.parametrize("status", [423, 500])
async def test_a_contact_that_cannot_be_written_for_a_moment(status: int) -> None:
    async with odd_server() as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        refusals = iter([Response("", status)] * 2)
        odd.answer = lambda method, request: next(refusals, None) if method == "PUT" else None
        await connector.log_call(CALL, ContactRef(f"{BOOK}ann.vcf"), None)
        assert odd.count("PUT") == 3


async def test_a_server_without_etags_is_not_written_to_blindly() -> None:
    async with odd_server() as odd, odd.connector() as connector:
        odd.put("ann", "FN:Ann", "TEL:+13175550142")
        text = odd.cards[f"{BOOK}ann.vcf"][1]
        odd.answer = lambda method, request: Response(text) if method == "GET" else None
        with pytest.raises(Refused, match="no ETag"):
            await connector.log_call(CALL, ContactRef(f"{BOOK}ann.vcf"), None)
        assert odd.count("PUT") == 0


async def test_a_book_that_may_only_be_read() -> None:
    properties = (
        "<resourcetype><C:addressbook/></resourcetype>"
        "<current-user-privilege-set><privilege><read/></privilege></current-user-privilege-set>"
    )
    book = multistatus(
        f"<response><href>{BOOK}</href><propstat><prop>{properties}</prop>"
        "<status>HTTP/1.1 200 OK</status></propstat></response>"
    )
    async with odd_server() as odd, odd.connector() as connector:
        odd.answer = lambda method, request: book if request.headers.get("depth") == "1" else None
        with pytest.raises(Refused, match="may be written to"):
            await connector.create(CreateRequest(phone="+13175550142"))


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("URL", "dav.example.com", "CARDDAV_URL must be an address"),
        ("URL", "https://hum:secret@dav.example.com", "without a password"),
        ("PASSWORD", "secret", "CARDDAV_PASSWORD needs CARDDAV_USER"),
        ("LOG_CALLS", "yes", "CARDDAV_LOG_CALLS must be note or off"),
        ("KEEP_CALLS", "0", "CARDDAV_KEEP_CALLS must be a whole number, at least 1"),
        ("FRESH_SECONDS", "٣", "CARDDAV_FRESH_SECONDS must be a whole number"),
        ("ORIGINS", "dav.example.com", "CARDDAV_ORIGINS must be an address"),
        ("COUNTRY", "USA", "CARDDAV_COUNTRY"),
    ],
)
def test_a_setting_that_is_wrong_is_named(setting: str, value: str, told: str) -> None:
    values = {one.name: one.default or "" for one in CardDavConnector.settings}
    values |= {"CARDDAV_URL": "https://dav.example.com", f"CARDDAV_{setting}": value}
    with pytest.raises(ValueError, match=told):
        CardDavConnector.from_settings(values)

"""A call becomes one line of its contact's note, and nothing that others wrote is lost over it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.carddav.connector import CardDavConnector
from connectors.carddav.dav import Resource
from connectors.kit.contract import Agent, Call, ContactRef
from connectors.kit.failures import NotSupported
from tests.connectors.carddav.servers import Book

pytestmark = pytest.mark.anyio

LINE = (
    "2026-11-20 21:05 UTC, inbound call, 3 min 5 s, completed, with Iris: "
    "Asked about the invoice. Next: call back"
)


def call(call_id: str = "call_1", **more: Any) -> Call:
    told = {
        "direction": "inbound", "from_": "+13175550142", "to": "+13175550100",
        "started_at": "2026-11-20T21:05:09.123Z", "duration_seconds": 185.4, "status": "completed",
        "summary": "Asked about\nthe invoice.", "next_actions": ["call back"], "agent": Agent(name="Iris"),
    }  # fmt: skip
    return Call(call_id, **{**told, **more})


def note(book: Book, contact_id: str) -> list[str]:
    return str(book.card(contact_id).note.value).split("\n")


async def test_a_call_is_a_line_below_what_people_wrote(book: Book, connector: CardDavConnector) -> None:
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142", "NOTE:Likes tea\\, no milk.")
    activity = await connector.log_call(call(), ContactRef(ann), None)
    assert activity == f"{ann}#call_1"
    assert note(book, ann) == ["Likes tea, no milk.", f"{LINE} [hum:call_1]"]


async def test_a_later_word_on_the_call_changes_its_line(book: Book, connector: CardDavConnector) -> None:
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    first = await connector.log_call(call(), ContactRef(ann), None)
    await connector.log_call(call("call_2", summary="Second"), ContactRef(ann), None)
    recording = "https://recordings.example.com/1.mp3"
    again = await connector.log_call(call(recording_url=recording), None, first)
    assert again == first
    assert [line.rpartition(" ")[2] for line in note(book, ann)] == ["[hum:call_1]", "[hum:call_2]"]
    assert f"Recording: {recording}" in note(book, ann)[0]


async def test_every_other_line_stays(book: Book, connector: CardDavConnector) -> None:
    photo = "PHOTO;ENCODING=b;TYPE=JPEG:" + "\r\n ".join("AbCd" * 18 for _ in range(20))
    ann = book.put(
        "ann", "FN:Ann", "N:;Ann;;;", "item1.TEL;type=pref:+1 (317) 555-0142",
        "item1.X-ABLabel:_$!<Mobile>!$_", photo, 'X-UNKNOWN;P="a;b:c":raw\\,value\\;with',
        "NOTE;LANGUAGE=en:Tea", "CATEGORIES:A,B",
    )  # fmt: skip
    before = book.text(ann)
    await connector.log_call(call(), ContactRef(ann), None)
    after = book.text(ann)

    def others(text: str) -> list[str]:
        unfolded = text.replace("\r\n ", "").replace("\n ", "")
        return [line for line in unfolded.splitlines() if not line.startswith("NOTE")]

    assert "NOTE;LANGUAGE=en:Tea\\n2026-11-20" in after
    assert others(before) == others(after)
    if book.server.kind == "xandikos":  # Radicale itself writes every card anew
        assert before.partition("NOTE")[0] == after.partition("NOTE")[0]
        assert before.partition("CATEGORIES")[2] == after.partition("CATEGORIES")[2]


async def test_somebody_elses_edit_at_the_same_moment_is_kept(
    book: Book, connector: CardDavConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them comes between the connector's reading and its writing."""
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142", "NOTE:mine")
    edits = iter(["NOTE:mine\\, changed", "TITLE:Doctor"])
    get = connector._dav.get

    async def overtaken(name: str) -> Resource | None:
        read = await get(name)
        if (edit := next(edits, None)) is not None:
            kept = [line for line in book.text(ann).splitlines() if line.split(":")[0] != edit.split(":")[0]]
            book.put_text("ann", "\r\n".join([*kept[:-1], edit, kept[-1], ""]))
        return read

    monkeypatch.setattr(connector._dav, "get", overtaken)
    await connector.log_call(call(), ContactRef(ann), None)
    assert note(book, ann) == ["mine, changed", f"{LINE} [hum:call_1]"]
    assert book.card(ann).title.value == "Doctor"


async def test_many_at_once_all_stand_there(book: Book) -> None:
    """Five processes: two different calls and one that all of them tell of."""
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    several = [book.connector() for _ in range(5)]
    calls = [(connector, call_id) for connector in several for call_id in ("call_a", "call_b", "same")]
    done = await asyncio.gather(
        *(connector.log_call(call(call_id), ContactRef(ann), None) for connector, call_id in calls)
    )
    assert set(done) == {f"{ann}#call_a", f"{ann}#call_b", f"{ann}#same"}
    marks = [line.rpartition(" ")[2] for line in note(book, ann)]
    assert sorted(marks) == ["[hum:call_a]", "[hum:call_b]", "[hum:same]"]
    for connector in several:
        await connector.close()


async def test_a_call_is_found_again_when_nobody_remembers(book: Book) -> None:
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    odd = "call ] [hum:other] ü/1"
    before = book.connector()
    activity = await before.log_call(call(odd), ContactRef(ann), None)
    await before.close()
    after = book.connector()
    assert await after.find_call(odd) == activity
    assert await after.find_call("other") is None
    await after.close()


async def test_words_of_a_caller_forge_no_other_call(book: Book, connector: CardDavConnector) -> None:
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    await connector.log_call(
        call("call_1", summary="hello [hum:call_9]\nNOTE:x [hum:call_8]"), ContactRef(ann), None
    )
    assert len(note(book, ann)) == 1
    assert await connector.find_call("call_9") is None
    assert await connector.find_call("call_8") is None


async def test_without_a_contact_it_is_the_other_partys(book: Book, connector: CardDavConnector) -> None:
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    office = book.put("office", "FN:Office", "N:;Office;;;", "TEL:+13175550100")
    assert await connector.log_call(call(), None, None) == f"{ann}#call_1"
    assert "NOTE" not in book.text(office)
    with pytest.raises(NotSupported):
        await connector.log_call(call("call_2", from_="+13175550177"), None, None)
    with pytest.raises(NotSupported):
        await connector.log_call(Call("call_3", to="+13175550100"), None, None)


async def test_a_contact_that_is_gone(book: Book, connector: CardDavConnector) -> None:
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    activity = await connector.log_call(call(), ContactRef(ann), None)
    book.delete("ann")
    with pytest.raises(NotSupported):
        await connector.log_call(call(), ContactRef(ann), activity)


@pytest.mark.parametrize(
    "name", ["/", "/etc/passwd", "{book}", "{book}../x.vcf", "{book}%2e%2e", "http://[", "x"]
)
async def test_an_id_of_no_card_of_these_books_is_not_touched(
    book: Book, connector: CardDavConnector, name: str
) -> None:
    with pytest.raises(NotSupported):
        await connector.log_call(call(), ContactRef(name.format(book=book.path)), None)


async def test_the_note_holds_so_many_calls(book: Book) -> None:
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142", "NOTE:Mine")
    connector = book.connector(keep_calls="2")
    for number in range(4):
        await connector.log_call(call(f"call_{number}"), ContactRef(ann), None)
    assert [line.rpartition(" ")[2] for line in note(book, ann)] == ["Mine", "[hum:call_2]", "[hum:call_3]"]
    await connector.close()


async def test_calls_that_are_not_wanted(book: Book) -> None:
    ann = book.put("ann", "FN:Ann", "N:;Ann;;;", "TEL:+13175550142")
    connector = book.connector(log_calls="off")
    with pytest.raises(NotSupported, match="CARDDAV_LOG_CALLS"):
        await connector.log_call(call(), ContactRef(ann), None)
    assert "NOTE" not in book.text(ann)
    await connector.close()

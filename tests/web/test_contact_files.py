"""Files of contacts: what comes in, what is refused and why, and that what goes out comes back in as it
was."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.domain.contact_files import MOST_LINES, MOST_REPORTED, ContactFile
from gateway.manage import contact_import
from gateway.store import contact_writing
from gateway.store.contact_writing import Standing
from gateway.store.tables import contacts
from tests.enrich.conftest import resolve, rows, settled
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

CSV, LINES = "text/csv", "application/x-ndjson"
BOOK = "/api/contacts"


@pytest.fixture
async def node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as made:
        yield made


@pytest.fixture
async def lite(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as made:
        yield made


async def bring_in(
    node: Node, content: str | bytes, kind: str = CSV, *, status: int = 200, org: str = "acme", **params: str
) -> dict[str, Any]:
    body = content.encode() if isinstance(content, str) else content
    answer = await node.call(
        "POST", f"{BOOK}/import", content=body, headers={"Content-Type": kind}, params=params, org=org
    )
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return tuple(report[name] for name in ("lines", "created", "updated", "unchanged", "refused"))


async def export(node: Node, kind: str = CSV, org: str = "acme", **params: str) -> str:
    answer = await node.call("GET", BOOK, headers={"Accept": kind}, params=params, org=org)
    assert answer.status_code == 200, answer.text
    return answer.text


async def listed(node: Node, org: str = "acme") -> dict[str, dict[str, Any]]:
    answer = await node.call("GET", BOOK, params={"limit": 200}, org=org)
    return {one["phone"]: one for one in answer.json()["data"]}


_COUNTRY = "write the country with +, or name the region of the file"
TABLE = """\
Phone,First Name,last-name,email,tags,fields.plan,notes
(317) 555-0142,Ada,Example,ada@example.com,vip; slow,gold,"two
lines, and a comma"
911,No,Body,,,,
+13175550143,,,not an address,,,

,Nobody,,,,,
+13175550144,"'=1+1",,,,,
+13175550142,,,,,,later
+13175550145,x,y,,,,,too many
1.31755E+10,Ex,Cel,,,,
"""


async def test_lines_are_taken_or_refused_each_by_its_number(node: Node) -> None:
    report = await bring_in(node, TABLE)
    assert counts(report) == (8, 2, 0, 0, 6)
    assert {one["line"]: (one["field"], one["message"]) for one in report["errors"]} == {
        4: ("phone", f"is too short to be anybody's in particular in US; {_COUNTRY}"),
        5: ("email", "must be an e-mail address, such as ada@example.com"),
        7: ("phone", "is required"),
        9: ("phone", "line 2 is about this contact already; each is one line"),
        10: ("", "has 8 cells; the first line names 7 columns"),
        11: ("phone", "is a number that a spreadsheet has shortened: make the column text"),
    }  # fmt: skip
    book = await listed(node)
    ada = book["+13175550142"]
    assert (ada["first_name"], ada["name"], ada["tags"], ada["fields"], ada["notes"]) == (
        "Ada", "Ada Example", ["vip", "slow"], {"plan": "gold"}, "two\nlines, and a comma",
    )  # fmt: skip
    assert book["+13175550144"]["first_name"] == "=1+1"
    assert ada["by_person"] and set(ada["overrides"]) == {
        "first_name", "last_name", "email", "notes", "fields.plan",
    }  # fmt: skip


async def test_the_same_file_again_changes_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_import, "LINES_AT_ONCE", 3)
    file = "phone,name\n" + "".join(f"+131755501{n:02},Caller {n}\n" for n in range(10))
    assert counts(await bring_in(node, file, dry_run="true")) == (10, 10, 0, 0, 0)
    assert await rows(node, contacts) == []
    assert counts(await bring_in(node, file)) == (10, 10, 0, 0, 0)
    before = await listed(node)
    assert counts(await bring_in(node, file)) == (10, 0, 0, 10, 0)
    assert {phone: one["updated_at"] for phone, one in (await listed(node)).items()} == {
        phone: one["updated_at"] for phone, one in before.items()
    }
    changed = file.replace("Caller 3", "Caller Three")
    assert counts(await bring_in(node, changed, dry_run="true")) == (10, 0, 1, 9, 0)
    assert counts(await bring_in(node, changed)) == (10, 0, 1, 9, 0)
    assert (await listed(node))["+13175550103"]["name"] == "Caller Three"


async def test_lines_of_json(lite: Node) -> None:
    lines = [
        {"phone": "+13175550142", "name": "Ada", "tags": ["vip"], "fields": {"age": 7, "vip": True}},
        {"phone": "+13175550143", "colour": "red"}, {"phone": 317}, ["x"], {"name": "Nobody"},
        {"phone": "+13175550144", "name": None, "tags": None},
    ]  # fmt: skip
    content = "\n".join(json.dumps(line) for line in lines) + '\n{"phone": \n{"phone":"1","phone":"2"}\n'
    report = await bring_in(lite, content, LINES)
    assert counts(report) == (8, 2, 0, 0, 6)
    assert [(one["line"], one["field"], one["message"]) for one in report["errors"]] == [
        (2, "colour", "is not a field"), (3, "phone", "must be a string"), (4, "", "must be an object"),
        (5, "phone", "is required"), (7, "", "is not valid JSON"), (8, "", "is not valid JSON"),
    ]  # fmt: skip
    assert (await listed(lite))["+13175550142"]["fields"] == {"age": 7, "vip": True}


async def test_a_file_that_cannot_be_read_is_refused_as_a_whole(lite: Node) -> None:
    for content, kind, status, field in (
        ("name\nAda\n", CSV, 422, "phone"), ("phone,colour\n", CSV, 422, "colour"),
        ("phone,name,name\n", CSV, 422, "name"), (b"phone\n\xff\n", CSV, 422, ""), ("", CSV, 422, "phone"),
        ("phone\n", "application/json", 415, None), ("phone\n", "text/plain", 415, None),
        ("phone\n" + "\n" * MOST_LINES, CSV, 413, None),
    ):  # fmt: skip
        found = await bring_in(lite, content, kind, status=status)
        assert [one["field"] for one in found["details"]] == ([] if field is None else [field])
    for wrong in ({"region": "XX"}, {"dry_run": "yes"}, {"colour": "red"}):
        await bring_in(lite, "phone\n", status=422, **wrong)
    cut = await bring_in(lite, 'phone,notes\n+13175550142,good\n+13175550143,"never closed\n+13175550144,x\n')
    assert (cut["created"], cut["errors"][0]["line"]) == (1, 3)


@pytest.mark.parametrize("dry_run", ["true", "false"])
async def test_people_who_share_a_number_do_not_get_each_others_notes(lite: Node, dry_run: str) -> None:
    file = "phone,name,notes\n+13175550142,Jan,Allergy: penicillin\n(317) 555-0142,Lea,\n"
    report = await bring_in(lite, file, dry_run=dry_run)
    assert (counts(report), report["errors"][0]["line"]) == ((2, 1, 0, 0, 1), 3)
    assert [one["name"] for one in (await listed(lite)).values()] == (["Jan"] if dry_run == "false" else [])


@pytest.mark.parametrize("kind", [CSV, LINES])
async def test_whom_only_a_crm_knows_stays_so(lite: Node, kind: str) -> None:
    async with Receiver() as receiver:
        crm = Crm(receiver)
        await crm.join(lite)
        crm.knows("+13175550101", name="Of the CRM")
        await resolve(lite, "+13175550101")
        await settled(lite)
        await bring_in(lite, "phone\n+13175550102\n")  # a person's, of whom nothing is said
        before = await listed(lite)
        file = await export(lite, kind)
    assert counts(await bring_in(lite, file, kind)) == (2, 0, 0, 2, 0)
    assert await listed(lite) == before
    assert counts(await bring_in(lite, file, kind, org="copy")) == (2, 1, 0, 1, 0)
    assert list(await listed(lite, "copy")) == ["+13175550102"]


async def test_columns_are_told_all_at_once(lite: Node) -> None:
    wrong = await bring_in(lite, "Patient ID;Phone;E-Mail;Birthday\n", status=422)
    assert [one["field"] for one in wrong["details"]] == ["Patient ID", "Birthday"]
    assert "fields.<name>" in wrong["message"]
    assert counts(await bring_in(lite, "sep=;\nPhone;E-Mail\n+13175550142;a@example.com\n"))[1] == 1


async def test_a_number_without_its_country_is_one_of_the_region(lite: Node) -> None:
    file = "phone,name\n06 12 34 56 78,Zoë\n"
    assert counts(await bring_in(lite, file))[1] == 0
    assert counts(await bring_in(lite, file, region="FR"))[1] == 1


async def test_what_spreadsheets_write(lite: Node) -> None:
    for number, (encoding, delimiter) in enumerate(
        (("utf-8-sig", ","), ("utf-8", ";"), ("utf-16", "\t"), ("utf-8", ","))
    ):
        file = f"phone,name\r\n030 2012340{number},Zoë\r\n".replace(",", delimiter).encode(encoding)
        assert counts(await bring_in(lite, file, region="de")) == (1, 1, 0, 0, 0)
    assert set(await listed(lite)) == {f"+49302012340{number}" for number in range(4)}


async def test_a_key_makes_a_file_come_in_once(lite: Node) -> None:
    headers = {"Content-Type": CSV, "Idempotency-Key": "k"}
    file = "phone,name\n+13175550142,Ada\n"
    first = await lite.call("POST", f"{BOOK}/import", content=file, headers=headers)
    again = await lite.call("POST", f"{BOOK}/import", content=file, headers=headers)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    other = await lite.call("POST", f"{BOOK}/import", content=file + "\n", headers=headers)
    assert other.json()["error"] == "idempotency_conflict"
    log = (await lite.call("GET", "/api/audit", params={"action": "importContacts"})).json()["data"]
    assert [entry["details"] for entry in log] == [
        {"dry_run": False, "lines": 1, "created": 1, "updated": 0, "unchanged": 0, "refused": 0}
    ]


NASTY = [
    "=cmd()", "+1+1", "-1", "@SUM(A1)", "'=x", "''@", "a,b", 'say "hi"', "ends;", "Zoë 名前", "plain",
    "+13175550142", "-", "'", "'plain'", "＝1+1", "＠SUM(A1)",
]  # fmt: skip


@pytest.mark.proof
@pytest.mark.parametrize("kind", [CSV, LINES])
async def test_what_goes_out_comes_back_in_as_it_was(lite: Node, kind: str) -> None:
    """Also what a spreadsheet would calculate; and what a CRM said does not become a person's word. Control:
    a file without its column of overrides makes everything a person's word."""
    async with Receiver() as receiver:
        crm = Crm(receiver)
        await crm.join(lite)
        for number, text in enumerate(NASTY):
            phone = f"+131755501{number:02}"
            crm.knows(phone, name=f"CRM {number}", email=f"crm{number}@example.com", company="=1+1")
            await resolve(lite, phone)
            await settled(lite)
            body = {
                "title": text,
                "notes": f" {text}\n{text}\n ",
                "fields": {text.strip(";").replace('"', "'"): text, "n": 1.5},
                "tags": ["a b"],
            }
            answer = await lite.call("PATCH", f"{BOOK}/{phone}", json=body)
            assert answer.status_code == 200, answer.text
        file = await export(lite, kind)
    report = await bring_in(lite, file, kind, org="copy")
    assert counts(report) == (len(NASTY), len(NASTY), 0, 0, 0), report["errors"]
    here, there = await listed(lite), await listed(lite, "copy")
    for phone, one in here.items():
        said = {name: override["value"] for name, override in one["overrides"].items()}
        copied = {name: override["value"] for name, override in there[phone]["overrides"].items()}
        assert (copied, there[phone]["tags"]) == (said, one["tags"])
        assert there[phone]["name"] is None
    if kind == CSV:
        cells = [cell for row in csv.reader(io.StringIO(file)) for cell in row]
        assert not [cell for cell in cells if cell[:1] in "=-@\t" and cell]
        cut = "".join(line.replace("overridden", "ages") for line in file.splitlines(keepends=True)[:1])
        await bring_in(lite, cut + "".join(file.splitlines(keepends=True)[1:]), kind, org="control")
        assert (await listed(lite, "control"))["+13175550100"]["name"] == "CRM 0"
    print(f"contacts out and in again ({kind}): {len(NASTY)} texts as they were")


async def test_an_export_holds_what_has_the_tag_and_goes_page_by_page(node: Node) -> None:
    lines = "".join(f"+13175{n:06},{'odd' if n % 2 else 'even'}\n" for n in range(550_000, 550_450))
    assert counts(await bring_in(node, "phone,tags\n" + lines)) == (450, 450, 0, 0, 0)
    table = list(csv.DictReader(io.StringIO(await export(node, order="asc", tag="odd"))))
    assert [row["phone"] for row in table] == [f"+13175{n:06}" for n in range(550_001, 550_450, 2)]
    assert len((await export(node, LINES)).splitlines()) == 450
    for name in ("limit", "cursor"):
        answer = await node.call("GET", BOOK, headers={"Accept": CSV}, params={name: "5"})
        assert answer.json()["details"][0]["field"] == name
    await node.gateway.services.payload_reads.flush()
    log = (await node.call("GET", "/api/audit", params={"action": "listContacts"})).json()["data"]
    assert [entry["details"] for entry in log] == [
        {"export": LINES}, {"export": CSV, "tag": "odd"},
    ], "who takes the whole book is noted"  # fmt: skip


async def test_the_report_counts_all_refused_lines_and_describes_the_first(lite: Node) -> None:
    file = "phone\n" + "911\n" * (MOST_REPORTED + 500) + "+13175550142\n"
    report = await bring_in(lite, file)
    assert counts(report) == (MOST_REPORTED + 501, 1, 0, 0, MOST_REPORTED + 500)
    assert [one["line"] for one in report["errors"]] == list(range(2, MOST_REPORTED + 2))


class Slow(SystemClock):
    """A clock on which everything takes 3 ms, as one asks it."""

    def __init__(self) -> None:
        self.time, self.slept = 0.0, list[float]()

    def monotonic(self) -> float:
        self.time += 0.003
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_others_go_on_between_two_lines_and_little_is_written_at_once(
    lite: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when 200 lines are 10 MB."""
    await bring_in(lite, "phone\n+13175550199\n")
    org, portions = await lite.gateway.directory.living("acme"), list[int]()
    write = contact_writing.write

    async def watched(tx: Any, cipher: Any, org_id: str, changed: Collection[Standing], now: int) -> None:
        await write(tx, cipher, org_id, changed, now)
        portions.append(sum(len(str(one.value)) for each in changed for one in each.overrides.values()))

    monkeypatch.setattr(contact_writing, "write", watched)
    own = [f"fields.{n}" for n in range(50)]
    rows = [[f"+131755501{n:02}", *["x" * 1_000] * 50] for n in range(20)] + [["911"]] * 20 + [[]] * 20
    table = "\n".join(",".join(row) for row in [["phone", *own], *rows]) + "\n"
    clock = Slow()
    file = ContactFile("csv", table.encode(), "US")
    report = await contact_import.bring_in(
        lite.gateway.store, clock, org.organization, file, "somebody", dry_run=False
    )
    assert (report.created, report.refused) == (20, 20)
    pieces = len(table) // 65_536 + 1
    assert len(clock.slept) == pieces + 60
    assert sum(portions) == 20 * 50_000
    assert max(portions) <= contact_import.CHARACTERS_AT_ONCE

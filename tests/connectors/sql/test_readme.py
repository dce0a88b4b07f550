"""What the README promises: the way in, the plan, the settings. That its indexes are used: test_search.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from connectors import registry
from connectors.kit.trial import Trial
from connectors.sql import connector, plan
from connectors.sql.connector import Sql
from tests.connectors.sql.conftest import Connect
from tests.connectors.sql.databases import AddressBook
from tests.connectors.sql.readme import README

pytestmark = pytest.mark.anyio

SENT = re.findall(r"hum-connector send http\S+ (\S+) '(.+?)' --secret-env", README)


async def test_the_way_from_nothing_to_a_logged_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    making, written = re.findall(r"<<'EOF'\n(.+?)\nEOF\n", README, re.DOTALL)
    exec(making)
    Path("plan.toml").write_text(written, "utf-8")
    environment = dict(re.findall(r'export (SQL_\w+)="(.+)"', README))
    async with Trial(registry.make(Sql, environment)) as hum:
        found, created, logged, again = [await hum.send(event, json.loads(text)) for event, text in SENT]
    assert found.body["contact"]["name"] == "Ann Example"
    assert created.body["contact"]["id"] == "2"
    assert logged.body == again.body == {"activity_id": "1"}
    (shown,) = re.findall(r"python3 -c '(.+?)'\n", README)
    exec(shown)
    [row] = capsys.readouterr().out.splitlines()
    assert "opening hours" in row and "call_1.mp3" in row and ", 62, " in row


async def test_the_view_for_phones_in_a_table_of_their_own(book: AddressBook, connect: Connect) -> None:
    dana = await book.add(full_name="Dana")
    (view,) = re.findall(r"CREATE VIEW .+?(?=\n```)", README, re.DOTALL)
    await book.script("CREATE TABLE phones (customer_id INTEGER, number TEXT);" + view)
    await book.run(f"INSERT INTO phones VALUES ({dana}, '(317) 555-0142')")
    made = connect(
        '[contacts]\ntable = "hum_contacts"\nid = "id"\nname = "full_name"\nphones = ["number"]\n'
        'created = "created_at"\n'
    )
    async with Trial(made) as hum:
        assert (await hum.lookup("+13175550142")).body["contact"]["name"] == "Dana"


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
async def test_the_grants_are_enough(book: AddressBook, connect: Connect) -> None:
    (grants,) = re.findall(r"```sql\n(GRANT .+?)```", README, re.DOTALL)
    await book.script(
        f"DROP ROLE IF EXISTS hum; CREATE ROLE hum LOGIN; {grants}"
        "GRANT USAGE ON customers_id_seq, calls_id_seq TO hum"
    )
    made = connect(SQL_URL=book.url.replace("postgres:@", "hum@"))
    async with Trial(made) as hum:
        created = await hum.create("+13175550142", "Dana")
        contact = {"id": created.body["contact"]["id"]}
        logged = await hum.log_call({"id": "call_1", "revision": 1}, contact)
        again = await hum.log_call({"id": "call_1", "revision": 2, "summary": "Later"}, contact)
    assert (created.status, logged.body) == (201, again.body)
    await book.script("DROP OWNED BY hum; DROP ROLE hum")


def test_every_field_of_the_plan_is_there() -> None:
    named = {*re.findall(r"`(\w+)`", README)}
    kinds = (plan.Plan, plan.Contacts, plan.Create, plan.Calls, plan.CallColumns)
    fields = {name for kind in kinds for name in kind.__struct_encode_fields__}
    sections = {"contacts", "create", "calls"}
    assert fields - sections <= named
    assert all(f"`[{section}]`" in README for section in sections)


def test_every_setting_is_there() -> None:
    assert re.findall(r"^\| `(SQL_\w+)` \|", README, re.MULTILINE) == [one.name for one in Sql.settings]
    assert Path(connector.__file__).parent.name == "sql"

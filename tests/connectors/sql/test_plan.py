"""The operator's file and settings: what is wrong is said by name, and no password with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.sql.connector import Sql
from connectors.sql.database import Database
from connectors.sql.plan import load

pytestmark = pytest.mark.anyio

GOOD = '[contacts]\ntable = "customers"\nid = "id"\nphones = ["phone"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing required field `contacts`"),
        ("[contacts", "plan.toml: "),
        ('[contacts]\ntable = "t"\nphones = ["p"]\n', "missing required field `id` - at `$.contacts`"),
        (GOOD.replace('["phone"]', "[]"), "length >= 1 - at `$.contacts.phones`"),
        (GOOD.replace('["phone"]', '"phone"'), "`$.contacts.phones`"),
        (GOOD + 'fone = "x"\n', "unknown field `fone` - at `$.contacts`"),
        (GOOD + 'link = "http://crm.example/{id}"\n', "contacts.link: an https address with {id} in it"),
        (GOOD + 'link = "https://crm.example/"\n', "contacts.link: an https address with {id} in it"),
        (GOOD + '[create]\nphone = "mobile"\n', "create.phone: one of contacts.phones"),
        (GOOD + '[create]\nid = "random"\n', "'random' - at `$.create.id`"),
        (GOOD + '[calls]\ntable = "calls"\n', "missing required field `call_id` - at `$.calls`"),
        (GOOD + '[calls]\ntable = "c"\ncall_id = "i"\ncolumns = {sumary = "s"}\n', "unknown field `sumary`"),
        ('country = "Germany"\n' + GOOD, "country: two capital letters"),
        ("timeout_seconds = 0\n" + GOOD, "`$.timeout_seconds`"),
        ("timeout_seconds = 60\n" + GOOD, "`$.timeout_seconds`"),
    ],
)
async def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"plan\.toml") as wrong:
        load(str(file))
    assert message in str(wrong.value)


async def test_the_smallest_plan(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(GOOD, "utf-8")
    plan = load(str(file))
    assert (plan.country, plan.timeout_seconds, plan.create, plan.calls) == ("US", 3.0, None, None)
    assert plan.contacts.url("7") is None


async def test_an_id_in_a_link_is_quoted(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(GOOD + 'link = "https://crm.example/c/{id}/show"\n', "utf-8")
    assert load(str(file)).contacts.url("a/b ?") == "https://crm.example/c/a%2Fb%20%3F/show"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("garbage s3cret", "not an address of a database"),
        ("postgresql://u:s3cret@host:port/x", "not an address of a database"),
        ("dbase://u:s3cret@host/x", "not an address of a database"),
        ("mysql+pymysql://u:s3cret@host/x", "the driver is not installed: pymysql"),
        ("sqlite://", "a database in memory is empty"),
        ("sqlite:///no/such/file.db", "the file does not exist"),
    ],
)
async def test_an_address_that_cannot_be_used(tmp_path: Path, url: str, message: str) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(GOOD, "utf-8")
    with pytest.raises(ValueError, match=f"^SQL_URL: .*{message}") as wrong:
        Sql.from_settings({"SQL_URL": url, "SQL_PLAN": str(file)})
    assert "s3cret" not in str(wrong.value)


async def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^SQL_PLAN: .*No such file"):
        Sql.from_settings({"SQL_URL": "sqlite:///x.db", "SQL_PLAN": str(tmp_path / "none.toml")})


async def test_the_asynchronous_driver_is_taken_where_there_is_one() -> None:
    database = Database("postgresql://u:p@host/x?sslmode=require", 1.0)
    assert database._asynchronous is not None
    assert database._url.get_driver_name() == "asyncpg"
    assert dict(database._url.query) == {"ssl": "require"}, "libpq's name for it would be refused"
    await database.close()


async def test_the_address_is_secret() -> None:
    assert [setting.name for setting in Sql.settings if setting.secret] == ["SQL_URL"]

"""What goes wrong is told in a way that helps, and never as "not found"."""

from __future__ import annotations

import httpx
import pytest

from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable
from connectors.kit.phones import parse
from connectors.tryton.client import Invalid, Tryton, failure
from connectors.tryton.connector import TrytonConnector
from tests.connectors.tryton.server import Crm
from tests.support.foreign import free_port

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("setting", "told"),
    [({"key": "0" * 64}, "does not take the key"), ({"database": "nobody's"}, "database")],
)
async def test_a_wrong_setting_is_told_at_the_start(crm: Crm, setting: dict[str, str], told: str) -> None:
    connector = crm.connector(**setting)
    with pytest.raises(Refused, match=told):
        await connector.open()
    await connector.close()


async def test_a_server_that_is_not_there() -> None:
    tryton = Tryton(f"http://127.0.0.1:{free_port()}", "crm", "key")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await TrytonConnector(tryton).lookup(parse("+13175550142"))  # type: ignore[arg-type]
    await tryton.close()


async def test_what_tryton_refuses_is_told_without_names_and_numbers(crm: Crm) -> None:
    tryton = Tryton(crm.url, "crm", crm.key)
    mechanisms = [["create", [{"type": "phone", "value": "+1 555 555 0142"}]]]
    with pytest.raises(Invalid) as raised:
        await tryton.create("party.party", {"name": "Ann Meadow", "contact_mechanisms": mechanisms}, ["id"])
    assert "Ann" not in raised.value.message
    assert "555" not in raised.value.message
    await tryton.close()


async def test_something_else_at_the_address(crm: Crm) -> None:
    """An answer that is no record's is not taken for an empty one."""
    tryton = Tryton(crm.url, "crm", crm.key)
    tryton._base = f"{crm.url}/"
    with pytest.raises(Failure):
        await tryton.search("", [], ["id"])
    await tryton.close()


@pytest.mark.parametrize(
    ("status", "kind", "wait"),
    [(301, Refused, None), (400, Invalid, None), (401, Refused, None), (403, Refused, None),
     (404, Refused, None), (409, Unavailable, 7), (418, Refused, None), (429, RateLimited, 7),
     (500, Unavailable, 7), (503, Unavailable, 7)],
)  # fmt: skip
def test_what_an_answer_means(status: int, kind: type[Failure], wait: int | None) -> None:
    told = failure(status, httpx.Headers({"Retry-After": "7"}))
    assert type(told) is kind
    assert told.retry_after == wait
    assert failure(status, httpx.Headers({"Retry-After": "soon"})).retry_after is None


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("TRYTON_URL", "tryton.example.com", "TRYTON_URL must be an address"),
        ("TRYTON_URL", "https://admin:secret@tryton.example.com", "TRYTON_URL must be an address"),
        ("TRYTON_WEB_URL", "http://tryton.example.com", "TRYTON_WEB_URL must be an address"),
        ("TRYTON_COUNTRY", "USA", "TRYTON_COUNTRY"),
        ("TRYTON_KEY", "kéy", "TRYTON_KEY"),
    ],
)
def test_a_setting_that_is_wrong_is_named(setting: str, value: str, told: str) -> None:
    values = {one.name: one.default or "" for one in TrytonConnector.settings}
    values |= {
        "TRYTON_URL": "https://tryton.example.com",
        "TRYTON_DATABASE": "crm",
        "TRYTON_KEY": "key",
        setting: value,
    }
    with pytest.raises(ValueError, match=told) as raised:
        TrytonConnector.from_settings(values)
    assert "secret" not in str(raised.value)

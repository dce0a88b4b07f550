"""Tokens, settings, and what goes wrong: told in a way that helps, and never as "not found"."""

from __future__ import annotations

import httpx
import pytest

from connectors.fhir.bearer import Granted
from connectors.fhir.client import Fhir, failure
from connectors.fhir.connector import FhirConnector
from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable
from connectors.kit.phones import Phone, parse
from tests.connectors.fhir.server import Clinic
from tests.support.foreign import free_port

pytestmark = pytest.mark.anyio


def phone() -> Phone:
    found = parse("+13175550142")
    assert found is not None
    return found


async def test_a_token_from_client_credentials(clinic: Clinic) -> None:
    clinic.patient("Ann", "+13175550142")
    connector = clinic.connector(
        token="", token_url=f"{clinic.url}/token", client_id="hum", client_secret=clinic.client_secret
    )
    await connector.open()
    assert len(list(await connector.lookup(phone()))) == 1
    await connector.close()


async def test_a_token_is_renewed_in_time_and_when_it_is_refused(clinic: Clinic) -> None:
    now = [0.0]
    async with httpx.AsyncClient() as http:
        granted = Granted(http, f"{clinic.url}/token", ("hum", clinic.client_secret), lambda: now[0])
        fhir = Fhir(clinic.url, granted, http)
        await fhir.search("Patient", {})
        granted._token = "ended before its time"
        await fhir.search("Patient", {})
        granted._token = "old"
        now[0] = 3600 - 61
        assert await granted.current() == "old"
        now[0] = 3600 - 59
        assert await granted.current() == clinic.token


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"token": "wrong"}, "does not take the token"),
        (
            {"token": "", "client_id": "hum", "client_secret": "wrong", "token_url": "{url}/token"},
            "gives no token",
        ),
        ({"url": "{url}/elsewhere"}, "no FHIR server at this address|answered 400"),
    ],
)
async def test_a_wrong_setting_is_told_at_the_start(
    clinic: Clinic, setting: dict[str, str], told: str
) -> None:
    connector = clinic.connector(**{name: value.format(url=clinic.url) for name, value in setting.items()})
    with pytest.raises(Refused, match=told):
        await connector.open()
    await connector.close()


async def test_a_server_that_is_not_there(clinic: Clinic) -> None:
    connector = clinic.connector(url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await connector.lookup(phone())
    await connector.close()


@pytest.mark.parametrize(
    ("status", "kind", "wait"),
    [(301, Refused, None), (400, Refused, None), (401, Refused, None), (403, Refused, None),
     (404, Refused, None), (422, Refused, None), (429, RateLimited, 7), (500, Unavailable, 7),
     (503, Unavailable, 7)],
)  # fmt: skip
def test_what_an_answer_means(status: int, kind: type[Failure], wait: int | None) -> None:
    outcome = {"issue": [{"diagnostics": "Ann Meadow, +13175550142"}]}
    told = failure(httpx.Response(status, headers={"Retry-After": "7"}, json=outcome))
    assert type(told) is kind
    assert told.retry_after == wait
    assert "Ann" not in told.message


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"FHIR_URL": "fhir.example.com"}, "FHIR_URL must be an address"),
        ({"FHIR_URL": "https://hum:secret@fhir.example.com"}, "FHIR_URL must be an address"),
        ({"FHIR_TOKEN_URL": "https://fhir.example.com/token"}, "needs FHIR_CLIENT_ID and FHIR_CLIENT_SECRET"),
        ({"FHIR_TOKEN": "secret", "FHIR_TOKEN_URL": "https://fhir.example.com/token"}, "only one of them"),
        ({"FHIR_COUNTRY": "USA"}, "FHIR_COUNTRY"),
        ({"FHIR_CALL_SYSTEM": "calls|x"}, "FHIR_CALL_SYSTEM must be a URI"),
    ],
)
def test_a_setting_that_is_wrong_is_named(settings: dict[str, str], told: str) -> None:
    values = {one.name: one.default or "" for one in FhirConnector.settings}
    with pytest.raises(ValueError, match=told) as raised:
        FhirConnector.from_settings(values | {"FHIR_URL": "https://fhir.example.com/r4"} | settings)
    assert "secret" not in str(raised.value)

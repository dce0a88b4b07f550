"""The request as Twilio wants it, over the guarded way out, against the double."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.clock import SystemClock
from gateway.demo.twilio import ACCOUNT_SID, AUTH_TOKEN, TwilioDouble
from gateway.domain.address import AllowedNetworks
from gateway.domain.number_lookup import LINE, NAME, Credentials, Report
from gateway.egress.client import EgressClient
from gateway.lookup.provider import Failed
from gateway.lookup.twilio import Twilio

pytestmark = pytest.mark.anyio

PHONE = "+14155550142"
ACCOUNT = Credentials(ACCOUNT_SID, AUTH_TOKEN)


@pytest.fixture
def double() -> Iterator[TwilioDouble]:
    with TwilioDouble() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    made = EgressClient(AllowedNetworks.parse("127.0.0.0/8"), clock=SystemClock())
    yield made
    await made.close()


async def test_one_get_for_what_is_asked_for(double: TwilioDouble, client: EgressClient) -> None:
    found = await Twilio(client, double.url).ask(ACCOUNT, "acme", PHONE, [LINE, NAME])
    assert isinstance(found, Report)
    assert found.values[NAME] == {"caller_name": "Sergio Suarez"}
    assert found.values[LINE]["line_type"] == "nonFixedVoip"
    [asked] = double.asked
    assert asked.raw_path == "/v2/PhoneNumbers/%2B14155550142"
    assert (asked.phone, asked.fields) == (PHONE, (LINE, NAME))
    assert asked.headers["accept-encoding"] == "identity"
    assert "content-length" not in asked.headers


async def test_only_one_package(double: TwilioDouble, client: EgressClient) -> None:
    found = await Twilio(client, double.url).ask(ACCOUNT, "acme", PHONE, [LINE])
    assert isinstance(found, Report)
    assert list(found.values) == [LINE]
    assert double.charged() == {(PHONE, LINE): 1}


async def test_the_basic_question_names_no_package(double: TwilioDouble, client: EgressClient) -> None:
    found = await Twilio(client, double.url).ask(ACCOUNT, "acme", PHONE, [])
    assert found == Report(True)
    [asked] = double.asked
    assert (asked.fields, double.charged()) == ((), {})


async def test_wrong_credentials_are_told(double: TwilioDouble, client: EgressClient) -> None:
    found = await Twilio(client, double.url).ask(Credentials("AC1", "x"), "acme", PHONE, [LINE])
    assert isinstance(found, Failed)
    assert (found.error, double.refused, double.asked) == ("refused", 1, [])
    assert "auth_token" not in repr(Credentials("AC1", "hidden")) and "hidden" not in repr(ACCOUNT)


async def test_the_guard_stands_before_it(double: TwilioDouble) -> None:
    guarded = EgressClient(AllowedNetworks.parse(""), clock=SystemClock())
    found = await Twilio(guarded, double.url).ask(ACCOUNT, "acme", PHONE, [LINE])
    await guarded.close()
    assert isinstance(found, Failed)
    assert (found.error, found.charged, double.asked) == ("target_denied", False, [])


async def test_a_get_has_no_body_and_the_connection_is_kept(
    double: TwilioDouble, client: EgressClient
) -> None:
    for _ in range(3):
        assert isinstance(await Twilio(client, double.url).ask(ACCOUNT, "acme", PHONE, [LINE]), Report)
    assert len({one.raw_path for one in double.asked}) == 1
    posted = await client.post(
        f"{double.url}/v2/PhoneNumbers/x", body=b"{}", headers=(), timeout=5, org_id="acme"
    )
    assert posted.status_code == 404

"""HubSpot's limits and failures, and wrong settings: said, and never taken for "nobody"."""

from __future__ import annotations

import asyncio

import pytest

from connectors.hubspot.connector import HubSpot as Connector
from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable
from tests.connectors.hubspot.conftest import Connect
from tests.connectors.hubspot.double import HubSpot, Line
from tests.connectors.hubspot.people import DANA, names, phone

pytestmark = pytest.mark.anyio


async def test_ping_changes_nothing(hubspot: HubSpot, connector: Connector) -> None:
    await connector.ping()
    assert hubspot.kinds() == {"GET /crm/v3/objects/contacts": 1}


async def test_a_wrong_token_is_said(hubspot: HubSpot, connect: Connect) -> None:
    connector = connect()
    connector._client._http.headers["Authorization"] = "Bearer pat-na1-mistyped"
    for attempt in (connector.ping(), connector.lookup(phone())):
        with pytest.raises(Refused, match="token") as refused:
            await attempt
        assert "mistyped" not in refused.value.message


async def test_a_busy_office_never_meets_hubspots_limit(hubspot: HubSpot, connector: Connector) -> None:
    """40 lookups at once: those that can be served in time are, the others hear when to come back."""
    results = await asyncio.gather(*(connector.lookup(phone()) for _ in range(40)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(result, RateLimited) and result.retry_after for result in refused)
    assert len(results) - len(refused) >= 8
    assert len(hubspot.requests) == len(results) - len(refused)


async def test_the_control_a_connector_without_pace_meets_it(hubspot: HubSpot, connector: Connector) -> None:
    connector._client._searches._period = 0.0
    results = await asyncio.gather(*(connector.lookup(phone()) for _ in range(40)), return_exceptions=True)
    assert len(hubspot.requests) > len([one for one in results if not isinstance(one, BaseException)])


async def test_calls_being_logged_leave_searches_to_people_on_the_phone(
    hubspot: HubSpot, connector: Connector
) -> None:
    calls = [asyncio.create_task(connector.find_call(f"call_{number}")) for number in range(8)]
    await asyncio.sleep(0)
    await connector.lookup(phone())
    await asyncio.gather(*calls)
    assert [asked.path.split("/")[4] for asked in hubspot.requests].index("contacts") <= 2


SECRETS = (DANA, "3175550142", "Dana", "Quillfeather", "pat-na1")


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "retry_after"),
    [
        (429, {"policyName": "SECONDLY"}, {}, RateLimited, 1),
        (429, {"policyName": "TEN_SECONDLY_ROLLING"}, {}, RateLimited, 10),
        (429, {"policyName": "DAILY"}, {}, RateLimited, 600),
        (429, {}, {"Retry-After": "7"}, RateLimited, 7),
        (429, {}, {"Retry-After": "0"}, RateLimited, 1),
        (429, {}, {"Retry-After": "99999999"}, RateLimited, 3600),
        (429, {}, {"Retry-After": "\u0663"}, RateLimited, 1),
        (500, {"message": "Dana Quillfeather"}, {}, Unavailable, None),
        (503, None, {"Retry-After": "12"}, Unavailable, 12),
        (477, {}, {"Retry-After": "86400"}, Unavailable, 3600),
        (400, {"category": "VALIDATION_ERROR", "message": DANA}, {}, Refused, None),
        (403, {"category": "MISSING_SCOPES", "errors": [{"context": {"requiredScopes": ["a.b.read"]}}]}, {},
         Refused, None),
        (404, {}, {}, Refused, None),
        (302, None, {"Location": "https://elsewhere.example"}, Refused, None),
        (200, {"results": "none"}, {}, Refused, None),
        (200, ["html"], {}, Refused, None),
    ],
)  # fmt: skip
async def test_trouble_is_never_taken_for_nobody(
    hubspot: HubSpot,
    connector: Connector,
    status: int,
    body: object,
    headers: dict[str, str],
    kind: type[Failure],
    retry_after: int | None,
) -> None:
    encoded = {name: value if value.isascii() else "soon" for name, value in headers.items()}
    hubspot.answers(status, body, encoded)
    with pytest.raises(kind) as failed:
        await connector.lookup(phone())
    assert failed.value.retry_after == retry_after
    assert not any(secret in failed.value.message for secret in SECRETS)
    hubspot.complaints.clear()  # these answers are made up


async def test_what_hubspot_names_helps_whoever_reads_the_log(hubspot: HubSpot, connector: Connector) -> None:
    hubspot.answers(400, {
        "category": "VALIDATION_ERROR", "message": "Dana", "correlationId": "aeb5f871-7f07",
        "errors": [
            {"message": DANA, "in": "hs_timestamp"}, {"context": {"propertyName": ["email", DANA + "!"]}},
        ],
    })  # fmt: skip
    with pytest.raises(Refused) as refused:
        await connector.lookup(phone())
    assert refused.value.message == (
        "HubSpot answered 400 VALIDATION_ERROR for email, hs_timestamp (correlation id aeb5f871-7f07)"
    )
    hubspot.complaints.clear()


async def test_after_a_429_hubspot_is_left_alone_for_as_long(hubspot: HubSpot, connector: Connector) -> None:
    hubspot.answers(429, {"policyName": "TEN_SECONDLY_ROLLING"}, {})
    for _ in range(5):
        with pytest.raises(RateLimited):
            await connector.lookup(phone())
    assert len(hubspot.requests) == 1
    hubspot.clock.now += 10
    assert await names(connector) == []
    hubspot.complaints.clear()


async def test_a_broken_connection_is_tried_once_more_and_no_more(
    hubspot: HubSpot, line: Line, connector: Connector
) -> None:
    hubspot.has_contact(firstname="Dana", phone=DANA)
    line.breaks("request lost")
    assert await names(connector) == ["Dana"]
    line.breaks("request lost", times=2)
    with pytest.raises(Unavailable):
        await connector.lookup(phone())


async def test_a_silent_hubspot_is_given_up(line: Line, connector: Connector) -> None:
    line.breaks("silence")
    connector._client._timeout = 0.1
    with pytest.raises(Unavailable, match="in time"):
        await connector.lookup(phone())


GOOD = {
    "HUBSPOT_TOKEN": "pat-na1-secret", "HUBSPOT_URL": "https://api.hubapi.com", "HUBSPOT_PORTAL_ID": "",
    "HUBSPOT_APP_URL": "https://app.hubspot.com", "HUBSPOT_FIELDS": "", "HUBSPOT_COUNTRY": "US",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HUBSPOT_URL", "http://api.hubapi.com"),
        ("HUBSPOT_URL", "api.hubapi.com"),
        ("HUBSPOT_APP_URL", "javascript:alert(1)"),
        ("HUBSPOT_PORTAL_ID", "48/../49"),
        ("HUBSPOT_FIELDS", "vip_level, Last Name"),
        ("HUBSPOT_COUNTRY", "Germany"),
        ("HUBSPOT_TOKEN", "  "),
        ("HUBSPOT_TOKEN", "two words"),
    ],
)
async def test_a_wrong_setting_is_named_and_no_secret_shown(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name) as wrong:
        Connector.from_settings({**GOOD, name: value})
    assert "two words" not in str(wrong.value)


@pytest.mark.parametrize("url", ["https://api.hubapi.com/", "http://127.0.0.1:9999"])
async def test_good_settings_make_a_connector(url: str) -> None:
    connector = Connector.from_settings({**GOOD, "HUBSPOT_URL": url, "HUBSPOT_COUNTRY": "de"})
    assert connector.country == "DE"
    await connector.close()


async def test_every_setting_is_declared_and_the_token_is_secret() -> None:
    declared = {setting.name: setting for setting in Connector.settings}
    assert declared.keys() == GOOD.keys()
    assert [name for name, setting in declared.items() if setting.secret] == ["HUBSPOT_TOKEN"]
    assert [name for name, setting in declared.items() if setting.default is None] == ["HUBSPOT_TOKEN"]

"""The connector against the double: contacts are found, never doubled; calls are logged once and kept up."""

from __future__ import annotations

import asyncio

import pytest

from connectors.hubspot.connector import HubSpot as Connector
from connectors.kit.contract import Call, ContactRef, CreateRequest, Turn
from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable
from connectors.kit.phones import Phone, match, parse
from tests.connectors.hubspot.conftest import Connect
from tests.connectors.hubspot.double import HubSpot, Line, Trouble

pytestmark = pytest.mark.anyio

DANA = "+13175550142"


def phone(text: str = DANA) -> Phone:
    found = parse(text)
    assert found is not None
    return found


async def names(connector: Connector, number: str = DANA) -> list[str]:
    """Who is found, as the kit would see it: candidates that really have the number, oldest first."""
    asked = phone(number)
    found = sorted(await connector.lookup(asked), key=lambda one: one.created)
    return [
        one.contact.name or one.contact.id
        for one in found
        if any(match(asked, stored, connector.country) for stored in one.phones)
    ]


@pytest.mark.parametrize(
    "stored",
    ["+13175550142", "(317) 555-0142", "317.555.0142", "1-317-555-0142", "3175550142", "+1 317 555 0142"],
)
@pytest.mark.parametrize("place", ["phone", "mobilephone"])
async def test_found_in_any_notation_with_one_request(
    hubspot: HubSpot, connector: Connector, stored: str, place: str
) -> None:
    hubspot.has_contact(firstname="Dana", **{place: stored})
    assert await names(connector) == ["Dana"]
    assert hubspot.kinds() == {"POST /crm/v3/objects/contacts/search": 1}


@pytest.mark.parametrize("stored", ["+44 317 555 0142", "+13175550143", "555-0142 ask for Dana", ""])
async def test_another_number_is_nobody(hubspot: HubSpot, connector: Connector, stored: str) -> None:
    hubspot.has_contact(firstname="Dana", phone=stored)
    assert await names(connector) == []


async def test_of_several_the_oldest_comes_first(hubspot: HubSpot, connector: Connector) -> None:
    hubspot.has_contact(firstname="Younger", phone=DANA, long_ago=100)
    hubspot.has_contact(firstname="Older", mobilephone="(317) 555-0142", long_ago=9_000)
    assert await names(connector) == ["Older", "Younger"]


async def test_what_a_contact_shows(hubspot: HubSpot, connect: Connect) -> None:
    made = hubspot.has_contact(
        firstname="Dana", lastname="Quillfeather", email="dana@example.com", phone=DANA, company="Acme",
        jobtitle="Buyer", vip_level="gold",
    )  # fmt: skip
    [found] = await connect(fields=("vip_level",)).lookup(phone())
    contact = found.contact
    assert (contact.id, contact.email, contact.company, contact.title) == (
        made, "dana@example.com", "Acme", "Buyer",
    )  # fmt: skip
    assert contact.url == f"https://app.hubspot.com/contacts/48/record/0-1/{made}"
    assert contact.fields == {"vip_level": "gold"}


async def test_a_contact_just_made_is_found_although_search_does_not_know_it(
    hubspot: HubSpot, connector: Connector
) -> None:
    contact, created = await connector.create(CreateRequest(DANA, name="Dana Quillfeather"))
    assert created
    assert await names(connector) == ["Dana Quillfeather"]
    again, created_again = await connector.create(CreateRequest(DANA, name="Dana"))
    assert (again.id, created_again) == (contact.id, False)
    assert len(hubspot.contacts) == 1
    hubspot.clock.now += 60
    assert await names(connector) == ["Dana Quillfeather"], "then from HubSpot itself"


async def test_the_e_mail_address_of_another_contact_answers_that_contact(
    hubspot: HubSpot, connector: Connector
) -> None:
    there = hubspot.has_contact(firstname="Dana", email="dana@example.com")
    contact, created = await connector.create(CreateRequest(DANA, email="Dana@Example.com"))
    assert (contact.id, contact.name, created) == (there, "Dana", False)
    assert len(hubspot.contacts) == 1
    assert await names(connector) == [], "whose number it is not thereby"


async def test_a_conflict_that_names_nobody_is_looked_for_by_e_mail(
    hubspot: HubSpot, connector: Connector
) -> None:
    there = hubspot.has_contact(firstname="Dana", email="dana@example.com")
    hubspot.answers(409, {"category": "CONFLICT", "correlationId": "x", "message": "taken"})
    contact, created = await connector.create(CreateRequest(DANA, email="dana@example.com"))
    assert (contact.id, created) == (there, False)


@pytest.mark.parametrize("trouble", ["answer lost", "bad gateway", "silence"])
async def test_a_lost_answer_makes_no_second_contact(
    hubspot: HubSpot, line: Line, connector: Connector, trouble: Trouble
) -> None:
    line.breaks(trouble, "/crm/v3/objects/contacts")
    connector._client._timeout = 1.0 if trouble == "silence" else 30.0
    with pytest.raises(Unavailable):
        await connector.create(CreateRequest(DANA, name="Dana"))
    assert len(hubspot.contacts) == 1, "HubSpot did it"
    with pytest.raises(Unavailable) as unsure:
        await connector.create(CreateRequest(DANA, name="Dana"))
    assert unsure.value.retry_after == 30, "nobody can tell yet"
    hubspot.clock.now += 10
    assert await names(connector) == ["Dana"], "which is where the kit looks before it asks for one"


async def test_a_lost_request_is_made_up_for_when_search_can_tell(
    hubspot: HubSpot, line: Line, connector: Connector
) -> None:
    line.breaks("request lost", "/crm/v3/objects/contacts")
    with pytest.raises(Unavailable):
        await connector.create(CreateRequest(DANA))
    hubspot.clock.now += 31
    assert (await connector.create(CreateRequest(DANA)))[1]
    assert len(hubspot.contacts) == 1


async def test_a_caller_who_hangs_up_while_a_contact_is_made_makes_no_second(
    hubspot: HubSpot, line: Line, connector: Connector
) -> None:
    line.breaks("silence", "/crm/v3/objects/contacts")
    making = asyncio.create_task(connector.create(CreateRequest(DANA)))
    while not hubspot.contacts:
        await asyncio.sleep(0)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    with pytest.raises(Unavailable):
        await connector.create(CreateRequest(DANA))
    assert len(hubspot.contacts) == 1


async def test_a_refused_contact_may_be_tried_again_at_once(hubspot: HubSpot, connector: Connector) -> None:
    hubspot.answers(400, {"category": "VALIDATION_ERROR", "correlationId": "x", "message": "no"})
    with pytest.raises(Refused):
        await connector.create(CreateRequest(DANA))
    assert (await connector.create(CreateRequest(DANA)))[1]


CALL = Call(
    "call_1", direction="inbound", from_=DANA, to="+13175550100", started_at="2026-11-20T21:01:12.040Z",
    duration_seconds=12.5, status="completed", summary="Moved her <b>cleaning</b>.",
    transcript=[Turn("caller", "Hi", 1.0)], revision=1,
)  # fmt: skip


async def test_a_call_becomes_one_activity_of_one_contact(hubspot: HubSpot, connector: Connector) -> None:
    first = hubspot.has_contact(firstname="Dana", phone=DANA)
    hubspot.has_contact(firstname="Same number", phone=DANA)
    activity = await connector.log_call(CALL, ContactRef(first, DANA), None)
    assert [*hubspot.calls] == [activity]
    call = hubspot.calls[activity]
    assert call.associations == [(first, 194)]
    assert call.properties | {"hs_call_body": ""} == {
        "hs_timestamp": "1795208472040",
        "hs_call_title": f"Inbound call from {DANA}",
        "hs_call_body": "",
        "hs_call_duration": "12500",
        "hs_call_direction": "INBOUND",
        "hs_call_status": "COMPLETED",
        "hs_call_from_number": DANA,
        "hs_call_to_number": "+13175550100",
        "hs_call_external_id": "call_1",
    }
    assert "Moved her &lt;b&gt;cleaning&lt;/b&gt;." in call.properties["hs_call_body"]


async def test_a_late_recording_and_further_facts_come_to_the_same_activity(
    hubspot: HubSpot, connector: Connector
) -> None:
    activity = await connector.log_call(CALL, None, None)
    late = Call("call_1", recording_url="https://r.example/1.mp3", tags=["reviewed"], revision=2)
    assert await connector.log_call(late, None, activity) == activity
    [call] = hubspot.calls.values()
    assert call.properties["hs_call_recording_url"] == "https://r.example/1.mp3"
    assert call.properties["hs_call_duration"] == "12500", "what an update does not say stays"
    body = call.properties["hs_call_body"]
    assert all(text in body for text in ("reviewed", "Moved her", "[0:01] Caller: Hi"))


async def test_an_update_leaves_alone_what_a_person_wrote(hubspot: HubSpot, connector: Connector) -> None:
    activity = await connector.log_call(CALL, None, None)
    hubspot.calls[activity].properties["hs_call_body"] = (
        "<p>I called back.</p>" + hubspot.calls[activity].properties["hs_call_body"]
    )
    await connector.log_call(Call("call_1", summary="Shorter."), None, activity)
    body = hubspot.calls[activity].properties["hs_call_body"]
    assert body.startswith("<p>I called back.</p>") and "Shorter." in body and "Moved her" not in body


async def test_an_update_that_says_nothing_asks_for_nothing(hubspot: HubSpot, connector: Connector) -> None:
    activity = await connector.log_call(CALL, None, None)
    hubspot.requests.clear()
    assert await connector.log_call(Call("call_1", revision=3), None, activity) == activity
    assert hubspot.requests == []


async def test_a_contact_known_later_is_associated_then_and_no_other_after_it(
    hubspot: HubSpot, connector: Connector
) -> None:
    activity = await connector.log_call(CALL, None, None)
    dana, other = hubspot.has_contact(phone=DANA), hubspot.has_contact(phone=DANA)
    for contact_id in (dana, dana, other):
        await connector.log_call(CALL, ContactRef(contact_id, DANA), activity)
    assert hubspot.calls[activity].associations == [(dana, 194)]


async def test_a_call_that_a_person_deleted_stays_deleted(hubspot: HubSpot, connector: Connector) -> None:
    activity = await connector.log_call(CALL, None, None)
    hubspot.calls.clear()
    for update in (CALL, Call("call_1", recording_url="https://r.example/1.mp3")):
        assert await connector.log_call(update, ContactRef("501"), activity) == activity
    assert hubspot.calls == {}


async def test_a_call_is_found_by_its_id_without_a_ledger(
    hubspot: HubSpot, connector: Connector, connect: Connect
) -> None:
    assert await connector.find_call("call_1") is None
    activity = await connector.log_call(CALL, None, None)
    hubspot.clock.now += 10
    assert await connect().find_call("call_1") == activity
    assert await connect().find_call("call_2") is None


async def test_a_lost_answer_makes_no_second_activity(
    hubspot: HubSpot, line: Line, connector: Connector
) -> None:
    line.breaks("answer lost", "/crm/v3/objects/calls")
    with pytest.raises(Unavailable):
        await connector.log_call(CALL, None, None)
    assert await connector.find_call("call_1") is None, "search does not know it yet"
    with pytest.raises(Unavailable) as unsure:
        await connector.log_call(CALL, None, None)
    assert unsure.value.retry_after == 30
    hubspot.clock.now += 20
    activity = await connector.find_call("call_1")
    assert await connector.log_call(CALL, None, activity) == activity
    assert [*hubspot.calls] == [activity]


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

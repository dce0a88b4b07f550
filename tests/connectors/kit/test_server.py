"""The four endpoints: what is taken, what is refused in which words, what HUM hears of a CRM's trouble."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from connectors.kit import requests
from connectors.kit.connector import Connector
from connectors.kit.contract import Contact
from connectors.kit.failures import Failure, NotSupported, RateLimited, Refused, Unavailable
from connectors.kit.phones import WITHHELD
from connectors.kit.server import application
from connectors.kit.signing import PATHS
from connectors.kit.trial import SECRET, Trial
from tests.connectors.kit.crm import ANN, Crm, fails_with, never

pytestmark = pytest.mark.anyio

EVENTS = sorted(PATHS)
BODIES: dict[str, dict[str, Any]] = {
    "contact.lookup": {"phone": "+13175550142"},
    "contact.create": {"phone": "+13175550199"},
    "call.sync": {"call": {"id": "call_1"}},
    "ping": {},
}
METHODS = {"contact.lookup": "lookup", "contact.create": "create", "call.sync": "log_call", "ping": "ping"}


@pytest.fixture
def crm() -> Crm:
    return Crm()


@pytest.fixture
async def hum(crm: Crm) -> AsyncIterator[Trial]:
    async with Trial(crm) as trial:
        yield trial


class TestAnswers:
    async def test_found(self, hum: Trial) -> None:
        answer = await hum.lookup("+13175550142")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert answer.body == {
            "found": True,
            "contact": {"id": "1", "name": "Ann Example", "phone": "+13175550142"},
            "matches": 1,
            "match": "suffix",
        }

    async def test_not_found(self, hum: Trial) -> None:
        answer = await hum.lookup("+13175550199")
        assert (answer.status, answer.body) == (200, {"found": False})

    @pytest.mark.parametrize(
        "phone", ["", "anonymous", "911", "sip:1001@pbx", "+13175550142' OR 1=1 --", *WITHHELD]
    )
    async def test_a_number_that_is_nobodys_is_not_looked_up(self, hum: Trial, crm: Crm, phone: str) -> None:
        answer = await hum.lookup(phone)
        assert (answer.status, answer.body) == (200, {"found": False})
        assert "lookup" not in crm.asked

    async def test_created_and_then_found(self, hum: Trial) -> None:
        answer = await hum.create("+13175550199", "Zoe Example")
        assert (answer.status, answer.body["created"]) == (201, True)
        assert answer.body["contact"]["phone"] == "+13175550199"
        found = await hum.lookup("+13175550199")
        assert found.body["contact"]["id"] == answer.body["contact"]["id"]

    async def test_logged(self, hum: Trial, crm: Crm) -> None:
        answer = await hum.log_call({"id": "call_1", "summary": "Hello"}, {"id": "1"})
        assert answer.status == 200
        assert list(answer.body) == ["activity_id"]
        assert list(crm.calls) == [answer.body["activity_id"]]

    async def test_a_crm_without_calls(self, hum: Trial, crm: Crm) -> None:
        crm.before["log_call"] = fails_with(NotSupported("an address book"))
        answer = await hum.log_call({"id": "call_1"})
        assert (answer.status, answer.body) == (200, {"activity_id": None, "skipped": "not_supported"})

    async def test_ping_asks_the_crm_and_changes_nothing(self, hum: Trial, crm: Crm) -> None:
        answer = await hum.ping()
        assert (answer.status, answer.body) == (200, {"ok": True, "name": "crm", "version": "1"})
        assert crm.asked == ["open", "ping"]

    async def test_health_needs_no_secret_and_no_crm(self, crm: Crm) -> None:
        crm.before["open"] = never
        transport = httpx.ASGITransport(application(crm, [SECRET]))
        async with httpx.AsyncClient(transport=transport, base_url="http://connector") as client:
            answer = await client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"ok": True})


class TestRequests:
    @pytest.mark.parametrize("event", EVENTS)
    @pytest.mark.parametrize("header", ["Authorization", "X-HUM-Signature"])
    async def test_both_proofs_are_needed_everywhere(
        self, hum: Trial, crm: Crm, event: str, header: str
    ) -> None:
        answer = await hum.send(event, BODIES[event], headers={header: ""})
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.body["error"].startswith("bearer" if header == "Authorization" else "signature")
        assert set(answer.body) == {"error", "message"}
        assert SECRET not in json.dumps(answer.body)
        assert crm.asked == ["open"]

    async def test_whose_request_it_is_comes_before_what_it_says(self, hum: Trial) -> None:
        wrong = {"Authorization": "Bearer x", "X-HUM-Event": "ping", "Content-Type": "text/plain"}
        assert (await hum.send("contact.lookup", b"{", headers=wrong)).status == 401

    @pytest.mark.parametrize("event", EVENTS)
    @pytest.mark.parametrize("said", ["contact.delete", "", "PING", *EVENTS])
    async def test_the_event_belongs_to_the_path(self, hum: Trial, event: str, said: str) -> None:
        answer = await hum.send(event, BODIES[event], headers={"X-HUM-Event": said})
        if said == event:
            assert answer.status < 300
        else:
            assert (answer.status, answer.body["error"]) == (400, "event_mismatch")
            assert event in answer.body["message"]

    @pytest.mark.parametrize(
        "kind", ["text/plain", "", "application/jsonx", "application/x-www-form-urlencoded"]
    )
    async def test_other_media_types(self, hum: Trial, kind: str) -> None:
        answer = await hum.send("ping", {}, headers={"Content-Type": kind})
        assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")

    async def test_parameters_of_the_media_type_are_fine(self, hum: Trial) -> None:
        answer = await hum.send("ping", {}, headers={"Content-Type": "Application/JSON; charset=utf-8"})
        assert answer.status == 200

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"{}x", b"\xff", b'{"phone":"\xff"}', b"{'a':1}", b'{"a":NaN}', b"[" * 100_000,
         b'{"a":' * 600 + b"1" + b"}" * 600],
        ids=["empty", "open", "rest", "byte", "text", "quotes", "nan", "deep", "objects"],
    )  # fmt: skip
    async def test_what_is_no_json(self, hum: Trial, body: bytes) -> None:
        answer = await hum.send("contact.lookup", body)
        assert (answer.status, answer.body["error"]) in ((400, "invalid_json"), (422, "invalid_request"))

    @pytest.mark.parametrize(
        ("event", "body", "message"),
        [
            ("contact.lookup", {}, "phone: is missing"),
            ("contact.lookup", {"phone": 13175550142}, "phone: expected str, got int"),
            ("contact.lookup", {"phone": None}, "phone: is missing"),
            ("contact.create", {"phone": "+13175550199", "name": ["Z"]}, "name: expected str, got array"),
            ("contact.create", {"phone": "anonymous"}, "phone: not a number that"),
            ("call.sync", {}, "call: is missing"),
            ("call.sync", {"call": {}}, "call.id: is missing"),
            ("call.sync", {"call": {"id": ""}}, "call.id: expected str of length >= 1"),
            ("call.sync", {"call": {"id": "c", "revision": -1}}, "call.revision: expected int >= 0"),
            ("call.sync", {"call": {"id": "c", "revision": 10**30}}, "call.revision: "),
            ("call.sync", {"call": {"id": "c", "transcript": [{"role": "x"}]}}, "call.transcript[0].text"),
            ("ping", b"[]", "the body is not an object"),
        ],
    )  # fmt: skip
    async def test_a_wrong_field_is_named(self, hum: Trial, event: str, body: Any, message: str) -> None:
        answer = await hum.send(event, body)
        assert (answer.status, answer.body["error"]) == (422, "invalid_request")
        assert answer.body["message"].startswith(message)

    async def test_what_hum_adds_one_day_is_ignored_and_null_is_absent(self, hum: Trial, crm: Crm) -> None:
        call = {
            "id": "call_1", "mood": {"deep": [1]}, "key_points": None, "agent": {"id": None, "x": 1},
            "outcome": {"paid": None}, "transcript": [{"role": "agent", "text": "Hi", "at": None, "x": 0}],
        }  # fmt: skip
        assert (await hum.log_call(call)).status == 200
        (told, _), *_ = crm.told
        assert (told.key_points, told.outcome, told.transcript[0].at) == ([], {"paid": None}, None)

    async def test_a_large_body_is_refused_before_it_is_read(self, hum: Trial) -> None:
        allowed = b'{"x":"' + b"x" * (requests.LONGEST_BODY - 8) + b'"}'
        assert (await hum.send("ping", allowed)).status == 200
        assert (await hum.send("ping", allowed + b" ")).status == 413

    async def test_a_large_body_without_a_length_is_refused_too(self, crm: Crm) -> None:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b" " * 65_536

        transport = httpx.ASGITransport(application(crm, [SECRET]))
        async with httpx.AsyncClient(transport=transport, base_url="http://connector") as client:
            answer = await client.post("/ping", content=parts())
        assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")

    @pytest.mark.parametrize("path", PATHS.values())
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
    async def test_post_only(self, crm: Crm, path: str, method: str) -> None:
        transport = httpx.ASGITransport(application(crm, [SECRET]))
        async with httpx.AsyncClient(transport=transport, base_url="http://connector") as client:
            answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    @pytest.mark.parametrize("path", ["/", "/contacts/", "/contacts/lookup/", "//ping", "/v1/ping"])
    async def test_another_path_is_never_not_found_in_hums_sense(self, crm: Crm, path: str) -> None:
        transport = httpx.ASGITransport(application(crm, [SECRET]))
        async with httpx.AsyncClient(transport=transport, base_url="http://connector") as client:
            answer = await client.post(httpx.URL("http://connector").copy_with(raw_path=path.encode()))
        assert (answer.status_code, answer.json()["error"]) == (404, "endpoint_missing")
        assert "found" not in answer.json()


def _crm_answered(status: int, **headers: str) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "https://crm.example/contacts?phone=%2B13175550142")
    response = httpx.Response(status, headers=headers, request=request)
    return httpx.HTTPStatusError("+13175550142", request=request, response=response)


class _Gone(Failure):
    status = 404
    code = "gone"


TROUBLE: list[tuple[Exception, int, str, str | None]] = [
    (Unavailable("down for maintenance", retry_after=60), 503, "crm_unavailable", "60"),
    (Unavailable("down"), 503, "crm_unavailable", None),
    (RateLimited("slower", retry_after=10**9), 429, "crm_rate_limited", "3600"),
    (Refused("the token has expired"), 502, "crm_refused", None),
    (_Gone("not there"), 502, "gone", None),
    (_crm_answered(404), 502, "crm_failed", None),
    (_crm_answered(410), 502, "crm_failed", None),
    (_crm_answered(400), 502, "crm_failed", None),
    (_crm_answered(302), 502, "crm_failed", None),
    (_crm_answered(401), 502, "crm_refused", None),
    (_crm_answered(403), 502, "crm_refused", None),
    (_crm_answered(429, **{"Retry-After": "7"}), 429, "crm_rate_limited", "7"),
    (_crm_answered(429, **{"Retry-After": "1_0"}), 429, "crm_rate_limited", None),
    (_crm_answered(503, **{"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}), 503, "crm_unavailable", "0"),
    (_crm_answered(500, **{"Retry-After": "soon"}), 503, "crm_unavailable", None),
    (httpx.ReadTimeout("+13175550142"), 504, "crm_timeout", None),
    (TimeoutError(), 504, "crm_timeout", None),
    (httpx.ConnectError("+13175550142"), 503, "crm_unavailable", None),
    (ConnectionResetError("+13175550142"), 503, "crm_unavailable", None),
    (httpx.DecodingError("+13175550142"), 502, "crm_failed", None),
    (httpx.InvalidURL("+13175550142"), 502, "crm_failed", None),
    (sqlite3.OperationalError("disk full"), 503, "ledger_unavailable", "5"),
    (NotImplementedError(), 501, "not_supported", None),
    (KeyError("+13175550142"), 500, "connector_failed", None),
    (ValueError("whsec_x +13175550142"), 500, "connector_failed", None),
]


class TestTrouble:
    @pytest.mark.parametrize("event", EVENTS)
    @pytest.mark.parametrize(
        ("error", "status", "code", "wait"),
        TROUBLE,
        ids=[f"{type(row[0]).__name__}-{row[2]}" for row in TROUBLE],
    )
    async def test_no_trouble_of_a_crm_looks_like_an_answer(
        self, hum: Trial, crm: Crm, event: str, error: Exception, status: int, code: str, wait: str | None
    ) -> None:
        crm.before[METHODS[event]] = fails_with(error)
        answer = await hum.send(event, BODIES[event])
        assert (answer.status, answer.body["error"]) == (status, code)
        assert answer.headers.get("retry-after") == wait
        assert set(answer.body) == {"error", "message"}
        assert "317555" not in answer.body["message"]

    async def test_what_a_connector_has_not_is_not_supported(self) -> None:
        class Bare(Connector):
            async def lookup(self, phone: Any) -> list[Any]:
                return []

        async with Trial(Bare()) as hum:
            assert (await hum.create("+13175550199")).status == 501
            assert (await hum.ping()).status == 501
            skipped = await hum.log_call({"id": "call_1"})
            assert (skipped.status, skipped.body["skipped"]) == (200, "not_supported")

    async def test_an_answer_that_hum_would_not_read(self) -> None:
        large = Contact("1", phone="+13175550142", notes="x" * 2**20)
        async with Trial(Crm([large])) as hum:
            answer = await hum.lookup("+13175550142")
        assert (answer.status, answer.body["error"]) == (500, "answer_too_large")

    async def test_a_contact_against_the_contract(self) -> None:
        broken = Contact("1", phone="+13175550142", fields={"when": object()})
        async with Trial(Crm([broken])) as hum:
            answer = await hum.lookup("+13175550142")
        assert (answer.status, answer.body["error"]) == (500, "answer_invalid")


class TestDeadline:
    async def test_what_nobody_waits_for_is_broken_off(self, hum: Trial, crm: Crm) -> None:
        crm.before["lookup"] = never
        answer = await hum.lookup("+13175550142", deadline_ms=60)
        assert (answer.status, answer.body["error"]) == (504, "crm_timeout")
        assert crm.cancelled == ["lookup"]

    @pytest.mark.parametrize("left", [0, -5])
    async def test_what_is_too_late_is_not_begun(self, hum: Trial, crm: Crm, left: int) -> None:
        answer = await hum.lookup("+13175550142", deadline_ms=left)
        assert (answer.status, answer.body["error"]) == (504, "deadline_passed")
        assert "lookup" not in crm.asked

    @pytest.mark.parametrize("said", ["", "soon", "1e3", "1_0", "9" * 30])
    async def test_a_deadline_that_says_nothing_is_none(self, hum: Trial, said: str) -> None:
        headers = {"X-HUM-Deadline-Ms": said}
        answer = await hum.send("contact.lookup", {"phone": "+13175550142"}, headers=headers)
        assert answer.status == 200


class TestOpening:
    async def test_a_crm_that_is_down_at_the_start_is_tried_again(self, crm: Crm) -> None:
        crm.before["open"] = fails_with(Unavailable("not up yet"))
        async with Trial(crm) as hum:
            assert (await hum.lookup("+13175550142")).status == 503
            del crm.before["open"]
            assert (await hum.lookup("+13175550142")).status == 200
            await asyncio.gather(*(hum.lookup("+13175550142") for _ in range(5)))
            assert crm.opened == 1
        assert crm.opened == 0

    async def test_a_fault_of_the_connector_stops_the_start(self, crm: Crm) -> None:
        crm.before["open"] = fails_with(ValueError("no such field"))
        with pytest.raises(ValueError, match="no such field"):
            async with Trial(crm):
                pass

    @pytest.mark.parametrize("secrets", [[], [""], "whsec_x"])
    def test_no_secret_no_application(self, crm: Crm, secrets: Any) -> None:
        with pytest.raises(ValueError, match="secrets"):
            application(crm, secrets)


class TestLog:
    async def test_one_line_for_each_request_and_nothing_personal(
        self, hum: Trial, crm: Crm, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="hum.connector")
        await hum.send("contact.lookup", {"phone": ANN.phone}, delivery="dlv_1")
        await hum.send("contact.create", {"phone": "+13175550199", "name": "Zoe"}, delivery="dlv_2")
        await hum.send("call.sync", {"call": {"id": "call_9", "summary": "secret"}}, delivery="dlv_3")
        await hum.send("ping", {}, delivery="dlv_4", headers={"Authorization": "Bearer +13175550142"})
        lines = [record.getMessage() for record in caplog.records if record.name == "hum.connector"]
        assert [line.split(" ms=")[0] for line in lines] == [
            "delivery=dlv_1 event=contact.lookup status=200",
            "delivery=dlv_2 event=contact.create status=201",
            "delivery=dlv_3 event=call.sync status=200",
            "delivery=- event=ping status=401",
        ]
        assert lines[-1].endswith(" error=bearer_wrong")
        for personal in ("317", "Ann", "Zoe", "secret", SECRET):
            assert personal not in caplog.text

    async def test_a_fault_is_told_by_its_place_and_not_by_its_words(
        self, hum: Trial, crm: Crm, caplog: pytest.LogCaptureFixture
    ) -> None:
        crm.before["lookup"] = fails_with(KeyError("Ann of +13175550142"))
        assert (await hum.lookup("+13175550142")).status == 500
        assert "KeyError" in caplog.text
        assert "crm.py:" in caplog.text
        assert "Ann of" not in caplog.text

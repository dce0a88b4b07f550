"""What Twilio says, by its own worked examples, and everything that is not an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway import fixture_files
from gateway.domain.exchange import Exchange
from gateway.domain.number_lookup import LINE, NAME, Package, Report
from gateway.lookup.answers import read
from gateway.lookup.provider import Failed

PHONE = "+14159929960"
EXAMPLES = fixture_files.twilio_examples()


def exchange(body: Any, status: int = 200, **fields: Any) -> Exchange:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange(0, 1, status, response_body=content, **fields)


def both(**changes: Any) -> dict[str, Any]:
    """An answer to a question for both packages."""
    return (
        EXAMPLES["fetchCallerName"]
        | {"line_type_intelligence": EXAMPLES["fetchLineTypeIntelligence"]["line_type_intelligence"]}
        | changes
    )


def report(found: Report | Failed) -> Report:
    assert isinstance(found, Report), found
    return found


def failed(found: Report | Failed) -> Failed:
    assert isinstance(found, Failed), found
    return found


@pytest.mark.parametrize(
    ("example", "asked", "values"),
    [
        ("fetchCallerName", NAME, {"caller_name": "Sergio Suarez"}),
        (
            "fetchLineTypeIntelligence",
            LINE,
            {"line_type": "nonFixedVoip", "carrier": "Twilio - SMS/MMS-SVR"},
        ),
    ],
)
def test_a_package_as_twilio_shows_it(example: str, asked: Package, values: dict[str, str]) -> None:
    found = report(read(exchange(EXAMPLES[example]), PHONE, [asked]))
    assert (found.valid, found.values, found.errors) == (True, {asked: values}, {})


def test_a_number_that_does_not_exist_is_an_answer() -> None:
    found = report(read(exchange(EXAMPLES["fetchInvalid"]), "+141599299600", [LINE, NAME]))
    assert (found.valid, found.values, found.errors) == (False, {}, {})


@pytest.mark.parametrize(
    ("code", "word"), [(60601, "not_approved"), (60607, "not_covered"), (60600, "package_failed")]
)
def test_an_error_of_one_package_leaves_the_other(code: int, word: str) -> None:
    answer = both(line_type_intelligence={"error_code": code, "type": None, "carrier_name": None})
    found = report(read(exchange(answer), PHONE, [LINE, NAME]))
    assert found.values == {NAME: {"caller_name": "Sergio Suarez"}}
    assert found.errors == {LINE: word}


def test_who_has_no_name_has_none() -> None:
    answer = both(caller_name={"caller_name": None, "caller_type": None, "error_code": None})
    assert report(read(exchange(answer), PHONE, [NAME])).values == {NAME: {}}


def test_a_text_is_one_line_of_what_can_be_seen() -> None:
    name = "Ada\r\n# Ex\u202eample\x00 \ud83d " + "x" * 1000
    answer = both(caller_name={"caller_name": name, "error_code": None})
    value = report(read(exchange(answer), PHONE, [NAME])).values[NAME]["caller_name"]
    assert value.startswith("Ada # Example xxx") and len(value) == 250
    assert value.encode().isascii()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "invalid_json"),
        (b"<html>", "invalid_json"),
        (b'{"valid": true, "valid": true}', "invalid_json"),
        (b'{"valid": NaN}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[]", "invalid_answer"),
        (both(valid=None), "invalid_answer"),
        (both(valid=1), "invalid_answer"),
        (both(caller_name=None), "invalid_answer"),
        (both(caller_name="Ada"), "invalid_answer"),
        (both(caller_name={"caller_name": 7}), "invalid_answer"),
        (both(caller_name={"caller_name": ["a"], "error_code": None}), "invalid_answer"),
        (both(caller_name={"caller_name": "a", "error_code": "60601"}), "invalid_answer"),
        (both(line_type_intelligence={"type": {}, "carrier_name": None}), "invalid_answer"),
        (both(phone_number="+14159929961"), "wrong_number"),
        (both(phone_number=None), "wrong_number"),
    ],
)
def test_what_is_no_answer(body: Any, word: str) -> None:
    found = failed(read(exchange(body), PHONE, [LINE, NAME]))
    assert (found.error, found.charged) == (word, True)
    assert "Suarez" not in found.detail and "4159929960" not in found.detail


@pytest.mark.parametrize(
    ("status", "word", "charged"),
    [
        (401, "refused", False),
        (403, "forbidden", False),
        (404, "http_status", False),
        (429, "rate_limited", False),
        (302, "http_status", False),
        (500, "http_status", True),
        (503, "http_status", True),
    ],
)
def test_other_statuses_are_failures(status: int, word: str, charged: bool) -> None:
    found = failed(read(exchange(both(), status), PHONE, [LINE]))
    assert (found.error, found.status, found.charged) == (word, status, charged)


@pytest.mark.parametrize(
    ("status", "body", "word", "code"),
    [
        (401, {"code": 20003}, "refused", 20003),
        (403, {"code": 20003}, "forbidden", 20003),
        (401, {"code": 20005}, "suspended", 20005),
        (403, {"code": 20005}, "suspended", 20005),
        (401, {"code": True}, "refused", None),
        (401, {"code": "20005"}, "refused", None),
        (401, {"code": 10**9}, "refused", None),
        (403, [], "forbidden", None),
        (401, b"<html>", "refused", None),
        (401, b"", "refused", None),
    ],
)
def test_whom_it_does_not_serve_is_told_from_whom_it_does_not_know(
    status: int, body: Any, word: str, code: int | None
) -> None:
    found = failed(read(exchange(body, status), PHONE, []))
    assert (found.error, found.status, found.code, found.charged) == (word, status, code, False)


def test_nothing_that_is_sold_need_be_asked_for() -> None:
    found = report(read(exchange(EXAMPLES["fetch"]), EXAMPLES["fetch"]["phone_number"], []))
    assert (found.valid, found.values, found.errors) == (True, {}, {})


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7_000), ("999999999999", 60_000), ("٣", None), ("-1", None), ("soon", None), ("1.5", None)],
)
def test_how_long_it_wants_to_be_left_alone(header: str, wait: int | None) -> None:
    found = read(exchange({}, 429, response_headers=[("retry-after", header)]), PHONE, [LINE])
    assert failed(found).wait_ms == wait


def test_what_happens_on_the_wire_keeps_its_word() -> None:
    for error, charged in (("timeout", True), ("reset", True), ("connect_refused", False), ("tls", False)):
        found = failed(read(Exchange(0, 1, error=error), PHONE, [LINE]))  # type: ignore[arg-type]
        assert (found.error, found.charged) == (error, charged)
    assert failed(read(exchange(both(), response_truncated=True), PHONE, [LINE])).error == "too_large"

"""The check's reading of answers, against `fixtures/connector/answers.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.kit.conformance import expect
from connectors.kit.conformance.exchange import Answer, Exchange
from connectors.kit.conformance.request import Request
from connectors.kit.conformance.verdict import Failed, Skipped

ANSWERS = Path(__file__).parents[3] / "fixtures" / "connector" / "answers.json"


def vectors() -> list[dict[str, Any]]:
    return json.loads(ANSWERS.read_text("utf-8"))["vectors"]


def answer_of(vector: dict[str, Any], *, strict: bool = True) -> Answer:
    exchange = Exchange(Request("/", (), b""), "http://connector/")
    return Answer(exchange, vector["status"], (), vector["body"].encode(), 0.0, strict)


def read(answer: Answer, event: str) -> tuple[str, str | None]:
    """The verdict, and the id that belongs to it."""
    try:
        if event == "contact.lookup":
            if expect.says_not_found(answer):
                expect.not_found(answer)
                return "not_found", None
            return "found", expect.found(answer)["id"]
        if event == "contact.create":
            contact, made = expect.created(answer)
            return ("created" if made else "existed"), contact["id"]
        if event == "call.sync":
            activity = expect.logged(answer)
            return ("logged" if activity else "skipped"), activity
        expect.alive(answer)
        return "alive", None
    except (Failed, Skipped):
        return "error", None


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "compatible"])
@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["name"])
def test_answers_are_read_as_everywhere(vector: dict[str, Any], strict: bool) -> None:
    verdict, own_id = read(answer_of(vector, strict=strict), vector["event"])
    assert verdict == vector["verdict"]
    assert own_id == vector.get("contact_id", vector.get("activity_id"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"found": false, "found": true}',
        b'{"found": false, "x": NaN}',
        b'{"found": false, "x": 1e999}',
        b'\xff{"found": false}',
        b"[" * 100_000,
    ],
)
def test_what_two_readers_could_read_differently_is_no_answer(body: bytes) -> None:
    exchange = Exchange(Request("/", (), b""), "http://connector/")
    answer = Answer(exchange, 200, (), body, 0.0, strict=False)
    assert not answer.is_object
    with pytest.raises(Failed, match="JSON"):
        expect.not_found(answer)

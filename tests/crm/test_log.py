"""What is kept of a direct call holds both sides of it, and no secret, however the connector repeats it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from gateway.crm import log
from gateway.crm.answers import Failed
from gateway.crm.wire import Said, Try, build
from gateway.domain.exchange import Exchange
from gateway.domain.secret import Secret
from gateway.store.cipher import Cipher
from gateway.store.connector_requests import Record, open_record
from tests.store.conftest import NOW, make_connector

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD = "a foreign secret of before"
CONNECTOR = make_connector(
    secrets=(Secret("sec_2", SECRET, NOW), Secret("sec_1", OLD, NOW - 9, True, ends_at=NOW - 1))
)
CIPHER = Cipher("acme", 1, b"k" * 32)
BODY = b'{"phone":"+13175550123"}'


def said(**exchange: Any) -> Said:
    request = build(
        CONNECTOR, "contact.lookup", BODY, delivery_id="dlv_1", message_id="dlv_1", now=NOW, cdn_loop="x"
    )
    return Said("contact.lookup", "dlv_1", (Try(request, Exchange(NOW, 41, **exchange)),))


def kept(call: Said, failed: Failed | None = None) -> Record:
    [row] = log.rows(CIPHER, CONNECTOR, call, failed, None)
    made: Any = row
    record = open_record(CIPHER, made)
    assert record is not None
    return record


def test_both_sides_are_kept() -> None:
    call = said(status_code=200, response_headers=[("Content-Type", "text/x")], response_body=b"{}")
    [row] = log.rows(CIPHER, CONNECTOR, call, Failed("invalid_answer", "found: must be"), b"p")
    assert (row.kind, row.delivery_id, row.at, row.duration_ms) == ("lookup", "dlv_1", NOW, 41)
    assert (row.status_code, row.error, row.person) == (200, "invalid_answer", b"p")
    assert row.revision_id == CONNECTOR.revision_id
    record = kept(call)
    assert (record.request_body, record.response_body) == (BODY, b"{}")
    assert record.response_headers == [("Content-Type", "text/x")]
    sent = dict(record.request_headers)
    assert sent["Authorization"] == "Bearer [secret]"
    assert sent["X-HUM-Signature"] == call.tries[0].request.signatures[0]


@pytest.mark.parametrize("secret", [SECRET, OLD], ids=["live", "ended"])
@pytest.mark.parametrize(
    "spelled",
    [str, lambda s: base64.b64encode(s.encode()).decode(), lambda s: quote(s, safe=""), json.dumps],
    ids=["raw", "base64", "url", "json"],
)
def test_a_secret_that_is_repeated_is_masked(secret: str, spelled: Any) -> None:
    shown = spelled(secret)
    call = said(status_code=401, response_headers=[("X-Got", shown)], response_body=f"got {shown}!".encode())
    text = repr(kept(call, Failed("refused", f"said {shown}")))
    assert shown.strip('"') not in text
    assert text.count("[secret]") == 4  # bearer, header, body, detail


def test_long_bodies_are_cut_behind_the_mask() -> None:
    padding = b"x" * (16 * 1024 - 20)
    record = kept(said(status_code=200, response_body=padding + SECRET.encode() + b"y" * 99))
    assert record.response_truncated
    assert len(record.response_body) == 16 * 1024
    assert SECRET[:12].encode() not in record.response_body


def test_every_exchange_of_a_call_has_its_row() -> None:
    first, last = said(status_code=401), said(status_code=200, response_body=b"{}")
    rows = log.rows(CIPHER, CONNECTOR, Said("ping", "dlv_1", first.tries + last.tries), None, None)
    assert [(row.kind, row.status_code, row.error) for row in rows] == [
        ("ping", 401, "refused"),
        ("ping", 200, None),
    ]
    assert {row.delivery_id for row in rows} == {"dlv_1"}
    assert len({row.id for row in rows}) == 2


@pytest.mark.parametrize("before", range(0, 400, 7))
def test_no_half_secret_is_left_where_a_long_answer_is_cut(before: int) -> None:
    for body in ((SECRET + "-") * 2_000, "x" * (16 * 1024 - before) + SECRET + "y" * 5_000):
        kept_body = kept(said(status_code=200, response_body=b"z" * before + body.encode())).response_body
        assert SECRET[:9].encode() not in kept_body
        assert len(kept_body) <= 16 * 1024


def test_a_secret_that_came_during_the_call_is_masked() -> None:
    late = "whsec_" + base64.b64encode(b"late" * 8).decode()
    call = replace(said(status_code=200, response_body=late.encode()), secrets=(late,))
    assert kept(call).response_body == b"[secret]"

"""Log lines: one per record, parseable, and without anything personal."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gateway.logs import configure, fields, mask

LOG = logging.getLogger("gateway.test")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_text_is_time_level_logger_message_and_fields(stream: io.StringIO) -> None:
    configure("info", "text", stream)
    record = LOG.makeRecord(
        "gateway.test",
        logging.INFO,
        "",
        0,
        "attempt",
        (),
        None,
        extra=fields(delivery="dlv_1", status=200, reason=None, note="two words"),
    )
    record.created = 1795208709.123
    LOG.handle(record)
    assert stream.getvalue() == (
        "2026-11-20T21:05:09.123Z INFO    gateway.test  attempt  "
        'delivery=dlv_1 status=200 reason=- note="two words"\n'
    )


def test_json_keeps_types_and_plain_extra(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    LOG.info("attempt %s", 2, extra={"status": 200, "hosts": ["a"]})
    line = json.loads(stream.getvalue())
    assert line["message"] == "attempt 2"
    assert (line["level"], line["status"], line["hosts"]) == ("info", 200, ["a"])


@pytest.mark.parametrize("style", ["text", "json"])
def test_names_that_logging_reserves_can_be_fields(stream: io.StringIO, style: str) -> None:
    configure("info", style, stream)
    LOG.info("key made", extra=fields(name="crm", message="own"))
    assert "crm" in stream.getvalue()
    assert "own" in stream.getvalue()


@pytest.mark.parametrize("style", ["text", "json"])
def test_secrets_and_phones_are_masked_everywhere(stream: io.StringIO, style: str) -> None:
    configure("info", style, stream)
    try:
        raise ValueError("bad secret\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw for +13175550123")
    except ValueError:
        LOG.exception(
            "caller %s", "+13175550123", extra=fields(key="hum_live_abc-DEF_123", q="?to=%2B13175550123")
        )
    text = stream.getvalue()
    for secret in ("MfKQ", "abc-DEF", "317555"):
        assert secret not in text
    assert text.count("…23") == 4  # message, field, and the traceback's source line and error
    assert text.count("\n") == 1
    assert "ValueError" in text


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_line_break_in_a_value_cannot_forge_a_record(stream: io.StringIO, style: str) -> None:
    configure("info", style, stream)
    LOG.info("hello\n2026-01-01 forged", extra=fields(note="a\nb\x1b[31m"))
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_mask_leaves_ids_and_times_alone() -> None:
    text = "evt_01k1234567890 2026-11-20T21:05:09.123+01:00 whk_1 1795208709123"
    assert mask(text) == text


def test_level(stream: io.StringIO) -> None:
    configure("warning", "text", stream)
    LOG.info("unseen")
    LOG.warning("seen")
    assert "seen" in stream.getvalue()
    assert "unseen" not in stream.getvalue()


def test_uvicorn_goes_through_it_without_its_access_lines(stream: io.StringIO) -> None:
    configure("info", "text", stream)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").warning("Trouble", extra={"color_message": "\x1b[36mTrouble"})
    logging.getLogger("uvicorn.access").info('"GET /api/contacts/+13175550123"')
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("uvicorn.error  Trouble\n")

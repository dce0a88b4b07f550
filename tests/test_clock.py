"""Times on the wire: written in one form, read strictly."""

from __future__ import annotations

import contextlib
import importlib.util
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.clock import SystemClock, format_time, parse_time

FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999
moments = st.integers(FIRST, LAST)


@given(moments)
@example(FIRST)
@example(LAST)
@example(0)
@example(-1)
@example(-1000)
@example(-1001)
def test_what_is_written_can_be_read(moment: int) -> None:
    text = format_time(moment)
    assert len(text) == len("2026-11-20T21:05:09.123Z")
    assert parse_time(text) == moment
    assert datetime.fromisoformat(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize("moment", [-1, -1000, 0, 999, LAST])
def test_the_first_time_it_writes_nothing_is_remembered(moment: int) -> None:
    spec = importlib.util.find_spec("gateway.clock")
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert parse_time(fresh.format_time(moment)) == moment


@given(st.lists(st.integers(NOW := 1_795_208_709_000, NOW + 3000), max_size=20))
def test_the_remembered_second_is_the_right_one(some: list[int]) -> None:
    for moment in some:
        at = datetime.fromtimestamp(moment // 1000, UTC)
        assert format_time(moment) == f"{at:%Y-%m-%dT%H:%M:%S}.{moment % 1000:03}Z"


@given(st.datetimes(timezones=st.timezones() | st.just(timezone(timedelta(hours=-23, minutes=-59)))))
@example(datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1))))
@example(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
def test_any_offset_is_the_same_moment_or_refused(at: datetime) -> None:
    try:
        moment = parse_time(at.isoformat())
    except ValueError as error:
        assert str(error).startswith("must be a time of the years")
        assert at.year in (1, 9999)
        return
    expected = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert moment == expected
    assert parse_time(format_time(moment)) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.999Z", -1), ("1970-01-01T00:00:00.0019Z", 1), ("1970-01-01T00:00:00-00:00", 0),
        ("2026-11-20T21:05:09.123456789Z", 1_795_208_709_123), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
    ],
)  # fmt: skip
def test_known_moments(text: str, moment: int) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-20", "2026-11-20T21:05:09", "2026-11-20 21:05:09Z", "1795208709", "21:05:09Z",
     "2026-02-30T00:00:00Z", "2026-11-20T24:00:01Z", "2026-11-20T21:05:61Z", "2026-13-01T00:00:00Z",
     "2026-11-20T21:05:09+25:00", "٢026-11-20T21:05:09Z", "2026-11-20T21:05:09Ｚ", "99999-01-01T00:00:00Z",
     "2026-11-20T21:05:09Z\n", " 2026-11-20T21:05:09Z", "T", "0000-01-01T00:00:00Z",
     "2026-11-20T21:05:09Z" + "0" * 30],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


@given(st.text(max_size=45))
def test_no_text_crashes_it(text: str) -> None:
    with contextlib.suppress(ValueError):
        format_time(parse_time(text))


def test_the_machines_clock() -> None:
    clock = SystemClock()
    before, at = clock.now(), clock.monotonic()
    assert abs(before / 1000 - datetime.now(UTC).timestamp()) < 60
    assert clock.monotonic() >= at


@pytest.mark.anyio
async def test_sleeping_no_time_at_all_returns() -> None:
    await SystemClock().sleep(0)

"""Tables: what stays whole on a narrow terminal, and what is left out."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len

from gateway.cli.deliveries import COLUMNS
from gateway.cli.output import Column, Json, fit, member, print_table, short_time, show_bytes

DELIVERY = {
    "id": "dlv_01k9h2w3ytabcdefghjkmnpqrs",
    "event_type": "appointment.rescheduled",
    "target": {"type": "webhook", "id": "whk_01k9h2w3ytabcdefghjkmnpqrs"},
    "status": "failed",
    "reason": "exhausted",
    "attempts_made": 10,
    "last_error": "target_unreachable",
    "created_at": "2026-11-20T23:48:21.123Z",
    "next_attempt_at": None,
}
WAITING = DELIVERY | {
    "event_type": "sms.received",
    "status": "pending",
    "reason": None,
    "last_error": "connect_refused",
    "next_attempt_at": "2026-11-20T23:58:21.123Z",
}


def shown(capsys: pytest.CaptureFixture[str], rows: list[Json], width: int | None) -> list[str]:
    print_table(rows, COLUMNS, width)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("rows", [[DELIVERY], [WAITING], [DELIVERY, WAITING]])
def test_what_matters_is_never_broken(
    capsys: pytest.CaptureFixture[str], rows: list[Json], width: int
) -> None:
    lines = shown(capsys, rows, width)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) == 2 + len(rows)
    for line, row in zip(lines[2:], rows, strict=True):
        assert {row["id"], row["status"], row["last_error"]} <= set(line.split())
    assert "\u2026" not in "".join(lines)


def test_a_narrow_terminal_still_tells_the_next_attempt(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda *_: "2026")
    header, _, line = shown(capsys, [WAITING], 80)
    assert "next attempt" in header
    assert "target" not in header
    assert "-20 23:58:21" in line


def test_a_pipe_gets_everything(capsys: pytest.CaptureFixture[str]) -> None:
    row = DELIVERY | {"event_type": "x" * 500}
    line = shown(capsys, [row], None)[2]
    assert {"x" * 500, DELIVERY["created_at"], "whk_01k9h2w3ytabcdefghjkmnpqrs"} <= set(line.split())


def test_an_elastic_column_gets_what_is_left() -> None:
    columns = [Column("id", member("id")), Column("url", member("url"), 1, elastic=True)]
    assert fit(columns, [30, 100], set(), 80) == [(0, 30), (1, 48)]
    assert fit(columns, [30, 10], set(), 80) == [(0, 30), (1, 10)]
    assert fit(columns, [30, 100], set(), 40) == [(0, 30)]
    assert fit(columns, [90, 100], set(), 80) == [(0, 90)]


def test_a_time_of_another_year_names_it() -> None:
    assert short_time("2026-11-20T23:48:21.123Z", "2026") == "11-20 23:48:21"
    assert short_time("2027-02-18T23:48:21.123Z", "2026") == "2027-02-18 23:48"
    assert short_time("call.completed", "2026") == "call.completed"


class Pipe(io.BytesIO):
    """Takes three bytes at once."""

    def write(self, data: object) -> int:
        return super().write(bytes(data)[:3])  # type: ignore[call-overload]


def test_a_file_is_written_whole_to_an_output_that_takes_little_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe = Pipe()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(pipe))
    show_bytes([b"name,phone\n", b"", b"Ada Example,+13175550142\n"])
    assert pipe.getvalue() == b"name,phone\nAda Example,+13175550142\n"

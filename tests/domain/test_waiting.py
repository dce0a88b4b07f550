"""Why a delivery waits: one reason for each way to wait, the one that lasts longest of several."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.delivery import DUE_QUEUE, later_queue
from gateway.domain.ordering import behind
from gateway.domain.waiting import Why, waiting
from gateway.domain.webhook import Webhook

NOW = 1_795_208_709_123
HOUR = 3_600_000
WEBHOOK = Webhook(
    id="whk_1", org_id="acme", position=1, revision_id="rev_1", url="https://example.com/", secrets=(),
    timeout_ms=15_000, events=("*",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("queue", "due_at", "settings", "held_until", "silent", "why"),
    [
        (DUE_QUEUE, NOW + HOUR, {}, 0, False, Why.TIME),
        (DUE_QUEUE, NOW + HOUR, {}, 0, True, Why.TIME),
        (DUE_QUEUE, NOW - 1, {}, 0, False, Why.TURN),
        (DUE_QUEUE, NOW + HOUR, {}, NOW + HOUR, False, Why.HOLD),
        (DUE_QUEUE, NOW + 2 * HOUR, {}, NOW + HOUR, False, Why.TIME),
        (DUE_QUEUE, NOW + HOUR, {}, NOW - 1, False, Why.TIME),
        ("whk_1", NOW - HOUR, {}, NOW + HOUR, True, Why.HOLD),
        ("whk_1", NOW + HOUR, {}, NOW - 1, False, Why.TURN),
        ("whk_1", NOW, {}, 0, True, Why.NO_ANSWER),
        ("whk_1", NOW, {"rate_limit_per_second": 5}, 0, False, Why.RATE),
        ("whk_1", NOW, {"rate_limit_per_second": 5}, 0, True, Why.NO_ANSWER),
        (later_queue("whk_1"), NOW, {}, 0, False, Why.TURN),
        (behind("whk_1"), NOW, {"ordered": True}, 0, False, Why.ORDER),
        (behind("whk_1"), NOW, {"ordered": True}, NOW + HOUR, False, Why.HOLD),
        (DUE_QUEUE, NOW + HOUR, {"status": "disabled", "disabled_reason": "gone"}, 0, False, Why.DISABLED),
        ("whk_1", NOW, {"status": "disabled", "disabled_reason": "failing"}, NOW + 1, True, Why.DISABLED),
    ],
)
def test_what_it_waits_for(
    queue: str, due_at: int, settings: dict[str, Any], held_until: int, silent: bool, why: Why
) -> None:
    target = WEBHOOK.changed(**settings)
    found = waiting(queue, due_at, target, held_until=held_until, silent=silent, now=NOW)
    assert found.why is why
    assert found.until == {Why.HOLD: held_until, Why.TIME: due_at}.get(why)


@pytest.mark.parametrize(
    ("queue", "settings", "held_until", "message"),
    [
        (DUE_QUEUE, {}, 0, "its time: the next attempt is at 2026-11-20T22:05:09.123Z"),
        (
            "whk_1", {}, NOW + 1000,
            "the webhook is held until 2026-11-20T21:05:10.123Z: its receiver has asked for that pause",
        ),
        (
            "whk_1",
            {"status": "disabled", "disabled_reason": "gone"},
            0,
            "the webhook is disabled (gone): enable it",
        ),
        (
            "whk_1", {"rate_limit_per_second": 5}, 0,
            "its turn: the webhook takes at most 5 a second, oldest first",
        ),
    ],
)  # fmt: skip
def test_it_says_so_in_a_sentence(
    queue: str, settings: dict[str, Any], held_until: int, message: str
) -> None:
    target = WEBHOOK.changed(**settings)
    found = waiting(queue, NOW + HOUR, target, held_until=held_until, silent=False, now=NOW)
    assert found.message == message

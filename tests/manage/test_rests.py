"""How long a job rests between its parts: longer beside events."""

from __future__ import annotations

import pytest

from gateway.manage.jobs import REST_BESIDE_TRAFFIC_SECONDS, SHORTEST_REST, rest_after


@pytest.mark.parametrize(
    ("took", "busy", "rest"),
    [
        (0.0, False, SHORTEST_REST),
        (0.01, False, 0.03),
        (5.0, False, 15.0),
        (0.004, True, REST_BESIDE_TRAFFIC_SECONDS),
        (2.0, True, 6.0),  # but never has more than a quarter of the time
    ],
)
def test_it_rests_longer_beside_events(took: float, busy: bool, rest: float) -> None:
    assert rest_after(took, busy) == pytest.approx(rest)

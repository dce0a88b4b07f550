"""Metrics: what a scrape shows."""

from __future__ import annotations

import asyncio

from gateway.metrics import DUPLICATE_CAUSES, OUTCOMES, Metrics


def test_series_known_beforehand_start_at_zero() -> None:
    page = Metrics().render().decode()
    for outcome in OUTCOMES:
        assert f'hum_gateway_attempts_total{{outcome="{outcome}"}} 0.0' in page
    for cause in DUPLICATE_CAUSES:
        assert f'hum_gateway_duplicates_possible_total{{cause="{cause}"}} 0.0' in page


def test_counts_show_in_the_page_of_their_own_registry_only() -> None:
    one, other = Metrics("1.2.3"), Metrics()
    one.events_accepted.labels("api").inc(3)
    one.batch_size.labels("ingest").observe(200)
    page = one.render().decode()
    assert 'hum_gateway_events_accepted_total{source="api"} 3.0' in page
    assert 'hum_gateway_batch_size_bucket{kind="ingest",le="200.0"} 1.0' in page
    assert 'version="1.2.3"' in page
    assert 'source="api"' not in other.render().decode()


class _LateClock:
    """Wakes the sleeper 0.3 s late, twice; then cancels."""

    def __init__(self) -> None:
        self.time = 0.0
        self.sleeps = 0

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        if self.sleeps > 2:
            raise asyncio.CancelledError
        self.time += seconds + 0.3


def test_loop_lag_is_how_late_the_sleeper_woke() -> None:
    metrics = Metrics()

    async def watch() -> None:
        try:
            await metrics.watch_loop_lag(_LateClock())
        except asyncio.CancelledError:
            return

    asyncio.run(watch())
    assert metrics.registry.get_sample_value("hum_gateway_loop_lag_seconds_count") == 2
    assert metrics.registry.get_sample_value("hum_gateway_loop_lag_seconds_bucket", {"le": "0.25"}) == 0
    assert metrics.registry.get_sample_value("hum_gateway_loop_lag_seconds_bucket", {"le": "0.5"}) == 2

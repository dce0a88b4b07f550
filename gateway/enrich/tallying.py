"""What is counted of each answer about a caller: for the metrics of this node, and for the organization's
dial (`domain.dial`), each source and each caller once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.domain.dial import FAILED, FOUND, KNOWN, NOT_FOUND, NOT_KNOWN, callers_of, timed
from gateway.domain.resolution import Heard, Resolution
from gateway.enrich.hearing import Hearing, News
from gateway.metrics import Metrics
from gateway.store.stats import HOUR_MS, Key


class Tally:
    """Counts for one node. Children of metrics are looked up once: that takes longer than counting."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._sources: dict[tuple[str, str, str], Any] = {}
        self._answers: dict[tuple[str, str], Any] = {}

    def answer(self, answer: Resolution, seconds: float, deadline: float) -> None:
        """The answer in time."""
        key = (answer.status, answer.freshness)
        counter = self._answers.get(key)
        if counter is None:
            counter = self._answers[key] = self._metrics.caller_resolves.labels(*key)
        counter.inc()
        self._metrics.caller_resolve_seconds.observe(seconds)
        self._metrics.caller_deadline_share.observe(seconds / deadline)

    def late(self, answer: Resolution) -> None:
        self._metrics.caller_late_answers.labels(answer.status).inc()

    def sources(self, org_id: str, asked_at: int, hearing: Hearing) -> Sequence[Key]:
        """What those have said who were not counted yet; what is to be added to the statistics of the hour in
        which the caller was asked for."""
        hour = asked_at - asked_at % HOUR_MS
        keys: list[Key] = []
        first: float | None = None
        for news in hearing.news():
            self._measure(news)
            if news.heard.outcome == "found" and (first is None or news.seconds < first):
                first = news.seconds
            if news.source.startswith("cnr_"):
                keys.append((news.source, hour, _word(news), org_id))
        if not hearing.known and first is not None:
            hearing.known = True
            keys.append((callers_of(org_id), hour, timed(KNOWN, first), org_id))
        elif not hearing.known and not hearing.waiting:
            keys.append((callers_of(org_id), hour, NOT_KNOWN, org_id))
        return keys

    def _measure(self, news: News) -> None:
        key = (news.kind, news.heard.outcome, "kept" if news.kept else "asked")
        histogram = self._sources.get(key)
        if histogram is None:
            histogram = self._sources[key] = self._metrics.caller_source_seconds.labels(*key)
        histogram.observe(news.seconds)


def _word(news: News) -> str:
    """The counter of a connector; an old answer in place of one that failed is a failure."""
    heard: Heard = news.heard
    if heard.outcome == "failed" or heard.error is not None:
        return FAILED
    return timed(FOUND if heard.outcome == "found" else NOT_FOUND, news.seconds)

"""Filters of webhooks: a condition over the event, said in a part of JMESPath, decided at ingest.

    wanted = compile_filter("data.direction == 'inbound' && data.duration_seconds > `60`")
    reading = Reading(event)          # one for all webhooks: decodes once, and only if a filter asks
    reading.matches(wanted)
    reading.explain(wanted)           # why, for a person

How it works, file by file: `filter_tokens` and `filter_syntax` make nodes of a text, `filter_nodes` says what
each is for an event, `filter_values` what JSON values mean, `filter_explain` puts it into words. The page for
those who write filters is `docs/filters.md`. When a filter is asked is the business of ingest and of replays.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from gateway.clock import format_time
from gateway.domain.event import API_VERSION, Event
from gateway.domain.filter_explain import Explanation, explain
from gateway.domain.filter_nodes import Envelope, Path, walk
from gateway.domain.filter_syntax import parse
from gateway.domain.filter_tokens import FilterError
from gateway.domain.filter_values import MAX_STEPS, Undecided, Work, decode, is_true
from gateway.errors import InvalidRequest

# All filters of one event together may take as many steps as two may alone. When these are used up, each that
# follows still has its share, with which every filter over an event of ordinary size gets by.
MAX_STEPS_OF_ALL: Final = 2 * MAX_STEPS
STEPS_OF_EACH: Final = 200


class Filter:
    """A compiled filter. Immutable, and free of any event: one serves all.

    `paths` are those it reads of the envelope; `needs_data` is whether any of them goes into `data`.
    """

    __slots__ = ("_root", "needs_data", "paths", "text")

    def __init__(self, text: str) -> None:
        """Raises FilterError when the text is none."""
        self.text = text
        self._root = parse(text)
        self.paths = frozenset(
            node.steps for node in walk(self._root) if isinstance(node, Path) and node.base is None
        )
        self.needs_data = any(path[0] == "data" for path in self.paths)

    def matches(self, envelope: Envelope, work: Work | None = None) -> bool:
        """Whether the event is wanted. Never raises: a filter that has no answer does not match."""
        try:
            return is_true(self._root.value(envelope, work or Work()))
        except Undecided:
            return False

    def explain(self, envelope: Envelope, *, payload: bool = True) -> Explanation:
        """Why it matches or not; without `payload`, no value of the event is told."""
        return explain(self._root, envelope, payload=payload)


@lru_cache(maxsize=4096)
def compile_filter(text: str) -> Filter:
    """The filter; the same text is compiled once. Raises InvalidRequest for the field `filter`, with the
    column and what was expected there."""
    try:
        return Filter(text)
    except FilterError as error:
        raise InvalidRequest.field("filter", str(error)) from None


def check_filter(text: str) -> None:
    """Raises ValueError with a sentence for a person when `text` is no filter."""
    Filter(text)


class Reading:
    """One event as filters read it; its data is decoded when the first of them asks, once for all."""

    __slots__ = ("_data_read", "_envelope", "_event", "_steps_left")

    def __init__(self, event: Event) -> None:
        self._event = event
        self._envelope: dict[str, Any] | None = None
        self._data_read = False
        self._steps_left: float = MAX_STEPS_OF_ALL

    def matches(self, wanted: Filter | None) -> bool:
        """Whether the event passes the filter; without one, every event does. All that are asked through one
        reading share its steps, so that many costly ones cost no more than two."""
        if wanted is None:
            return True
        work = Work(max(min(MAX_STEPS, self._steps_left), STEPS_OF_EACH))
        matches = wanted.matches(self.envelope(data=wanted.needs_data), work)
        self._steps_left -= min(work.used, work.limit)
        return matches

    def explain(self, wanted: Filter, *, payload: bool = True) -> Explanation:
        return wanted.explain(self.envelope(), payload=payload)

    def envelope(self, *, data: bool = True) -> Envelope:
        """What receivers get as JSON, decoded; `data` may be left out for filters that do not need it."""
        event = self._event
        if self._envelope is None:
            self._envelope = {
                "id": event.id,
                "type": event.type,
                "timestamp": format_time(event.timestamp),
                "org_id": event.org_id,
                "api_version": API_VERSION,
            }
        if data and not self._data_read:
            self._envelope["data"] = decode(event.data)
            self._data_read = True
        return self._envelope

"""What a person asks for with a test delivery, and what it carries.

Nothing of it is stored as an event: the type names the sample, and the sample is always the same.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict

from gateway.domain import own_types
from gateway.domain.event import Event

WEBHOOK_TEST: Final = "webhook.test"
_SAMPLE: Final = {"message": "A test of this webhook, sent because somebody asked for it."}


def _known(text: str) -> str:
    if text != WEBHOOK_TEST and own_types.known(text) is None:
        raise ValueError(f"must be {WEBHOOK_TEST} or a type that GET /api/event-types lists")
    return text


class WebhookTest(BaseModel):
    """`POST /api/webhooks/{id}/test`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    type: Annotated[str, AfterValidator(_known)] = WEBHOOK_TEST


def sample_of(event_type: str) -> dict[str, Any]:
    """The data of a test delivery. Raises KeyError or FileNotFoundError for a type that has none."""
    if event_type == WEBHOOK_TEST:
        return dict(_SAMPLE)
    data: dict[str, Any] = own_types.example(event_type)["data"]
    return data


def test_event(event_id: str, org_id: str, event_type: str, at: int) -> Event:
    """The event of a test delivery: there is no row of it, and its envelope says what it is."""
    return Event(event_id, org_id, event_type, at, msgspec.json.encode(sample_of(event_type)), test=True)

"""How often the database is spoken to: the figure that group commit and direct hand-over stand for."""

from __future__ import annotations

import pytest

from tests.support.node import running_node
from tests.support.receiver import Receiver

EVENTS = 5_000
BATCH = 100
CEILING = 0.1


def _batch(first: int) -> dict[str, object]:
    events = [{"type": "load.event", "data": {"number": first + i}} for i in range(BATCH)]
    return {"events": events}


@pytest.mark.anyio
@pytest.mark.proof
async def test_statements_per_delivered_event_stay_below_a_tenth(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        await node.webhook(receiver.url())
        await node.send()
        await receiver.wait_for(1, timeout=10)
        counter = node.gateway.metrics.sql_statements
        before = counter._value.get()
        for first in range(0, EVENTS, BATCH):
            answer = await node.call("POST", "/api/events/batch", json=_batch(first))
            assert answer.status_code == 202
        await receiver.wait_for(EVENTS + 1, timeout=60)
        await node.gateway.records.idle()
        batched = (counter._value.get() - before) / EVENTS
        assert len({dict(r.headers)["webhook-id"] for r in receiver.requests}) == EVENTS + 1

        # Control: the same count catches events that do not share transactions.
        before = counter._value.get()
        for number in range(1, 21):
            await node.send()
            await receiver.wait_for(EVENTS + 1 + number, timeout=10)
            await node.gateway.records.idle()
        one_by_one = (counter._value.get() - before) / 20
    kind = "sqlite" if any_database.startswith("sqlite") else "postgresql"
    print(f"I1 {kind}: statements per delivered event {batched:.3f} in batches, {one_by_one:.1f} one by one")
    assert batched <= CEILING < one_by_one

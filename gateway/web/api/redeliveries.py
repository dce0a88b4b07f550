"""Sending again, and not sending: `/api/deliveries/{id}/redeliver` and `/cancel`, and ranges of a webhook."""

from __future__ import annotations

from gateway.domain.addressee import Kind, kind_of
from gateway.domain.job import (
    DeliveryCancel,
    DeliveryRedeliver,
    JobKind,
    RangeRequest,
    RedeliverRequest,
    RetryRequest,
    Span,
)
from gateway.errors import NotFound
from gateway.web import answers, shapes
from gateway.web.call import Answer, Call
from gateway.web.operation import Operation


async def redeliver_delivery(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        made = await services.redeliveries.redeliver(tx, call.the_org, call.path["id"])
    return Answer(shapes.delivery(made), 202)


async def cancel_delivery(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        cancelled = await services.redeliveries.cancel(tx, call.the_org, call.path["id"])
    return Answer(shapes.delivery(cancelled))


async def redeliver_range(call: Call) -> Answer:
    return await order_range(call, JobKind.REDELIVER, "webhook")


async def replay_range(call: Call) -> Answer:
    return await order_range(call, JobKind.REPLAY, "webhook")


async def order_range(call: Call, kind: JobKind, of: Kind) -> Answer:
    """A job over a range of what a webhook or connector was owed, or with `dry_run` how much it would be."""
    return await _order(call, kind, of, Span.of(call.model, call.services.clock.now()))


async def retry_webhook(call: Call) -> Answer:
    return await order_retry(call, "webhook")


async def order_retry(call: Call, of: Kind) -> Answer:
    """A job that tries at once what waits for its next attempt, or with `dry_run` how much that is."""
    return await _order(call, JobKind.RETRY, of, Span(0))


async def _order(call: Call, kind: JobKind, of: Kind, span: Span) -> Answer:
    services, org, target_id = call.services, call.the_org, call.path["id"]
    if kind_of(target_id) != of:
        raise NotFound(f"there is no {of} {target_id}")
    if call.model.dry_run:
        matched: answers.DryRun = {
            "matched": await services.redeliveries.count(org, target_id, kind, span),
        }
        return Answer(matched)
    actor = call.principal.actor or call.principal.key_id
    async with services.transaction() as tx:
        job = await services.redeliveries.order(tx, org, target_id, kind, span, actor)
    call.audit.details["job_id"] = job.id
    return Answer(shapes.job(job), 202)


_REFUSALS = ("webhook_deleted", "webhook_disabled")
_OF_CONNECTORS = ("connector_deleted", "connector_disabled")

OPERATIONS = (
    Operation(
        "POST", "/api/deliveries/{id}/redeliver", "redeliverDelivery", redeliver_delivery, "operator",
        "manage", "write", "Send the event of a delivery once more.", model=DeliveryRedeliver,
        of_platform=True, answers={202: answers.Delivery},
        errors=("payload_expired", "test_delivery", *_REFUSALS, *_OF_CONNECTORS),
        note="A new delivery with the same `webhook-id`, to the present URL and with the present secret of "
        "the webhook or connector. A delivery that is still pending goes on as well: cancel it if it is not "
        "to be sent twice.",
    ),
    Operation(
        "POST", "/api/deliveries/{id}/cancel", "cancelDelivery", cancel_delivery, "operator", "manage",
        "write", "Do not send a delivery any more.", of_platform=True, model=DeliveryCancel,
        answers={200: answers.Delivery}, errors=("delivery_over",),
        note="An attempt that is on the wire is not broken off: it is kept, and changes nothing any more.",
    ),
    Operation(
        "POST", "/api/webhooks/{id}/redeliver", "redeliverWebhook", redeliver_range, "operator", "manage",
        "write", "Send again all events whose latest delivery to the webhook failed, or others of a range.",
        model=RedeliverRequest, answers={202: answers.Job, 200: answers.DryRun},
        errors=(*_REFUSALS, "job_running"),
        note="Answers a job, or with `dry_run` how many events match: all conditions together. What it makes "
        "goes oldest first, and after everything else that the webhook is owed.",
    ),
    Operation(
        "POST", "/api/webhooks/{id}/replay", "replayWebhook", replay_range, "operator", "manage", "write",
        "Send the events that match the webhook and never had a delivery to it.", model=RangeRequest,
        answers={202: answers.Job, 200: answers.DryRun}, errors=(*_REFUSALS, "job_running"),
        note="For a new webhook, for types that were added later, and for the time in which a person had "
        "disabled it. Otherwise as the redelivery of a range.",
    ),
    Operation(
        "POST", "/api/webhooks/{id}/retry", "retryWebhook", retry_webhook, "operator", "manage", "write",
        "Try at once the deliveries to the webhook that wait for their next attempt.", model=RetryRequest,
        answers={202: answers.Job, 200: answers.DryRun}, errors=(*_REFUSALS, "job_running"),
        note="For a receiver that is well again. Answers a job, or with `dry_run` how many deliveries wait. "
        "Their schedule goes on from there: an attempt that fails has used one of its steps. A hold is not "
        "ended by this.",
    ),
)  # fmt: skip

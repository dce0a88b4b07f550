"""`/api/webhooks/{id}/rotate-secret`."""

from __future__ import annotations

from gateway.domain.webhook import RotationFinish, SecretRotate
from gateway.manage import rotations as manage
from gateway.store import health
from gateway.web import answers, shapes
from gateway.web.call import Answer, Call
from gateway.web.operation import Operation


async def rotate_secret(call: Call) -> Answer:
    services, now = call.services, call.services.clock.now()
    async with services.transaction() as tx:
        webhook, fresh = await manage.rotate(
            tx, call.the_org, call.path["id"], call.model, services.announce, now
        )
        known = await health.latest(tx.conn, [webhook.id])
    shown = shapes.webhook(webhook, known.get(webhook.id), whole=call.principal.sees_secrets_of_urls, now=now)
    # Shown now and never again; one that the customer brought along is not repeated at all.
    content: answers.NewWebhook = {**shown, "secret": None if fresh.imported else fresh.value}
    return Answer(content)


async def finish_rotation(call: Call) -> Answer:
    services, now = call.services, call.services.clock.now()
    async with services.transaction() as tx:
        webhook = await manage.finish(tx, call.the_org, call.path["id"], now)
        known = await health.latest(tx.conn, [webhook.id])
    whole = call.principal.sees_secrets_of_urls
    return Answer(shapes.webhook(webhook, known.get(webhook.id), whole=whole, now=now))


OPERATIONS = (
    Operation(
        "POST", "/api/webhooks/{id}/rotate-secret", "rotateSecret", rotate_secret, "admin", "manage", "write",
        "Give a webhook a new secret; the answer shows it, this once.", model=SecretRotate,
        answers={200: answers.NewWebhook}, errors=("rotation_in_progress",),
        note="During the grace period `webhook-signature` carries the signatures of both secrets. "
        "`X-HUM-Signature` carries one: of the secret that the receiver accepted last, at first the old one, "
        "from half of the period on the new one. A receiver that refuses it (401 or 403; 400, 422 and 500 "
        "unless it has accepted that secret in this period) is asked once more with the other secret, within "
        "the same attempt. A grace period of 0 is for a leaked secret: the old one signs nothing more.",
    ),
    Operation(
        "POST", "/api/webhooks/{id}/rotate-secret/finish", "finishRotation", finish_rotation, "admin",
        "manage", "write", "End a grace period now: the old secret signs nothing more.", model=RotationFinish,
        answers={200: answers.Webhook}, note="A webhook without a rotation under way stays as it is.",
    ),
)  # fmt: skip

"""`POST /api/webhooks/{id}/test`: one delivery now, to see whether the receiver works."""

from __future__ import annotations

from gateway.domain.trial import WebhookTest
from gateway.errors import NotFound
from gateway.store import webhooks as rows
from gateway.web import answers
from gateway.web.call import Answer, Call
from gateway.web.operation import Operation


async def test_webhook(call: Call) -> Answer:
    services, org = call.services, call.the_org
    cipher = org.organization.cipher
    async with call.reading() as conn:
        webhook = await rows.find(conn, cipher, org.id, call.path["id"])
    if webhook is None:
        raise NotFound(f"there is no webhook {call.path['id']}")
    result = await services.trials.send(webhook, cipher, call.model.type)
    body = result.response_body.decode("utf-8", "replace")
    content: answers.TestResult = {
        "ok": result.ok,
        "status_code": result.status_code,
        "duration_ms": result.duration_ms,
        "error": result.error,
        "error_detail": result.error_detail,
        "response_body": body if call.principal.reads_payloads else None,
        "delivery_id": result.delivery_id,
    }
    return Answer(content)


OPERATIONS = (
    Operation(
        "POST", "/api/webhooks/{id}/test", "testWebhook", test_webhook, "operator", "manage", "write",
        "Send one sample now, and say what came back.", model=WebhookTest, org="one", waits=True,
        answers={200: answers.TestResult},
        note="Also while the webhook is disabled or held. The envelope has `\"test\": true`, the request "
        "`X-HUM-Test: true`. It is not tried again, stands in the history as a delivery with `test`, and "
        "counts nowhere. One at a time for a webhook and 5 a second for an organization, then 429.",
    ),
)  # fmt: skip

"""`/api/platform/webhooks`: the platform's own, over all organizations or listed ones.

They are webhooks of an organization that nobody can name, so the handlers of `/api/webhooks` serve them, with
that as the organization of the request (`web.operation`); no other finds them or their deliveries.
"""

from __future__ import annotations

from typing import Any

from gateway.domain.job import RangeRequest, RedeliverRequest, RetryRequest
from gateway.domain.platform_webhook import PlatformWebhookCreate, PlatformWebhookUpdate
from gateway.domain.trial import WebhookTest
from gateway.domain.webhook import RotationFinish, SecretRotate, WebhookDisable, WebhookEnable, WebhookRelease
from gateway.web import answers
from gateway.web.api import deliveries, history, redeliveries, rotations, trials, webhooks
from gateway.web.lists import PAGE_PARAMETERS
from gateway.web.operation import Handler, Kind, Operation


def _operation(method: str, path: str, id_: str, handler: Handler, summary: str, **more: Any) -> Operation:
    kind: Kind = "read" if method == "GET" else "write"
    return Operation(
        method, f"/api/platform/webhooks{path}", id_, handler, "platform", "manage", kind,
        summary, org="platform", **more,
    )  # fmt: skip


OPERATIONS = (
    _operation(
        "POST", "", "createPlatformWebhook", webhooks.create_webhook,
        "Register a URL over all organizations, or listed ones.", model=PlatformWebhookCreate,
        answers={201: answers.CreatedPlatformWebhook},
        errors=("target_denied", "webhook_limit_reached"),
        note="It hears of the types that it names, patterns are refused; the gateway's own events are among "
        "them. The envelope's `org_id` says whose event it is. No organization sees it or its deliveries.",
    ),
    _operation(
        "GET", "", "listPlatformWebhooks", webhooks.list_webhooks, "All platform webhooks.",
        query=PAGE_PARAMETERS, answers={200: answers.PlatformWebhookList},
    ),
    _operation(
        "GET", "/{id}", "getPlatformWebhook", webhooks.get_webhook, "One platform webhook.",
        answers={200: answers.PlatformWebhook},
    ),
    _operation(
        "PATCH", "/{id}", "updatePlatformWebhook", webhooks.update_webhook,
        "Change a platform webhook by merge patch.", model=PlatformWebhookUpdate,
        answers={200: answers.ChangedPlatformWebhook}, errors=("target_denied", "headers_required"),
        note="As for other webhooks; null in `organizations` is all of them.",
    ),
    _operation(
        "POST", "/{id}/enable", "enablePlatformWebhook", webhooks.enable_webhook,
        "Deliver again; what has gathered goes out, oldest first, or is discarded.", model=WebhookEnable,
        answers={200: answers.PlatformWebhook},
    ),
    _operation(
        "POST", "/{id}/disable", "disablePlatformWebhook", webhooks.disable_webhook,
        "Stop delivering, and make no deliveries until it is enabled.", model=WebhookDisable,
        answers={200: answers.PlatformWebhook},
    ),
    _operation(
        "POST", "/{id}/release", "releasePlatformWebhook", webhooks.release_webhook,
        "End the pause that the receiver has asked for with `Retry-After`.", model=WebhookRelease,
        answers={200: answers.ReleasedPlatformWebhook},
    ),
    _operation(
        "POST", "/{id}/rotate-secret", "rotatePlatformSecret", rotations.rotate_secret,
        "Give a platform webhook a new secret; the answer shows it, this once.", model=SecretRotate,
        answers={200: answers.NewPlatformWebhook}, errors=("rotation_in_progress",),
        note="As for other webhooks.",
    ),
    _operation(
        "POST", "/{id}/rotate-secret/finish", "finishPlatformRotation", rotations.finish_rotation,
        "End a grace period now: the old secret signs nothing more.", model=RotationFinish,
        answers={200: answers.PlatformWebhook},
        note="A webhook without a rotation under way stays as it is.",
    ),
    _operation(
        "POST", "/{id}/test", "testPlatformWebhook", trials.test_webhook,
        "Send one sample now, and say what came back.", model=WebhookTest, waits=True,
        answers={200: answers.TestResult},
        note="As for other webhooks; the envelope's `org_id` is `*`.",
    ),
    _operation(
        "GET", "/{id}/deliveries", "listPlatformWebhookDeliveries", deliveries.list_webhook_deliveries,
        "The deliveries of one platform webhook.", query=(*PAGE_PARAMETERS, *deliveries.FILTERS),
        answers={200: answers.DeliveryList}, exports=deliveries.EXPORTS,
        note="A platform key reads one of them at `/api/deliveries/{id}` with `X-HUM-Org: *`.",
    ),
    _operation(
        "POST", "/{id}/redeliver", "redeliverPlatformWebhook", redeliveries.redeliver_range,
        "Send again all events whose latest delivery to the webhook failed, or others of a range.",
        model=RedeliverRequest, answers={202: answers.Job, 200: answers.DryRun},
        errors=("webhook_disabled", "job_running"),
        note="As for other webhooks. A platform key reads the job at `/api/jobs/{id}` with `X-HUM-Org: *`.",
    ),
    _operation(
        "POST", "/{id}/replay", "replayPlatformWebhook", redeliveries.replay_range,
        "Send the events that match the webhook and never had a delivery to it.", model=RangeRequest,
        answers={202: answers.Job, 200: answers.DryRun}, errors=("webhook_disabled", "job_running"),
        note="Of all organizations, or of those that it lists. As for other webhooks; the job is read as "
        "that of a redelivery.",
    ),
    _operation(
        "POST", "/{id}/retry", "retryPlatformWebhook", redeliveries.retry_webhook,
        "Try at once the deliveries to the webhook that wait for their next attempt.",
        model=RetryRequest, answers={202: answers.Job, 200: answers.DryRun},
        errors=("webhook_disabled", "job_running"),
        note="As for other webhooks; the job is read as that of a redelivery.",
    ),
    _operation(
        "GET", "/{id}/stats", "getPlatformWebhookStats", history.webhook_stats,
        "What came of the attempts to the webhook, by the hour.", query=("window",),
        answers={200: answers.WebhookStats},
    ),
    _operation(
        "DELETE", "/{id}", "deletePlatformWebhook", webhooks.delete_webhook,
        "Delete a platform webhook; what it is still owed is cancelled, its history stays.",
        answers={204: None},
    ),
)  # fmt: skip

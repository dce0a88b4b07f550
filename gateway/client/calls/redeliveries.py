"""Sending again, not sending, and the jobs that do it for a range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from gateway.client.call import call, listing
from gateway.client.jobs import DryRun, Job
from gateway.client.request import Listing, Request, segment
from gateway.client.types import Delivery

Which = Literal["failed", "all"]


class RedeliveryCalls:
    @call
    def redeliver(self, delivery_id: str) -> Request[Delivery]:
        """A new delivery: the same event to the webhook as it is now.

        client.redeliver("dlv_01k9…")["id"]
        """
        return Request("POST", f"/api/deliveries/{segment(delivery_id)}/redeliver")

    @call
    def cancel_delivery(self, delivery_id: str) -> Request[Delivery]:
        """It is not sent any more.

        client.cancel_delivery("dlv_01k9…")
        """
        return Request("POST", f"/api/deliveries/{segment(delivery_id)}/cancel")

    @call
    def redeliver_range(
        self,
        webhook_id: str,
        *,
        types: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        which: Which | None = None,
        status_code: int | None = None,
        event_ids: Sequence[str] | None = None,
    ) -> Request[Job]:
        """A job that sends all events whose latest delivery to the webhook failed, or with `which="all"` also
        those that were delivered; without `since`, those of the last seven days. `status_code`: only those
        last answered with it; `event_ids`: only these, however old.

        client.wait(client.redeliver_range("whk_01k9…", since="2026-11-20T19:00:00Z"))
        """
        body = redelivery_body(types, since, until, which, status_code, event_ids)
        return Request("POST", _path(webhook_id, "redeliver"), json=body)

    @call
    def count_redelivery(
        self,
        webhook_id: str,
        *,
        types: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        which: Which | None = None,
        status_code: int | None = None,
        event_ids: Sequence[str] | None = None,
    ) -> Request[DryRun]:
        """How many events `redeliver_range` would send; nothing is sent.

        client.count_redelivery("whk_01k9…", which="all", status_code=200)["matched"]
        """
        body = redelivery_body(types, since, until, which, status_code, event_ids) | {"dry_run": True}
        return Request("POST", _path(webhook_id, "redeliver"), json=body)

    @call
    def replay_range(
        self,
        webhook_id: str,
        *,
        types: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Request[Job]:
        """A job that sends the events that match the webhook and never had a delivery to it.

        client.wait(client.replay_range("whk_01k9…"))
        """
        return Request("POST", _path(webhook_id, "replay"), json=range_body(types, since, until))

    @call
    def count_replay(
        self,
        webhook_id: str,
        *,
        types: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Request[DryRun]:
        """How many events `replay_range` would send; nothing is sent.

        client.count_replay("whk_01k9…")["matched"]
        """
        body = range_body(types, since, until) | {"dry_run": True}
        return Request("POST", _path(webhook_id, "replay"), json=body)

    @call
    def retry_webhook(self, webhook_id: str) -> Request[Job]:
        """A job that tries at once what waits for its next attempt: for a receiver that is well again.

        client.wait(client.retry_webhook("whk_01k9…"))
        """
        return Request("POST", _path(webhook_id, "retry"))

    @call
    def count_retry(self, webhook_id: str) -> Request[DryRun]:
        """How many deliveries `retry_webhook` would bring forward; nothing is sent.

        client.count_retry("whk_01k9…")["matched"]
        """
        return Request("POST", _path(webhook_id, "retry"), json={"dry_run": True})

    @listing
    def list_jobs(self, *, limit: int | None = None, order: str | None = None) -> Listing[Job]:
        """Newest first.

        [job["id"] for job in client.list_jobs() if job["status"] == "running"]
        """
        return Listing("/api/jobs", {"order": order}, limit)

    @call
    def get_job(self, job_id: str) -> Request[Job]:
        """How far it has come.

        client.get_job("job_01k9…")["done"]
        """
        return Request("GET", f"/api/jobs/{segment(job_id)}")

    @call
    def cancel_job(self, job_id: str) -> Request[Job]:
        """Ends it, and cancels what it has made and nobody has taken up yet.

        client.cancel_job("job_01k9…")
        """
        return Request("POST", f"/api/jobs/{segment(job_id)}/cancel")


def _path(webhook_id: str, what: str) -> str:
    return f"/api/webhooks/{segment(webhook_id)}/{what}"


def range_body(types: list[str] | None, since: str | None, until: str | None) -> dict[str, Any]:
    """The body of a range: what is given."""
    given = {"types": types, "since": since, "until": until}
    return {name: value for name, value in given.items() if value is not None}


def redelivery_body(
    types: list[str] | None,
    since: str | None,
    until: str | None,
    which: Which | None,
    status_code: int | None,
    event_ids: Sequence[str] | None,
) -> dict[str, Any]:
    """The same with what only a redelivery can choose."""
    ids = None if event_ids is None else list(event_ids)
    given = {"which": which, "status_code": status_code, "event_ids": ids}
    return range_body(types, since, until) | {
        name: value for name, value in given.items() if value is not None
    }

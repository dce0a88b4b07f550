"""Jobs in the console: how far they have come, what they work on, and their end."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from gateway.store.tables import jobs as table
from tests.support.inside import PageOf, Visitor
from tests.support.node import Node
from tests.support.receiver import Receiver
from tests.web.console.test_webhooks import LATE, everybody, inside
from tests.web.test_platform_webhooks import ear
from tests.web.test_redeliveries import failed_events, over, post

pytestmark = pytest.mark.anyio

BASE = "/console/o/acme/jobs"


DONE: dict[str, Any] = {"status": "done", "matched": 2, "done": 2, "finished_at": 1}


async def ordered(node: Node, **standing: Any) -> dict[str, Any]:
    """A job that nobody works on, which stands as it would if somebody had."""
    node.gateway.draining = True
    hook = await node.webhook("http://127.0.0.1:9/", ["a.*"])
    job = await post(node, f"/api/webhooks/{hook['id']}/redeliver")
    if standing:
        await stand(node, job["id"], **standing)
    return job


async def stand(node: Node, job_id: str, **fields: Any) -> None:
    async with node.gateway.store.transaction() as tx:
        await tx.conn.execute(update(table).where(table.c.id == job_id).values(**fields))


def refreshes(page: PageOf) -> list[str]:
    found: list[str] = page.tree.xpath("//head/meta[@http-equiv='refresh']/@content")
    return found


async def opened(browser: Visitor, job: dict[str, Any]) -> PageOf:
    return await browser.get(f"{BASE}/{job['id']}")


async def test_a_list_leads_to_each_and_to_what_it_works_on(node: Node) -> None:
    viewer = await inside(node, "viewer")
    assert "No job yet." in (await viewer.get(BASE)).text
    job = await ordered(node, **DONE)
    page = await viewer.get(BASE)
    [row] = page.rows
    assert "redeliver done" in row
    assert page.links[job["object_id"]] == f"/console/o/acme/webhooks/{job['object_id']}"
    one = await viewer.get(page.links[job["id"]])
    assert "Redeliver done" in one.text
    assert "2 done 0 failed 2 matched 100% of it" in one.text
    [bar] = one.tree.xpath("//progress")
    assert (bar.get("max"), bar.get("value")) == ("2", "2")
    assert one.facts()["Id"] == job["id"]
    assert refreshes(one) == []
    assert one.buttons == []
    assert (await viewer.get(f"{BASE}/job_nothing")).status == 404
    assert (await (await inside(node, org="other")).get(f"/console/o/other/jobs/{job['id']}")).status == 404


async def test_while_it_runs_the_page_loads_itself_again(node: Node) -> None:
    job = await ordered(node)
    ada = await inside(node, "operator")
    assert "Being counted." in (await opened(ada, job)).text
    await stand(node, job["id"], matched=2310, done=231)
    page = await opened(ada, job)
    assert "running" in page.text
    assert "231 done 0 failed 2,310 matched 10% of it" in page.text
    assert refreshes(page) == [f"3; url={BASE}/{job['id']}"]
    still = await ada.get(page.links["Hold it still"])
    assert refreshes(still) == []
    assert "Cancel the job" in page.buttons
    await stand(node, job["id"], status="failed", error="webhook_deleted")
    page = await opened(ada, job)
    assert "webhook_deleted" in page.said("problem")
    assert refreshes(page) == []


async def test_a_job_is_cancelled_and_what_it_made_with_it(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url(), ["a.*"], **LATE)
    await failed_events(node, receiver, hook, 3)
    await node.call("PATCH", f"/api/webhooks/{hook['id']}", json={"rate_limit_per_second": 1})
    receiver.respond(
        429, headers=[("Retry-After", "600")]
    )  # after the first of them nothing is sent any more
    job = await over(node, (await post(node, f"/api/webhooks/{hook['id']}/redeliver"))["id"])
    viewer, ada = await inside(node, "viewer"), await inside(node, "operator")
    page = await opened(ada, job)
    forged = dict(page.fields("Cancel what is not sent yet"), token=_token(await opened(viewer, job)))
    assert (await viewer.post(f"{BASE}/{job['id']}/cancel", forged)).status == 403
    assert (await node.call("GET", f"/api/jobs/{job['id']}")).json()["status"] == "done"
    page = await ada.send(page, "Cancel what is not sent yet")
    assert "ends in a moment" in page.said("said")
    assert (await over(node, job["id"]))["status"] == "cancelled"
    pending = [one["status"] for one in await node.deliveries(status="cancelled")]
    assert len(pending) >= 2
    page = await opened(ada, job)
    assert "cancelled" in page.text
    assert page.buttons == []


async def test_what_is_over_cannot_be_cancelled(node: Node) -> None:
    job = await ordered(node, **DONE)
    ada = await inside(node, "operator")
    page = await opened(ada, job)
    await stand(node, job["id"], status="failed", error="internal_error")
    page = await ada.send(page, "Cancel what is not sent yet")
    assert page.status == 409
    assert "the job is over" in page.said("problem")


async def test_over_all_organizations_and_the_platforms_own(node: Node) -> None:
    hook = await ear(node, "http://127.0.0.1:9/", ["sms.received"])
    node.gateway.draining = True
    own = await post(node, f"/api/platform/webhooks/{hook['id']}/redeliver", org=None)
    job = await ordered(node, **DONE)
    ops = await everybody(node)
    page = await ops.get("/console/o/*/jobs")
    assert page.links[job["id"]] == f"{BASE}/{job['id']}"
    assert page.links[own["object_id"]] == f"/console/platform/webhooks/{hook['id']}"
    [ours, platforms] = page.rows
    assert "acme" in ours
    assert "the platform" in platforms
    one = await ops.get(page.links[own["id"]])
    assert one.facts()["Organization"] == "the platform"
    assert one.links[hook["id"]] == f"/console/platform/webhooks/{hook['id']}"
    one = await ops.send(one, "Cancel the job")
    assert "being cancelled" in one.text
    assert one.buttons == []
    one = await ops.get(f"/console/o/*/jobs/{job['id']}")
    assert (one.buttons, one.links["acme"]) == ([], f"{BASE}/{job['id']}")


def _token(page: PageOf) -> str:
    """Of the session, as every one of its pages has it."""
    return str(page.tree.xpath("//input[@name='token']/@value")[0])

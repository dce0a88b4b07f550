"""The page of the audit log: for admins, filtered, with all that an entry says, and as a file."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.support.inside import sign_in
from tests.support.node import Node

pytestmark = pytest.mark.anyio

LOG = "/console/o/acme/audit"


async def test_who_did_what_is_found_by_every_filter(node: Node) -> None:
    hook = await node.webhook("https://hooks.example.com/a")
    headers = {"X-HUM-Actor": "<b>Ada</b>"}
    change = {"description": "changed"}
    await node.call("PATCH", f"/api/webhooks/{hook['id']}", json=change, headers=headers)
    ada = await sign_in(node, await node.new_key("admin"))
    page = await ada.get(LOG)
    for text in ("updateWebhook", "createWebhook", "enterConsole", "<b>Ada</b>", '"description"'):
        assert text in page.text, text
    assert page.all("b") == []
    assert page.links[hook["id"]] == f"/console/o/acme/webhooks/{hook['id']}"
    for query, there, not_there in [
        ({"action": "updateWebhook"}, "<b>Ada</b>", "enterConsole "),
        ({"object_id": hook["id"]}, "createWebhook", "enterConsole"),
        ({"actor": "<b>Ada</b>"}, "updateWebhook", "createWebhook"),
        ({"since": "1h", "action": "createWebhook"}, "1 2", "<b>Ada</b>"),
        ({"until": "2026-11-20 21:05"}, "No entry matches", "createWebhook"),
    ]:
        page = await ada.get(LOG, **query)
        assert page.status == 200
        assert there in page.text, query
        assert not_there not in page.text.replace("API reference", ""), query
        fields = page.form("Show").fields
        assert fields | query == fields
    page = await ada.get(LOG, until="soon", actor="ada")
    assert (page.status, page.form("Show").fields["actor"]) == (422, "ada")
    assert page.all("input", name="until")[0]["aria-invalid"] == "true"


async def test_the_log_as_a_file_is_what_was_filtered(node: Node) -> None:
    await node.webhook("https://hooks.example.com/a")
    await node.call(
        "POST", "/api/connectors", json={"name": "CRM", "base_url": "https://crm.example.com"},
        headers={"X-HUM-Actor": "=cmd()"},
    )  # fmt: skip
    ada = await sign_in(node, await node.new_key("admin"))
    page = await ada.get(LOG, action="createConnector")
    taken = await ada.get(page.links["CSV"])
    assert 'filename="audit-acme-' in taken.response.headers["content-disposition"]
    [row] = csv.DictReader(io.StringIO(taken.response.text))
    assert (row["action"], row["actor"]) == ("createConnector", "'=cmd()")
    lines = (await ada.get((await ada.get(LOG)).links["JSON lines"])).response.text.splitlines()
    assert {json.loads(line)["action"] for line in lines} >= {"createWebhook", "enterConsole"}
    assert (await ada.get(LOG, format="pdf")).status == 422


async def test_only_admins_read_it(node: Node) -> None:
    await node.webhook("https://hooks.example.com/a")
    ben = await sign_in(node, await node.new_key("operator"))
    assert "Audit log" not in (await ben.get("/console/o/acme/deliveries")).links
    for query in ({}, {"format": "csv"}):
        page = await ben.get(LOG, **query)
        assert page.status == 403
        assert "createWebhook" not in page.response.text


async def test_over_all_organizations(node: Node) -> None:
    await node.webhook("https://hooks.example.com/a")
    root = await sign_in(node, node.key)
    page = await root.get("/console/o/*/audit")
    assert "createWebhook" in page.text
    assert "the platform" in page.text  # the key that the operator came in with
    assert page.links["acme"] == LOG

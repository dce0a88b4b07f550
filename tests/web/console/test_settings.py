"""The organization's settings in the console."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.inside import Visitor, sign_in
from tests.support.node import Node

pytestmark = pytest.mark.anyio

AT = "/console/o/acme/settings"


async def org(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = (await node.call("GET", "/api/organizations/acme")).json()
    return found


async def save(visitor: Visitor, group: str, **filled: str) -> Any:
    """Sends the form of a group, as it stands there but for what is filled in."""
    page = await visitor.get(AT)
    [form] = [one for one in page.forms if one.fields.get("group") == group]
    return await visitor.post(form.action, form.fields | filled)


async def test_each_group_is_kept_and_touches_no_other(node: Node, ada: Visitor) -> None:
    page = await save(ada, "keeping", retention_days="90")
    assert "The settings are kept." in page.text
    await save(ada, "numbers", own_numbers="+13175550100\r\n\r\n+13175550101", default_region="de")
    await save(ada, "fields", choice_A="these", fields_A="name, email, fields.tier", choice_none="these")
    await save(ada, "lookups", lookup_budget="50", days_carrier="12")
    found = await org(node)
    assert found["retention_days"] == 90
    assert found["own_numbers"] == ["+13175550100", "+13175550101"]
    assert found["default_region"] == "DE"
    assert found["caller_fields"] == {"A": ["name", "email", "fields.tier"], "B": None, "C": None, "none": []}
    assert (found["lookup_budget"], found["lookup_cache_days"]["carrier"]) == (50, 12)
    await save(ada, "lookups", lookup_budget="", days_carrier="")
    await save(ada, "fields", choice_A="usual", choice_none="usual")
    found = await org(node)
    assert found["lookup_budget"] is None and found["caller_fields"]["A"] is None
    assert found["retention_days"] == 90


async def test_a_mistake_is_named_and_what_was_filled_in_stays(node: Node, ada: Visitor) -> None:
    before = await org(node)
    page = await save(ada, "keeping", retention_days="3")
    assert page.status == 422 and "retention_days" in page.text
    assert 'value="3"' in page.response.text
    page = await save(ada, "numbers", own_numbers="+13175550100\n555", default_region="US")
    assert page.status == 422 and "own_numbers[1]" in page.text
    page = await save(ada, "fields", choice_B="these", fields_B="email")
    assert page.status == 422 and "email" in page.text
    page = await save(ada, "lookups", lookup_budget="many")
    assert page.status == 422 and "lookup_budget: must be a whole number" in page.text
    page = await save(ada, "lookups", lookup_budget="5000")
    assert page.status == 403 and "own" in page.text
    assert 'value="5000"' in page.response.text
    after = await org(node)
    before.pop("audit_head"), after.pop("audit_head")
    assert after == before


async def test_a_template_is_looked_at_before_it_is_kept(node: Node, ada: Visitor) -> None:
    page = await ada.get(AT)
    form = page.form("Preview").fields
    preview = f"{AT}/preview"
    page = await ada.post(preview, form | {"context_template": "It is {{name}} of {{company}}."})
    assert "It is Ada Example of Example Ltd." in page.text
    assert (await org(node))["context_template"] is None
    assert page.form("Save the template").fields["context_template"].strip().startswith("It is {{name}}")
    page = await ada.send(page, "Save the template")
    assert (await org(node))["context_template"] == "It is {{name}} of {{company}}."
    page = await ada.post(preview, form | {"context_template": "{{name"})
    assert page.status == 422 and "context_template" in page.text and "line 1" in page.text
    page = await ada.send(page, "Save the template", context_template="")
    assert (await org(node))["context_template"] is None


async def test_credentials_are_kept_and_never_shown(node: Node, ada: Visitor) -> None:
    page = await ada.send(await ada.get(AT), "Test the account")
    assert page.status == 200 and "no credentials" in page.text
    page = await save(ada, "account", account_sid="AC123", auth_token="not-to-be-seen")
    assert (await org(node))["has_lookup_credentials"] is True
    assert "not-to-be-seen" not in page.response.text and "its own" in page.text
    page = await save(ada, "account", account_sid="AC 1", auth_token="not-to-be-seen")
    assert page.status == 422 and "not-to-be-seen" not in page.response.text
    page = await ada.send(await ada.get(AT), "Test the account")
    assert "connect refused" in page.text
    await ada.send(page, "Remove them")
    assert (await org(node))["has_lookup_credentials"] is False


async def test_it_is_erased_by_whoever_types_its_name(node: Node, ada: Visitor) -> None:
    page = await ada.get(AT)
    page = await ada.send(page, "Erase acme for good", confirm="acm")
    assert page.status == 422 and "confirm" in page.text
    assert (await node.call("GET", "/api/organizations/acme")).status_code == 200
    page = await ada.send(page, "Erase acme for good", confirm="acme")
    assert page.response.url.path == "/console/sign-in"
    assert (await node.call("GET", "/api/organizations/acme")).status_code == 410


async def test_roles(node: Node) -> None:
    viewer = await sign_in(node, await node.new_key("viewer"))
    page = await viewer.get(AT)
    assert page.status == 200 and page.buttons == []
    token = page.form("Sign out").fields["token"]
    before = await org(node)
    forged = {"token": token, "once": "x", "group": "keeping", "retention_days": "7", "confirm": "acme"}
    for path in (AT, f"{AT}/preview", f"{AT}/test-lookups", f"{AT}/erase"):
        assert (await viewer.post(path, forged)).status == 403, path
    operator = await sign_in(node, await node.new_key("operator"))
    buttons = (await operator.get(AT)).buttons
    assert set(buttons) == {"Preview", "Test the account"}
    assert (await org(node))["retention_days"] == before["retention_days"]


async def test_over_all_organizations_there_are_none(node: Node) -> None:
    visitor = await sign_in(node, node.key)
    page = await visitor.get("/console/o/*/settings")
    assert page.status == 200 and page.response.url.path == "/console/"

"""What the README promises: the way in, the settings, the figures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from connectors.hubspot import body, client, connector, mapping
from connectors.hubspot.connector import HubSpot as Connector
from connectors.kit.contract import Call
from connectors.kit.trial import Trial
from tests.connectors.hubspot.conftest import Connect
from tests.connectors.hubspot.double import HubSpot

pytestmark = pytest.mark.anyio

README = (Path(connector.__file__).parent / "README.md").read_text("utf-8")
SENT = re.findall(r"hum-connector send http\S+ (\S+) (?:'(.+?)' )?--secret-env", README)


async def test_the_way_from_nothing_to_a_logged_call(hubspot: HubSpot, connect: Connect) -> None:
    async with Trial(connect()) as hum:
        answers = [await hum.send(event, json.loads(text or "{}")) for event, text in SENT]
    ping, created, logged, found = answers
    assert ping.body["ok"]
    assert created.body["contact"]["id"] == found.body["contact"]["id"] == "501"
    activity = hubspot.calls[logged.body["activity_id"]]
    assert activity.associations == [("501", 194)]
    assert "Asked for the opening hours" in activity.properties["hs_call_body"]


def test_every_setting_is_there_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(HUBSPOT_\w+)` \|.*\| (.+?) \|$", README, re.MULTILINE))
    shown = {None: "must be set", "": "none"}
    assert rows == {
        setting.name: shown.get(setting.default, f"`{setting.default}`") for setting in Connector.settings
    }


def test_every_field_of_a_call_and_every_property_is_there() -> None:
    kept_elsewhere = {"revision", "updated_at"}
    fields = {name.rstrip("_") for name in Call.__struct_fields__} - kept_elsewhere
    assert fields <= {*re.findall(r"`(\w+)`", README)}
    whole = Call("c", direction="inbound", from_="a", to="b", duration_seconds=1, status="busy",
                 recording_url="https://r.example", started_at="2026-11-20T21:01:12Z")  # fmt: skip
    assert {*mapping.changes(whole, "x"), mapping.EXTERNAL_ID} - {"hs_call_title"} <= {
        *re.findall(r"`(hs_\w+)`", README)
    }


def test_the_figures_are_those_of_the_code() -> None:
    assert f"{body.LIMIT:,} characters" in README
    assert f"For {connector.SEARCH_LAG:.0f} seconds" in README
    assert f"{client.LIMITS.requests} requests in ten seconds" in README
    assert client.LIMITS.searches == 4 and client.PATIENCE == 3.0
    assert "four searches in one" in README and "longer than three seconds" in README

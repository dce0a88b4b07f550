"""Proof H2: HubSpot's connector passes the check that every connector must pass, against the double."""

from __future__ import annotations

import pytest

from connectors.hubspot.client import Client, Limits
from connectors.hubspot.connector import HubSpot as Connector
from connectors.hubspot.connector import Options as Shown
from connectors.hubspot.mapping import Links
from connectors.kit.conformance import Known, Options, Seed, in_process, run_async
from connectors.kit.server import application
from tests.connectors.hubspot.double import TOKEN, HubSpot, RunningClock
from tests.connectors.signing import SECRET

pytestmark = pytest.mark.anyio

# How fast HubSpot may be asked is test_pace.py's: here it would only take long.
FAST = 1_000_000


@pytest.mark.proof
async def test_every_check_is_passed() -> None:
    double = HubSpot(lag=0.2, searches_per_second=FAST, requests_in_ten_seconds=FAST, clock=RunningClock())
    dana = double.has_contact(firstname="Dana", lastname="Quillfeather", phone="+13175550142")
    local = double.has_contact(firstname="Robin", mobilephone="(317) 555-0143")
    older = double.has_contact(firstname="Older", phone="+13175550144", long_ago=9_000)
    double.has_contact(firstname="Younger", phone="+13175550144", long_ago=8_000)
    seed = Seed(
        {
            "+13175550142": Known(id=dana, name="Dana Quillfeather", stored="+13175550142"),
            "+13175550143": Known(id=local, name="Robin", stored="(317) 555-0143"),
            "+13175550144": Known(id=older, matches=2),
        },
        ("+13175550199",),
    )

    async def show(activity_id: str) -> str:
        call = double.calls[activity_id]
        return f"{call.properties} {call.associations}"

    client = Client("https://hubspot.test", TOKEN, transport=double.line(), limits=Limits(FAST, FAST))
    app = application(Connector(client, Shown(Links("48"))), [SECRET])
    options = Options(
        seed=seed, allow_writes=True, show_activity=show, transport=in_process(app), timeout=30, total=300,
    )  # fmt: skip
    report = await run_async("http://127.0.0.1", SECRET, options)
    skipped = [result.check.id for result in report.results if result.status == "skipped"]
    print(f"{len(report.results)} checks, {len(skipped)} skipped, {len(report.failures)} failed")
    assert [(failed.check.id, failed.failure) for failed in report.failures] == []
    assert skipped == []
    assert double.complaints == []

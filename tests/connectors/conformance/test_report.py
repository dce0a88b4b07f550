"""What a failure shows, what it hides, and the report in all its forms."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from rich.console import Console

from connectors.kit.conformance import Report
from connectors.kit.conformance.catalogue import CHECKS
from connectors.kit.conformance.expect import CRASHED
from connectors.kit.conformance.masking import mask, mask_header
from connectors.kit.conformance.render.files import as_html, as_json, as_junit
from connectors.kit.conformance.render.terminal import show
from tests.connectors.conformance.reference import CRASH, Ask, Asked, Reply, World, checked, says
from tests.connectors.signing import SECRET

pytestmark = pytest.mark.anyio


async def echoing(asked: Asked, ask: Ask, world: World) -> Reply:
    """Answers refusals with everything that came, and a little more."""
    reply = await ask(asked)
    spelt = [SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode()]
    said = f"\x1b[2J<script>alert(1)</script> {asked.get('authorization')} {' '.join(spelt)}"
    return reply.with_fields(message=said) if reply.status >= 400 else reply.with_contact(name=said)


def on_terminal(report: Report) -> str:
    out = io.StringIO()
    show(Console(file=out, width=100, highlight=False), report)
    return out.getvalue()


async def test_no_form_of_the_report_has_the_secret() -> None:
    report = await checked(echoing)
    assert "HUM-PRV-001" in report.failed_ids
    for text in (as_json(report), as_junit(report), as_html(report), on_terminal(report)):
        joined = "".join(text.split())  # a terminal breaks lines
        for spelling in (SECRET, SECRET.removeprefix("whsec_"), quote(SECRET, safe="")):
            assert spelling not in joined
        assert base64.b64encode(SECRET.encode()).decode().rstrip("=") not in joined
        assert "\x1b" not in text
        assert "[secret]" in text


async def test_no_form_of_the_report_has_a_signature_of_the_request() -> None:
    report = await checked(echoing)
    sent = [result.failure.request for result in report.failures if result.failure and result.failure.request]
    assert len(sent) > 3
    for shown in sent:
        for name, value in shown.headers:
            if name.lower() in ("authorization", "x-hum-signature", "webhook-signature"):
                assert "masked" in value or len(value) < 10


async def test_a_failure_says_all_that_is_needed() -> None:
    async def lost(asked: Asked, ask: Ask, world: World) -> Reply:
        reply = await ask(asked)
        found = reply.status == 200 and asked.path == "/contacts/lookup"
        return Reply(404, b"Not Found", (("content-type", "text/plain"),)) if found else reply

    report = await checked(lost, only=("LKP-001",))
    (result,) = report.failures
    text = " ".join(on_terminal(report).split())
    failure = result.failure
    assert failure is not None
    assert failure.got == "a bare 404"
    assert failure.answer is not None
    assert failure.answer.body == "Not Found"
    for part in (
        "HUM-LKP-001",
        result.check.title,
        '{"found": false} with HTTP 200 or 404',
        "a bare 404",
        "POST http://127.0.0.1/contacts/lookup",
        '{"phone":"+13175550199"',
        "Authorization: Bearer [masked, 50]",
        "HTTP 404",
        "text/plain",
        result.check.hint.split("{")[0].strip(),
        "0 passed, 1 failed",
    ):
        assert part in text, part


async def test_a_line_is_broken_on_a_terminal_only() -> None:
    async def wordy(asked: Asked, ask: Ask, world: World) -> Reply:
        return says(200, {"found": "word " * 60 + "end"})

    report = await checked(wordy, only=("LKP-001",))
    whole = "word " * 60 + "end"
    assert whole in on_terminal(report)
    out = io.StringIO()
    show(Console(file=out, width=100, force_terminal=True, no_color=True, highlight=False), report)
    assert whole not in out.getvalue()
    assert out.getvalue().count("word") >= 60


async def test_a_crash_is_called_one_and_many_of_a_kind_are_said_once_above() -> None:
    async def crashing(asked: Asked, ask: Ask, world: World) -> Reply:
        return CRASH if asked.path == "/calls" else await ask(asked)

    report = await checked(crashing, only=("CAL-001", "CAL-002", "CAL-003", "CAL-004", "PNG-001"))
    assert {result.failure.hint for result in report.failures if result.failure} == {CRASHED}
    note = "4 of 4 failures are HTTP 500 from /calls: the connector failed; its log says where."
    assert note in report.notes
    text = on_terminal(report)
    assert text.index(note) < text.index("FAILED")


async def test_failures_that_differ_are_not_put_down_to_one_cause() -> None:
    async def several(asked: Asked, ask: Ask, world: World) -> Reply:
        reply = await ask(asked)
        return CRASH if asked.path == "/calls" else reply.with_fields(ok=1, found=1)

    report = await checked(several, only=("CAL-001", "PNG-001", "LKP-001", "LKP-004"))
    assert len(report.failures) > 2
    assert not [note for note in report.notes if "failures are" in note]


async def test_the_forms_agree() -> None:
    report = await checked(echoing, allow_writes=False)
    data = json.loads(as_json(report))
    assert [row["id"] for row in data["results"]] == [check.id for check in CHECKS]
    counted = {"passed": len(report.passed), "failed": len(report.failures), "skipped": len(report.skipped)}
    assert {name: data[name] for name in counted} == counted
    assert min(counted.values()) > 0

    root = ElementTree.fromstring(as_junit(report))
    assert root.get("tests") == str(len(CHECKS))
    assert root.get("failures") == str(counted["failed"]) == str(len(root.findall(".//failure")))
    assert root.get("skipped") == str(counted["skipped"]) == str(len(root.findall(".//skipped")))
    assert [case.get("name", "")[:11].strip() for case in root.iter("testcase")][:1] == ["HUM-SIG-001"]
    assert sum(int(suite.get("tests", 0)) for suite in root.findall("testsuite")) == len(CHECKS)

    page = as_html(report)
    assert all(f'id="{check.id}"' in page for check in CHECKS)
    assert "<script>" not in page
    assert "default-src 'none'" in page


async def test_what_was_left_and_what_was_skipped_is_shown() -> None:
    report = await checked(show_activity=None)
    text = " ".join(on_terminal(report).split())
    assert f"left in the CRM: {len(report.left)}" in text
    assert all(left.id in text for left in report.left)
    assert "HUM-CAL-019 HUM-CAL-020 HUM-CAL-021 HUM-CAL-022" in text
    assert "give --show-activity" in text
    data: dict[str, Any] = json.loads(as_json(report))
    assert len(data["left_behind"]) == len(report.left) > 20


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", f"Bearer {SECRET}", f"Bearer [masked, {len(SECRET)}]"),
        ("authorization", "Basic abcd", "Basic [masked, 4]"),
        ("X-HUM-Signature", "sha256=" + "a" * 64, "sha256=[masked, 64]"),
        ("X-HUM-Signature", "sha256=", "sha256="),
        ("X-HUM-Signature", "abc", "[masked, 3]"),
        ("webhook-signature", "v1,abc= v1,def=", "v1,[masked, 12]"),
        ("webhook-id", "evt_1", "evt_1"),
    ],
)
async def test_headers_are_masked(name: str, value: str, shown: str) -> None:
    assert mask_header(name, value) == shown


async def test_a_secret_is_masked_before_the_text_is_cut() -> None:
    async def long(asked: Asked, ask: Ask, world: World) -> Reply:
        reply = await ask(asked)
        return reply.with_fields(error="x" * 970, message=SECRET) if reply.status == 401 else reply

    report = await checked(long, only=("SIG-002", "PRV-001"))
    (failed,) = report.failures
    assert failed.failure is not None
    assert failed.failure.answer is not None
    assert SECRET[:12] not in failed.failure.answer.body
    assert mask(f"a {SECRET} b", SECRET) == "a [secret] b"

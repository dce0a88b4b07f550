"""schemathesis over the whole OpenAPI document, against a gateway behind real HTTP: no 500, no answer that is
not as described, nothing refused that the document allows, nothing taken that it forbids."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from gateway.errors import InvalidRequest
from gateway.web import routes
from gateway.web.api import OPERATIONS
from gateway.web.call import Answer, Call
from gateway.web.openapi.document import build
from gateway.web.operation import Handler
from tests.support.served import Served, serving

# Nothing leaves the machine: names do not resolve, and what needs no name ends at a closed port.
_NOWHERE = {"dns_servers": "127.0.0.1:9", "egress_proxy": "http://127.0.0.1:9"}

# What a request can be refused for although it is as the document says, because no schema can say it: errors,
# and for `invalid_request` the fields with the messages.
_EXCUSED = {
    "invalid_cursor", "headers_required", "rate_limited", "webhook_disabled", "job_running",
    "secret_rotation_required",
}  # fmt: skip
_EXCUSED_FIELDS = (
    (r"(events\[\d+\]\.)?data\b.*", r".*"),  # what the catalogue says of it
    (r"url", r".*"),  # where it may lead
    (r"confirm_cost", r"must be the amount that dry_run shows: .*"),
    (r"until", r"must (be later|not be earlier) than .*"),
    (r"own_numbers\[\d+\]", r".*"),  # which numbers there can be
    (r"event_id", r"there is no such event"),
    (r"filter", r".*"),  # the language of filters is no regular one
    (r".*", r".*printable.*"),  # which characters these are
    (r"from", r".*"),  # which numbers can be anybody's
    (r".*", r".*(first line|is not a column|the file is).*"),  # what a file is
    (r"(default_)?region", r".*"),  # which countries have a numbering plan
    (r"(map|ignore)\[\d+\]", r".*"),  # which columns a file has
    (r".*", r".*integer.*"),  # 60.0 is an integer to a schema
)
# The history of a webhook outlives it.
_OUTLIVES = ("/deliveries", "/stats")


@schemathesis.serializer("application/x-ndjson")
def _lines(ctx: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@dataclass
class Findings:
    """What a run of schemathesis came to."""

    cases: Counter[str] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with answers that may have no further fields: what is not described is a finding."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    for schema in copy["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return copy


def explore(served: Served, only: str | None = None, *, phases: dict[str, Any], seed: int = 1) -> Findings:
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "base-url": served.url,
            "headers": {"Authorization": f"Bearer {served.node.key}", "X-HUM-Org": "acme"},
            "generation": {"database": "none"},
            "phases": phases,
            # A batch with `each` answers 207, with the refusal beside each of its events.
            "checks": {"negative_data_rejection": {"expected-statuses": [
                "207", "400", "401", "403", "404", "405", "406", "409", "410", "413", "415", "422",
            ]}},
        }
    )  # fmt: skip
    schema = schemathesis.openapi.from_dict(closed(build()), config=config)
    if only is not None:
        schema = schema.include(operation_id=only)
    found = Findings()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _note(event.recorder, str(event.phase.value), found)
        elif isinstance(event, events.NonFatalError):
            found.failures.append(f"{event.label}: {event.value}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return found


def _note(recorder: Any, phase: str, found: Findings) -> None:
    found.cases[phase] += len(recorder.cases)
    for case_id, checks in recorder.checks.items():
        case = recorder.cases[case_id].value
        found.operations.add(case.operation.label)
        response = recorder.interactions[case_id].response if case_id in recorder.interactions else None
        for check in checks:
            found.checks[check.name] += 1
            if check.name == "use_after_free" and case.operation.path.endswith(_OUTLIVES):
                continue
            info = check.failure_info
            if info is not None and not (check.name == "positive_data_acceptance" and _excused(response)):
                said = response.content.decode("utf-8", "replace")[:600] if response is not None else ""
                found.failures.append(f"{check.name}\n{info.failure}\n{info.code_sample}\n{said}")


def _excused(response: Any) -> bool:
    problem = json.loads(response.content)
    return problem["error"] in _EXCUSED or all(
        any(
            re.fullmatch(field, detail["field"]) and re.fullmatch(message, detail["message"])
            for field, message in _EXCUSED_FIELDS
        )
        for detail in problem["details"] or [{"field": "", "message": ""}]
    )


async def _seed(served: Served) -> None:
    """Something of everything, with an attempt; from then on nothing is sent."""
    node = served.node
    await node.webhook("http://127.0.0.1:9/", retry_schedule=[600])
    sent = await node.send()
    deadline = time.monotonic() + 10
    while not (await node.deliveries(event_id=sent["id"]))[0]["attempts_made"]:
        assert time.monotonic() < deadline, "no attempt was made"
    node.gateway.dispatcher.stopping = True


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    async def only_said(*_: Any) -> None:
        """An organization that is erased answers nothing but 410 from then on."""

    monkeypatch.setattr("gateway.manage.organizations.erase", only_said)
    limits: dict[str, Any] = {"webhook_limit": 1000, "connector_limit": 1000}
    with serving(f"sqlite:///{tmp_path / 'gateway.db'}", **limits, **_NOWHERE) as served:
        served.run(_seed(served))
        yield served


def _report(found: Findings, seconds: float) -> None:
    # The tool's own trouble: CPython 3.11's `ast` gives up in deep stacks (python/cpython issue 106905).
    failures = [one for one in found.failures if "AST constructor recursion depth mismatch" not in one]
    assert not failures, "\n\n".join(failures[:5])
    documented = {f"{method.upper()} {path}" for path, item in build()["paths"].items() for method in item}
    assert found.operations == documented
    by_phase = ", ".join(f"{count} {phase}" for phase, count in sorted(found.cases.items()) if count)
    print(
        f"E7: {sum(found.cases.values())} requests ({by_phase}) to {len(found.operations)} operations, "
        f"{sum(found.checks.values())} checks in {seconds:.0f} s: no 500, no violation"
    )


@pytest.mark.proof
def test_every_answer_is_as_documented(served: Served) -> None:
    started = time.monotonic()
    phases = {
        "coverage": {"enabled": False},
        "fuzzing": {"generation": {"max-examples": 4}},
        "stateful": {"generation": {"max-examples": 3}},
    }
    _report(explore(served, phases=phases), time.monotonic() - started)


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_answer_is_as_documented_at_length(served: Served, seed: int) -> None:
    started = time.monotonic()
    phases = {
        "coverage": {"enabled": seed == 1},
        "fuzzing": {"generation": {"max-examples": 150}},
        "stateful": {"generation": {"max-examples": 60}},
    }
    _report(explore(served, phases=phases, seed=seed), time.monotonic() - started)


def breaking(handler: Handler, fault: str) -> Handler:
    async def broken(call: Call) -> Answer:
        if fault == "takes everything":
            return Answer({"data": [], "next_cursor": None})
        answer = await handler(call)
        match fault:
            case "raises":
                raise RuntimeError("broken on purpose")
            case "undescribed field":
                answer.content["surprise"] = 1
            case "missing field":
                del answer.content["next_cursor"]
            case "wrong type":
                answer.content["next_cursor"] = 5
            case "undescribed status":
                answer.status = 299
            case "refuses everything":
                raise InvalidRequest.field("limit", "is not what I like")
        return answer

    return broken


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("raises", "not_a_server_error"),
        ("undescribed field", "response_schema_conformance"),
        ("missing field", "response_schema_conformance"),
        ("wrong type", "response_schema_conformance"),
        ("undescribed status", "status_code_conformance"),
        ("takes everything", "negative_data_rejection"),
        ("refuses everything", "positive_data_acceptance"),
    ],
)
def test_a_handler_that_breaks_its_word_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, check: str
) -> None:
    """The control."""
    changed = [
        replace(one, handler=breaking(one.handler, fault)) if one.id == "listKeys" else one
        for one in OPERATIONS
    ]
    monkeypatch.setattr(routes, "OPERATIONS", changed)
    with serving(f"sqlite:///{tmp_path / 'gateway.db'}", **_NOWHERE) as served:
        phases = {
            "coverage": {"enabled": fault == "takes everything"},
            "fuzzing": {"generation": {"max-examples": 10}},
            "stateful": {"enabled": False},
        }
        found = explore(served, "listKeys", phases=phases)
    assert any(failure.startswith(check) for failure in found.failures), found

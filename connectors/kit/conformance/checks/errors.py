"""ERR: what went wrong is said in a form that a program can read, and that gives nothing away."""

from __future__ import annotations

import re
from typing import Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.exchange import Answer
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import LOOKUP
from connectors.kit.conformance.stage import Stage

ERR: Final = Group("ERR", "Errors")

SHAPE: Final = 'Answer {"error": "snake_case_code", "message": "for a person"}, as JSON.'
CATCH_ALL: Final = "Catch everything in one place, log it there, and answer a plain 500."

# What frameworks print when something was not caught.
_TRACES: Final = re.compile(
    rb"Traceback \(most recent|File \"[^\"]+\", line \d|\.py\", line|\bat [\w.$<>]+\([\w./\\]*:?\d+|"
    rb"\.(?:java|rb|php|go|cs|ts|js):\d+|goroutine \d+ \[|SQLSTATE\[|Stack trace:|Uncaught \w+|panic:|"
    rb"Exception in thread|(?:sqlite3|psycopg2?|sqlalchemy)\.\w+Error"
)


async def _mistakes(hum: Hum, stage: Stage) -> list[Answer]:
    """Answers to requests that are wrong in different ways."""
    unsigned = hum.lookup(await stage.unknown()).without("X-HUM-Signature")
    requests = [
        unsigned,
        hum.lookup(await stage.unknown()).having("X-HUM-Event", "ping"),
        hum.signed(LOOKUP, b"{"),
        hum.signed(LOOKUP, {"phone": {"a": 1}}),
        hum.signed(LOOKUP, []),
    ]
    return [await hum.send(request) for request in requests]


@ERR.check("HUM-ERR-001", "Errors are JSON objects", rule=rules.PRACTICE, hint=SHAPE, strict_only=True)
async def objects(hum: Hum, stage: Stage) -> None:
    for answer in await _mistakes(hum, stage):
        if answer.status >= 400 and not answer.is_object:
            raise answer.failed("a JSON object as body", f"HTTP {answer.status} with something else")


@ERR.check(
    "HUM-ERR-002",
    "Errors have a code and a message",
    rule=rules.PRACTICE,
    hint=SHAPE + " HUM shows the message to whoever looks for the fault.",
    strict_only=True,
)
async def code_and_message(hum: Hum, stage: Stage) -> None:
    for answer in await _mistakes(hum, stage):
        if answer.status >= 400 and answer.is_object:
            for field in ("error", "message"):
                if not isinstance(answer.data.get(field), str) or not answer.data[field]:
                    raise answer.failed(f'"{field}": a text', f'no "{field}"')


@ERR.check(
    "HUM-ERR-003",
    "No answer of the run shows the connector's inside",
    rule=rules.PRACTICE,
    hint=CATCH_ALL + " Switch the framework's debug mode off.",
    when="last",
)
async def no_traces(hum: Hum, stage: Stage) -> None:
    for exchange in hum.exchanges:
        answer = exchange.answer
        if answer is not None and answer.status >= 400 and (found := _TRACES.search(answer.body)):
            raise answer.failed("no stack trace", f"{found[0][:60].decode('latin-1')!r} in the answer")


@ERR.check(
    "HUM-ERR-004",
    "No request of the run made the connector crash",
    rule=rules.PRACTICE,
    hint=CATCH_ALL + " A mistake of the sender's is 400; 502 and 503 are for a CRM in trouble.",
    strict_only=True,
    when="last",
)
async def no_crashes(hum: Hum, stage: Stage) -> None:
    for exchange in hum.exchanges:
        if exchange.answer is not None and exchange.answer.status == 500:
            raise exchange.answer.failed("no HTTP 500")


@ERR.check(
    "HUM-ERR-005",
    "A mistake is never answered 2xx",
    rule=rules.ANSWERS,
    hint='An error is told by the status: HUM reads {"error": …} with status 200 as a broken answer.',
)
async def status_says_it(hum: Hum, stage: Stage) -> None:
    for answer in await _mistakes(hum, stage):
        if answer.status < 400 or expect.says_not_found(answer):
            raise answer.failed("a 4xx status")

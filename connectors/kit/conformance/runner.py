"""Runs the checks: most of them side by side, the rest one by one, all within one time.

Leaves the judging to the checks, and the showing to `render`.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Final

from connectors.kit.conformance import signing
from connectors.kit.conformance.catalogue import CHECKS, chosen
from connectors.kit.conformance.causes import in_common
from connectors.kit.conformance.check import Check
from connectors.kit.conformance.hum import Hum, Identity, is_crowded
from connectors.kit.conformance.masking import mask
from connectors.kit.conformance.numbers import Numbers
from connectors.kit.conformance.options import SHORTEST_SECRET, Options
from connectors.kit.conformance.report import Failure, Report, Result, failure_of, left_behind
from connectors.kit.conformance.stage import Stage
from connectors.kit.conformance.verdict import Failed, Skipped
from connectors.kit.conformance.wire import Wire, network

BROKEN: Final = "This is a fault of the check, not of the connector: please report it."
NO_WRITES: Final = "it would write: give --allow-writes"

_CLUES: Final = {
    401: "The connector refuses a good ping with 401: is it the same secret on both sides?",
    404: "There is no POST /ping behind this address: is the base URL right, with its path?",
}


def run(url: str, secret: str, options: Options | None = None) -> Report:
    """Checks the connector at the base URL. Raises ValueError for a secret or option that is unusable, and
    Unreachable when nobody listens there."""
    return asyncio.run(run_async(url, secret, options))


async def run_async(url: str, secret: str, options: Options | None = None) -> Report:
    """`run`, where a loop is running already."""
    options = options or Options()
    _check_secret(secret)
    checks = chosen(options.only)
    transport = options.transport or network(options.ca_file)
    strict = options.mode == "strict"
    wire = Wire(url, transport, timeout=options.timeout, clock=options.clock, strict=strict)
    try:
        return await _Run(wire, secret, options, checks).report()
    finally:
        await wire.close()


class _Run:
    """One run over one connector."""

    def __init__(self, wire: Wire, secret: str, options: Options, checks: Sequence[Check]) -> None:
        self._wire = wire
        self._secret = secret
        self._options = options
        self._checks = checks
        self._results: dict[str, Result] = {}
        self._last: dict[str, Hum] = {}
        run_id = options.randomness(4).hex()
        numbers = itertools.count(1)
        self._identity = Identity(
            secret, options.now, lambda prefix: f"{prefix}_hum_check_{run_id}_{next(numbers)}"
        )
        chance = random.Random(options.randomness(16))
        self._stage = Stage(
            self._hum(),
            Numbers(chance, (*options.seed.contacts, *options.seed.unknown)),
            options.seed,
            may_create=options.allow_writes and options.profile == "full",
            settle=options.settle,
            show=options.show_activity,
        )

    async def report(self) -> Report:
        begun = self._options.clock()
        notes = await self._look_first()
        try:
            async with asyncio.timeout(self._options.total):
                await self._all()
        except TimeoutError:
            notes.append(
                f"The run was stopped after {self._options.total:g} s; what was not done has failed."
            )
        finally:
            self._stage.close()
        results = tuple(self._results.get(check.id) or self._unfinished(check) for check in self._applying())
        if not notes and (cause := in_common(results)):
            notes.append(cause)
        if waits := sum(is_crowded(exchange) for exchange in self._wire.exchanges):
            notes.append(f"{waits} answers were 429 or 503: --concurrency 1 asks more slowly.")
        left_out = len(CHECKS) - len(results)
        if left_out:
            notes.append(f"{left_out} checks do not belong to this profile, mode or selection.")
        return Report(
            self._wire.base,
            self._options.profile,
            self._options.mode,
            self._options.allow_writes,
            results,
            left_behind(self._wire.exchanges, self._secret),
            tuple(notes),
            len(self._wire.exchanges),
            self._options.clock() - begun,
        )

    async def _look_first(self) -> list[str]:
        """Whether anybody is there; what a good ping tells about all that follows."""
        exchange = await self._wire.reach(self._hum().ping())
        clue = _CLUES.get(exchange.answer.status) if exchange.answer is not None else None
        return [f"{clue} Most failures below follow from that."] if clue is not None else []

    async def _all(self) -> None:
        places = asyncio.Semaphore(self._options.concurrency)

        async def placed(check: Check) -> None:
            async with places:
                await self._one(check)

        await _together(placed(check) for check in self._at("together"))
        for check in (*self._at("alone"), *self._at("last")):
            await self._one(check)

    async def _one(self, check: Check) -> None:
        if check.writes and not self._options.allow_writes:
            self._results[check.id] = Result(check, "skipped", reason=NO_WRITES)
            return
        begun = self._options.clock()
        hum = self._last[check.id] = self._hum()
        verdict = await self._verdict(check, hum)
        seconds = self._options.clock() - begun
        if isinstance(verdict, Failed):
            failure = failure_of(verdict, check, hum.last, self._secret)
            self._results[check.id] = Result(check, "failed", seconds, failure)
        elif isinstance(verdict, Skipped):
            reason = mask(f"it needs {verdict}", self._secret)
            self._results[check.id] = Result(check, "skipped", seconds, reason=reason)
        else:
            self._results[check.id] = Result(check, "passed", seconds)

    async def _verdict(self, check: Check, hum: Hum) -> Failed | Skipped | None:
        """None when the check passes."""
        try:
            await check.run(hum, self._stage)
        except (Failed, Skipped) as verdict:
            return verdict
        except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others found
            return Failed("a verdict", f"the check itself broke: {type(error).__name__}", hint=BROKEN)
        return None

    def _applying(self) -> list[Check]:
        """The checks that belong to the profile and the mode."""
        return [
            check
            for check in self._checks
            if (check.profile == "lookup" or self._options.profile == "full")
            and (not check.strict_only or self._options.mode == "strict")
        ]

    def _at(self, when: str) -> list[Check]:
        return [check for check in self._applying() if check.when == when]

    def _unfinished(self, check: Check) -> Result:
        hum = self._last.get(check.id)
        got = (
            "still under way when the time for the whole run was over" if hum else "never begun: out of time"
        )
        hint = "Is the connector slow, or does it hang? --total-timeout gives the run more time."
        failed = Failed("a verdict in time", got, hint=hint)
        failure: Failure = failure_of(failed, check, hum.last if hum else None, self._secret)
        return Result(check, "failed", failure=failure)

    def _hum(self) -> Hum:
        return Hum(self._identity, self._wire, strict=self._options.mode == "strict")


async def _together(work: Iterable[object]) -> None:
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)  # type: ignore[arg-type]


def _check_secret(secret: str) -> None:
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"the secret must have {SHORTEST_SECRET} characters or more")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError("the secret must be visible ASCII characters, without a line end from a file")
    signing.standard_key(secret)

"""What people type: durations, moments, headers, secrets."""

from __future__ import annotations

import os
import re
import sys
import time

import click

from gateway.clock import format_time, parse_time

_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> int:
    """Seconds of `45`, `45s`, `15m`, `12h`, `90d`. Raises ValueError."""
    found = _DURATION.match(text)
    if not found or int(found[1]) == 0:
        raise ValueError(f"{text!r} is not a duration such as 90d, 12h, 15m or 45s")
    return int(found[1]) * _SECONDS[found[2]]


class Duration(click.ParamType[int]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[str]):
    """A time as the API takes it, a day (`2026-11-20`: its beginning in UTC), or how long ago (`2h`)."""

    name = "time|day|ago"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if _DAY.match(text):
            text += "T00:00:00Z"
        try:
            if not _DURATION.match(text):
                parse_time(text)
                return text
            return format_time(time.time_ns() // 1_000_000 - 1000 * parse_duration(text))
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is neither a time such as 2026-11-20T21:05:09Z, nor a day such as 2026-11-20,"
                " nor how long ago: 45s, 15m, 12h or 90d",
                param,
                ctx,
            )


def pairs(entries: tuple[str, ...], separator: str) -> list[tuple[str, str]]:
    """`("K=V", …)` split at the first separator. Raises click.BadParameter."""
    found = []
    for entry in entries:
        name, split, value = entry.partition(separator)
        if not split or not name.strip():
            raise click.BadParameter(f"{entry!r} is not NAME{separator}VALUE")
        found.append((name.strip(), value.strip()))
    return found


def environment(name: str) -> str:
    """The value of an environment variable that must be there. Raises click.ClickException."""
    value = os.environ.get(name)
    if value is None:
        raise click.ClickException(f"the environment variable {name} is not set")
    if not value.strip():
        raise click.ClickException(f"the environment variable {name} is empty")
    return value.strip()


def confirm(question: str, yes: bool) -> None:
    """Asks before something is lost, unless `yes`. Raises where nobody can be asked."""
    if yes:
        return
    if not interactive():
        raise click.ClickException("this cannot be undone, and nobody is there to ask: repeat it with --yes")
    click.confirm(question, abort=True)


def interactive() -> bool:
    return sys.stdin.isatty()


def secrets(given: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    """Secrets from the command line and from the environment, at least one. Raises click.ClickException."""
    found = [*given, *(environment(name) for name in names)]
    if not found:
        raise click.UsageError("give --secret-env VARIABLE or --secret SECRET")
    return found

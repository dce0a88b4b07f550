"""Logs: one line per record, as text or JSON, in UTC with milliseconds, and nothing personal in them.

    2026-11-20T21:05:09.123Z INFO    gateway.dispatch  attempt  delivery=dlv_01k… status=200
    {"time": "2026-11-20T21:05:09.123Z", "level": "info", "logger": "gateway.dispatch", …}

    log.info("attempt", extra=fields(delivery=delivery.id, status=200))

Secrets, API keys and phone numbers are masked in the finished line, so that fields and tracebacks are covered
as well as messages. That is a net under the rule, not the rule: whoever logs leaves them out.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import IO, Any

from gateway.clock import format_time

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {
    "message",
    "asctime",
    "taskName",
    "fields",
    "color_message",  # uvicorn's second copy of its message, with escape codes
}
_SECRET = re.compile(r"(whsec_|hum_live_)[A-Za-z0-9+/=_-]+")
_PHONE = re.compile(r"(\+|%2[Bb])[1-9][0-9]{4,}([0-9]{2})(?![0-9])")
_BARE = re.compile(r"[A-Za-z0-9_.:/*@%+…\[\]-]+\Z")


def fields(**values: object) -> dict[str, Any]:
    """`extra=` for a log call. Any name may be used, also one that LogRecord has (`name`, `args`)."""
    return {"fields": values}


def mask(text: str) -> str:
    """`text` without signing secrets, API keys and E.164 numbers (their last two digits stay)."""
    return _PHONE.sub(r"\1…\2", _SECRET.sub(r"\1[hidden]", text))


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    named = getattr(record, "fields", None)
    return extra | named if isinstance(named, dict) else extra


def _time_of(record: logging.LogRecord) -> str:
    return format_time(int(record.created * 1000))


class _Formatter(logging.Formatter):
    def _trace(self, record: logging.LogRecord) -> str | None:
        trace = self.formatException(record.exc_info) if record.exc_info else None
        return trace if trace is None or not record.stack_info else f"{trace}\n{record.stack_info}"


class TextFormatter(_Formatter):
    """A line for people; a line break inside a value is written `\\n`: no value can forge a record."""

    def format(self, record: logging.LogRecord) -> str:
        named = _fields_of(record)
        if trace := self._trace(record):
            named["exception"] = trace
        pairs = [f"{name}={_text(value)}" for name, value in named.items()]
        head = f"{_time_of(record)} {record.levelname:<7} {record.name}  {record.getMessage()}"
        return mask(_one_line("  ".join([head, " ".join(pairs)]) if pairs else head))


class JsonFormatter(_Formatter):
    """The same as one JSON object; a field named like one of the line's own keys gets a trailing `_`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in _fields_of(record).items():
            line[f"{name}_" if name in line else name] = value
        if trace := self._trace(record):
            line["exception"] = trace
        return mask(json.dumps(line, default=str))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value if _BARE.match(value) else json.dumps(value, ensure_ascii=False)
    return _text(str(value)) if value is not None else "-"


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def configure(level: str = "info", format: str = "text", stream: IO[str] | None = None) -> None:  # noqa: A002
    """Route every logger of the process, uvicorn's too, to `stream` (standard error) in that format.

    uvicorn's access log is off: it prints raw paths, and the gateway writes its own line with the route's
    template. Calling it again replaces the configuration.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("alembic", "uvicorn.error"):  # what they say at a start and a stop, the gateway says itself
        logging.getLogger(name).setLevel(logging.WARNING)
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    for name in ("httpx", "httpcore", "aiosqlite"):  # these write URLs or statements at info and debug
        logging.getLogger(name).setLevel(logging.WARNING)

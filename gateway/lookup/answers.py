"""What Twilio Lookup v2 answers, read strictly: an answer that is wrong in any way is a `Failed`, and nothing
of it is kept.

What was not asked for is null there, and is not looked at. An error of one package comes inside a 200 and
leaves the others as they are. A number that does not exist is a 200, too, with `valid` false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.domain.exchange import Exchange
from gateway.domain.number_lookup import LINE, Package, Report
from gateway.domain.strict_json import NotJson, decode
from gateway.lookup.provider import Failed

MOST_TEXT: Final = 250
MOST_WAIT_MS: Final = 60_000

# Where each field of a package stands in it.
_FIELDS: Final[Mapping[Package, Mapping[str, str]]] = {
    LINE: {"line_type": "type", "carrier": "carrier_name"},
    "caller_name": {"caller_name": "caller_name"},
}
_PACKAGE_ERRORS: Final = {60601: "not_approved", 60607: "not_covered"}
_NOT_ACTIVE: Final = 20005
_UNSENT: Final = frozenset(
    {"dns", "connect_refused", "connect_timeout", "tls", "target_denied", "target_unreachable", "aborted"}
)


class Wrong(ValueError):
    """An answer that is not as it should be: which field, and why."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")


def read(exchange: Exchange, phone: str, packages: Sequence[Package]) -> Report | Failed:
    """The answer to a question about `phone` (E.164)."""
    if (failed := _unusable(exchange)) is not None:
        return failed
    try:
        answer = decode(exchange.response_body)
        if not isinstance(answer, dict):
            raise Wrong("the answer", "must be an object")
        return _report(answer, phone, packages)
    except NotJson as problem:
        return Failed("invalid_json", f"the answer is no JSON: {problem}", 200, charged=True)
    except Wrong as wrong:
        return Failed("invalid_answer", str(wrong), 200, charged=True)


def _unusable(exchange: Exchange) -> Failed | None:
    """Why there is no answer to read; None when there is one."""
    status = exchange.status_code
    if exchange.error is not None:
        charged = exchange.error not in _UNSENT
        return Failed(exchange.error, exchange.error_detail, status, charged=charged)
    if status in (401, 403):
        return _refused(exchange, status)
    if status == 429:
        return Failed("rate_limited", "answered 429", status, wait_ms=_wait_ms(exchange))
    if status != 200:
        server = status is not None and status >= 500
        return Failed("http_status", f"answered {status}", status, charged=server)
    if exchange.response_truncated:
        return Failed("too_large", "the answer is longer than 64 KiB", status, charged=True)
    return None


def _refused(exchange: Exchange, status: int) -> Failed:
    """Whom it does not know is told apart from whom it does not serve: they are mended elsewhere."""
    code = _code(exchange)
    if code == _NOT_ACTIVE:
        what = f"answered {status}: the account is not active, but suspended or closed"
        return Failed("suspended", what, status, code=code)
    if status == 403:
        what = "answered 403: the account, or the key that is used for it, may not look up numbers"
        return Failed("forbidden", what, status, code=code)
    what = "answered 401: it does not take the credentials: account or token is wrong, or not good any more"
    return Failed("refused", what, status, code=code)


def _code(exchange: Exchange) -> int | None:
    """Twilio's own code of an error, if the answer is one of Twilio's."""
    try:
        answer = decode(exchange.response_body)
    except NotJson:
        return None
    code = answer.get("code") if isinstance(answer, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) and 0 < code < 100_000 else None


def _report(answer: Mapping[str, Any], phone: str, packages: Sequence[Package]) -> Report | Failed:
    if answer.get("phone_number") != phone:
        return Failed("wrong_number", "the answer is about another number", 200, charged=True)
    valid = answer.get("valid")
    if not isinstance(valid, bool):
        raise Wrong("valid", "must be true or false")
    values: dict[Package, Mapping[str, str]] = {}
    errors: dict[Package, str] = {}
    for package in packages if valid else ():
        found = answer.get(package)
        if not isinstance(found, dict):
            raise Wrong(package, "must be an object, for it was asked for")
        error = _error(found, package)
        if error is not None:
            errors[package] = error
        else:
            values[package] = _values(found, package)
    return Report(valid, values, errors)


def _error(found: Mapping[str, Any], package: Package) -> str | None:
    code = found.get("error_code")
    if code is None:
        return None
    if isinstance(code, bool) or not isinstance(code, int):
        raise Wrong(f"{package}.error_code", "must be a whole number or null")
    return _PACKAGE_ERRORS.get(code, "package_failed")


def _values(found: Mapping[str, Any], package: Package) -> dict[str, str]:
    values = {}
    for name, key in _FIELDS[package].items():
        text = found.get(key)
        if text is not None and not isinstance(text, str):
            raise Wrong(f"{package}.{key}", "must be a text or null")
        if text and (line := _line(text)):
            values[name] = line
    return values


def _line(text: str) -> str:
    """One line of what can be seen; half of a surrogate pair, which nothing could store, is left out, too."""
    visible = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text[: MOST_TEXT * 2])
    return " ".join(visible.split())[:MOST_TEXT]


def _wait_ms(exchange: Exchange) -> int | None:
    """What `Retry-After` asks for, in whole seconds; anything else in it is left alone."""
    for name, value in exchange.response_headers:
        text = value.strip()
        if name.lower() == "retry-after" and text.isascii() and text.isdigit():
            return min(int(text[:9]) * 1000, MOST_WAIT_MS)
    return None

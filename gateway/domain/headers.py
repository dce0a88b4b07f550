"""Rules for the header values that customers add to their webhooks.

A header here goes out verbatim beside the signed ones, so it may neither break the framing of the request,
nor pose as something only the gateway or a proxy says, nor open a cloud's metadata service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gateway.errors import Detail, InvalidRequest

MAX_HEADERS: Final = 20
MAX_NAME: Final = 64
MAX_VALUE: Final = 4096
MAX_VALUES: Final = 8192

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE: Final = re.compile(r"[\x20-\x7e]*", re.ASCII)

# `Authorization` is not here on purpose: receivers need it, and it is stored encrypted.
_REFUSED_NAMES: Final = {
    "belongs to the transport": """host content-length transfer-encoding connection keep-alive te trailer
        upgrade http2-settings expect content-encoding accept-encoding""",
    "is set by the gateway": "content-type user-agent cdn-loop traceparent tracestate",
    "is for proxies": """forwarded via x-real-ip x-client-ip true-client-ip cf-connecting-ip x-original-url
        x-rewrite-url""",
    "opens metadata services": "metadata metadata-flavor",
}
_REFUSED: Final = {name: why for why, names in _REFUSED_NAMES.items() for name in names.split()}
_REFUSED_PREFIXES: Final = (
    ("proxy-", "is for proxies"),
    ("x-forwarded-", "is for proxies"),
    ("x-aws-", "opens metadata services"),
    ("x-google-metadata-", "opens metadata services"),
    ("webhook-", "is set by the gateway"),
    ("x-hum-", "is set by the gateway"),
)


def check_headers(headers: Mapping[str, str], *, field: str = "headers") -> dict[str, str]:
    """The headers, unchanged, or InvalidRequest that names every mistake as `headers.<name>`.

    Names keep their case; values never appear in a message.
    """
    details: list[Detail] = []
    if len(headers) > MAX_HEADERS:
        raise InvalidRequest.field(field, f"must be at most {MAX_HEADERS} headers")
    if sum(map(len, headers.values())) > MAX_VALUES:
        details.append(Detail(field, f"the values must be at most {MAX_VALUES} characters together"))
    seen: set[str] = set()
    for name, value in headers.items():
        mistakes = [name_mistake(name), value_mistake(value)]
        if name.lower() in seen:
            mistakes.append("is there twice (names do not differ by case)")
        seen.add(name.lower())
        details += [Detail(f"{field}.{_shown(name)}", mistake) for mistake in mistakes if mistake]
    if details:
        first = f"{details[0].field}: {details[0].message}"
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        raise InvalidRequest(first + more, details=details)
    return dict(headers)


def name_mistake(name: str) -> str | None:
    """What is wrong with a header's name, or None."""
    if len(name) > MAX_NAME:
        return f"the name must be at most {MAX_NAME} characters"
    if not _NAME.fullmatch(name):
        return "the name must be letters, digits and -"
    lower = name.lower().replace("_", "-")  # CGI and WSGI receivers cannot tell the two apart
    reason = _REFUSED.get(lower)
    if reason is None:
        reason = next((why for prefix, why in _REFUSED_PREFIXES if lower.startswith(prefix)), None)
    return f"cannot be set: it {reason}" if reason else None


def value_mistake(value: str) -> str | None:
    """What is wrong with a header's value, or None."""
    if len(value) > MAX_VALUE:
        return f"the value must be at most {MAX_VALUE} characters"
    if not _VALUE.fullmatch(value):
        return "the value must be printable ASCII on one line"
    if value != value.strip(" "):
        return "the value must not begin or end with a space"
    return None


def _shown(name: str) -> str:
    return "".join(c if "!" <= c <= "~" else "?" for c in name[:MAX_NAME])

from __future__ import annotations

import pytest

from gateway.domain.headers import check_headers
from gateway.errors import InvalidRequest
from tests.support.targets import words

REFUSED_NAMES = words("""
Host host CONTENT-LENGTH Content-Length Transfer-Encoding transfer-encoding Connection Keep-Alive TE Trailer
Upgrade Expect Proxy-Authorization Proxy-Connection proxy-x Forwarded X-Forwarded-For x-forwarded-host Via
Metadata-Flavor Metadata X-aws-ec2-metadata-token x-AWS-anything webhook-id webhook-signature
Webhook-Timestamp X-HUM-Signature x-hum-event X_HUM_Event X-Real-IP Content-Type User-Agent traceparent
CDN-Loop Content-Encoding
""")
BAD_NAMES = [
    "",
    "a b",
    "a:b",
    "a\r\nHost",
    "a\n",
    "é",
    "a\x00",
    "(x)",
    "a,b",
    "ａ",
    "a" * 65,
    "a\tb",
    ":path",
    '"x"',
]
BAD_VALUES = [
    "a\r\nHost: evil",
    "a\n",
    "\r",
    "a\x00b",
    "é",
    "\u2028",
    "a\tb",
    "\x7f",
    "\x1b[0m",
    " a",
    "a ",
    "x" * 4097,
]
SECRET = "Bearer s3cr3t-value"


def refused(headers: dict[str, str]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        check_headers(headers)
    assert caught.value.status == 422
    return caught.value


def test_useful_headers_are_taken_unchanged() -> None:
    headers = {"X-Env": "prod", "Authorization": SECRET, "x-api-key": "a b~!", "Cookie": "a=b", "X-Empty": ""}
    assert check_headers(headers) == headers
    assert list(check_headers(headers)) == list(headers)


@pytest.mark.proof
def test_headers_that_break_framing_or_pose_as_others_are_refused() -> None:
    for name in [*REFUSED_NAMES, *BAD_NAMES]:
        assert refused({name: SECRET}).details[0].field.startswith("headers.")
    for value in BAD_VALUES:
        problem = refused({"X-Env": value})
        assert problem.details[0].field == "headers.X-Env"
    # Control: the check that only looks for line breaks takes most of them.
    control = [n for n in [*REFUSED_NAMES, *BAD_NAMES] if "\r" not in n and "\n" not in n]
    assert len(control) > 40
    print(f"refused {len(REFUSED_NAMES)} names, {len(BAD_NAMES)} malformed names, {len(BAD_VALUES)} values")


def test_all_mistakes_come_at_once_and_values_never_show() -> None:
    problem = refused({"Host": SECRET, "X-Ok": "fine", "X-Bad": SECRET + "\n", "x-ok": "again"})
    assert [d.field for d in problem.details] == ["headers.Host", "headers.X-Bad", "headers.x-ok"]
    assert "s3cr3t" not in problem.message + str(problem.details)


def test_fields_of_odd_names_are_printable() -> None:
    field = refused({"a\r\nb\x00é" + "z" * 100: ""}).details[0].field
    assert field.isascii()
    assert field.isprintable()
    assert len(field) <= len("headers.") + 64


def test_limits() -> None:
    assert check_headers({f"X-{n}": "v" for n in range(20)})
    assert refused({f"X-{n}": "v" for n in range(21)}).details[0].field == "headers"
    assert check_headers({"a" * 64: "v" * 4096})

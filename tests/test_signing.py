"""gateway.signing: what a customer's receiver relies on, and what a stranger can send it."""

from __future__ import annotations

import ast
import email.message
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import signing
from gateway.signing import REASONS, SignatureError, sign, standard_key, standard_signature, verify

OLD = "whsec_" + "b2xk" * 8
NEW = "whsec_" + "bmV3" * 8
BODY = b'{"type":"call.completed","data":{"n":1.10}}'
NOW = 1_795_209_909


def headers(secret: str | list[str] = OLD, body: bytes = BODY) -> dict[str, str]:
    return sign(body, secret, id="evt_1", timestamp=NOW)


def reason(body: Any = BODY, given: Any = None, secrets: Any = OLD, **options: Any) -> str:
    with pytest.raises(SignatureError) as problem:
        verify(body, headers() if given is None else given, secrets, **{"now": NOW, **options})
    assert OLD not in str(problem.value)
    return problem.value.reason


def test_verified_says_what_was_proved() -> None:
    result = verify(BODY, headers(), [NEW, OLD], now=NOW)
    assert (result.scheme, result.id, result.timestamp) == ("standard", "evt_1", NOW)
    assert result.replay_protected and result.secret_index == 1
    with pytest.raises(AttributeError):
        result.id = "evt_2"  # type: ignore[misc]


def test_body_signature_alone_counts_only_when_asked_for() -> None:
    alone = {"X-HUM-Signature": headers()["X-HUM-Signature"]}
    assert reason(given=alone) == "replay_unprotected"
    result = verify(BODY, alone, OLD, allow_body_only=True)
    assert (result.scheme, result.replay_protected, result.id) == ("body", False, None)


@pytest.mark.parametrize("left", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_stripping_headers_does_not_reach_the_weaker_check(left: str) -> None:
    kept = {name: value for name, value in headers().items() if name in ("X-HUM-Signature", left)}
    assert reason(given=kept, allow_body_only=True) == "missing_header"


def test_rotation_needs_one_of_the_secrets_and_says_which() -> None:
    both = headers([OLD, NEW])
    for known, index in (([OLD], 0), ([NEW], 0), ([NEW, OLD], 0), (["whsec_" + "eHh4" * 8, NEW], 1)):
        assert verify(BODY, both, known, now=NOW).secret_index == index
    assert both["webhook-signature"].count("v1,") == 2
    assert both["X-HUM-Signature"] == signing.body_signature(OLD, BODY)


def test_a_good_signature_counts_anywhere_among_unknown_ones() -> None:
    given = headers()
    given["webhook-signature"] = f"v1, v1a,xx v2,yy v1,AAAA {given['webhook-signature']} junk"
    assert verify(BODY, given, OLD, now=NOW).replay_protected


def test_tolerance_itself_passes_and_one_second_more_does_not() -> None:
    for now in (NOW - 300, NOW + 300):
        assert verify(BODY, headers(), OLD, now=now)
    assert reason(now=NOW + 300.1) == "timestamp_too_old"
    assert reason(now=NOW - 300.1) == "timestamp_too_new"
    assert verify(BODY, headers(), OLD, now=NOW + 9, tolerance=10)


def test_the_machines_clock_is_the_default() -> None:
    assert reason(now=None) in ("timestamp_too_old", "timestamp_too_new")


def _message(pairs: dict[str, str]) -> Any:
    message = email.message.Message()  # what http.server gives: items() but no Mapping
    for name, value in pairs.items():
        message[name] = value
    return message


@pytest.mark.parametrize(
    "shape",
    [
        lambda h: {name.upper(): value for name, value in h.items()},
        lambda h: [(name.encode(), value.encode()) for name, value in h.items()],
        lambda h: iter([(name.title(), value.encode()) for name, value in h.items()]),
        lambda h: {**h, 7: "x", b"\xff": b"\xff", "Other": "ü"},
        _message,
    ],
)
def test_headers_come_in_many_shapes(shape: Callable[[dict[str, str]], Any]) -> None:
    assert verify(BODY, shape(headers()), [OLD], now=NOW).id == "evt_1"


def test_a_repeated_header_in_http_servers_headers_is_seen() -> None:
    message = _message(headers())
    message["Webhook-ID"] = "evt_2"
    assert reason(given=message) == "duplicate_header"


@pytest.mark.parametrize("value", [None, 5, ["evt_1"], 1.5])
def test_a_value_that_is_no_text_is_refused(value: Any) -> None:
    assert reason(given={**headers(), "webhook-id": value}) == "malformed_header"


@pytest.mark.parametrize(
    "text", ["٣", "1_000", " 1", "1 ", "+1", "-1", "1.0", "1e3", "01", "", "9" * 13, "nan"]
)
def test_only_plain_seconds_are_a_timestamp(text: str) -> None:
    expected = "malformed_header" if not text.isascii() else "invalid_timestamp"
    assert reason(given={**headers(), "webhook-timestamp": text}) == expected


def test_an_id_with_a_dot_is_refused_on_both_sides() -> None:
    # Without the rule, this is one valid signature for two different messages.
    with pytest.raises(ValueError, match="dot"):
        sign(b"x", OLD, id="a.1", timestamp=NOW)
    with pytest.raises(ValueError, match="dot"):
        standard_signature(b"key", "a.1", NOW, b"x")
    moved = {**headers(body=b"1.x"), "webhook-id": f"evt_1.{NOW}", "webhook-timestamp": "1"}
    assert reason(b"x", moved, now=1) == "invalid_id"


@pytest.mark.parametrize("bad", ["", " evt", "evt 1", "ü", "a\n", "a" * 257])
def test_sign_refuses_ids_that_no_receiver_would_accept(bad: str) -> None:
    with pytest.raises(ValueError, match="id must be"):
        sign(BODY, OLD, id=bad, timestamp=NOW)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [(True, TypeError), (1.5, TypeError), ("1", TypeError), (-1, ValueError), (NOW * 1000, ValueError)],
)
def test_sign_takes_whole_seconds_only(bad: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        sign(BODY, OLD, id="evt_1", timestamp=bad)


@pytest.mark.parametrize(
    ("secrets", "kind"),
    [
        ([], ValueError), ("", ValueError), ([OLD, ""], ValueError), ("whsec_", ValueError),
        (OLD + "\n", ValueError), ("no prefix!\n", ValueError),
        ("whsec_not base64", ValueError), ("whsec_ab-_abcd", ValueError),
        ([b"bytes"], TypeError), ([None], TypeError),
    ],
)  # fmt: skip
def test_unusable_secrets_are_loud_even_when_the_request_is_bad_too(
    secrets: Any, kind: type[Exception]
) -> None:
    for arrived in (headers(), {}):
        with pytest.raises(kind) as problem:
            verify(BODY, arrived, secrets)
        assert not isinstance(problem.value, SignatureError)
    with pytest.raises(kind):
        sign(BODY, secrets, id="evt_1", timestamp=NOW)


def test_a_lone_secret_is_not_a_list_of_letters() -> None:
    forged = {"X-HUM-Signature": signing.body_signature("w", BODY)}
    assert reason(given=forged, secrets=OLD, allow_body_only=True) == "signature_mismatch"


@pytest.mark.parametrize("body", ["text", {"a": 1}, None])
def test_a_body_that_is_not_raw_bytes_is_a_mistake_of_the_program(body: Any) -> None:
    with pytest.raises(TypeError, match="raw bytes"):
        verify(body, headers(), OLD)


@pytest.mark.parametrize("bad", [-1, float("nan")])
def test_a_tolerance_that_would_let_everything_pass_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        verify(BODY, headers(), OLD, tolerance=bad, now=NOW + 10**9)


@pytest.mark.parametrize(
    ("secret", "key"),
    [("whsec_AAEC", b"\0\1\2"), ("whsec_AAE=", b"\0\1"), ("whsec_AAE", b"\0\1"), ("AAEC", b"\0\1\2"),
     ("It's a Secret to Everybody", b"It's a Secret to Everybody"), ("abcde", b"abcde"), ("ab=cd", b"ab=cd"),
     ("AAE==", b"AAE=="), ("pässword", "pässword".encode())],
)  # fmt: skip
def test_the_key_behind_a_secret(secret: str, key: bytes) -> None:
    assert standard_key(secret) == key


def test_reasons_are_the_documented_ones() -> None:
    page = (Path(__file__).parents[1] / "docs" / "verify-signatures.md").read_text("utf-8")
    for name in REASONS:
        assert f"| `{name}` |" in page, name
    raised = {
        node.args[0].value
        for node in ast.walk(ast.parse(Path(signing.__file__).read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "SignatureError"
        and isinstance(node.args[0], ast.Constant)
    }  # fmt: skip
    assert raised == set(REASONS)


def test_the_file_works_alone_when_copied(tmp_path: Path) -> None:
    (tmp_path / "signing.py").write_bytes(Path(signing.__file__).read_bytes())
    program = (
        "import sys, signing; h = signing.sign(b'x', 's3cret!', id='evt_1', timestamp=5);"
        "signing.verify(b'x', h, ['s3cret!'], now=5);"
        "print([m for m in sys.modules if m.split('.')[0] not in sys.stdlib_module_names and m[0] != '_'])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['signing']"


_names = st.sampled_from([*headers(), "webhook-x", "X-Other"]) | st.text(max_size=8) | st.binary(max_size=8)
_values = (
    st.text(max_size=30) | st.binary(max_size=30) | st.sampled_from(list(headers().values())) | st.integers()
    | st.none() | st.sampled_from(["v1,", "v1", "v1,=", str(NOW), "sha256=", "1" * 5000, "v1,é v1,"])
)  # fmt: skip


@given(
    body=st.binary(max_size=50),
    given_headers=st.lists(st.tuples(_names, _values), max_size=8),
    alone=st.booleans(),
)
def test_no_input_of_a_stranger_makes_another_exception(body: bytes, given_headers: Any, alone: bool) -> None:
    for shape in (given_headers, dict(given_headers)):
        try:
            verify(body, shape, [OLD, NEW], allow_body_only=alone, now=NOW)
        except SignatureError as problem:
            assert problem.reason in REASONS


@given(
    body=st.binary(max_size=200), keys=st.lists(st.binary(min_size=1, max_size=64), min_size=1, max_size=3)
)
def test_whatever_is_signed_verifies_with_each_of_the_secrets(body: bytes, keys: list[bytes]) -> None:
    import base64

    secrets = ["whsec_" + base64.b64encode(key).decode() for key in keys]
    made = sign(body, secrets, id="evt_1", timestamp=NOW)
    for secret in secrets:
        assert verify(body, made, secret, now=NOW).id == "evt_1"
    alone = {"x-hum-signature": made["X-HUM-Signature"]}
    assert verify(body, alone, secrets[0], allow_body_only=True, now=NOW).scheme == "body"

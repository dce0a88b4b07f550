"""Secrets: made strong, imported strictly, and never seen again in what a receiver echoes."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import sys
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.domain import secret
from gateway.domain.secret import MASK, check_foreign, check_imported, holds_any, mask, new_secret, reach
from gateway.errors import InvalidRequest

SECRET = "whsec_" + base64.b64encode(b"\xff\xfe+/secret key of 32 bytes!!!???"[:32]).decode()


def imported(raw: bytes) -> str:
    return "whsec_" + base64.b64encode(raw).decode()


def test_a_new_secret_is_32_random_bytes_and_importable() -> None:
    made = new_secret(os.urandom)
    assert len(base64.b64decode(made.removeprefix("whsec_"), validate=True)) == 32
    assert made != new_secret(os.urandom)
    assert check_imported(made) == made


def test_a_source_of_randomness_that_fails_is_noticed() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        new_secret(lambda count: b"")


@pytest.mark.parametrize("count", [24, 25, 26, 32, 64])
def test_24_to_64_bytes_are_imported(count: int) -> None:
    assert check_imported(imported(bytes(range(count)))) == imported(bytes(range(count)))


@pytest.mark.parametrize(
    "text",
    [
        "", "whsec_", imported(bytes(23)), imported(bytes(65)), imported(bytes(32))[6:],
        imported(bytes(32))[:-1],
        imported(bytes(32)) + "\n", " " + imported(bytes(32)), imported(bytes(32)).replace("A=", "B="),
        "WHSEC_" + imported(bytes(32))[6:], imported(b"\xff" * 33).replace("/", "_"), "whsec_" + "ü" * 40,
        imported(bytes(32)) + "====", "whsec_" + "A" * 33,
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_field_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidRequest) as problem:
        check_imported(text)
    assert [detail.field for detail in problem.value.details] == ["secret"]
    assert len(text) < 10 or text not in problem.value.message


def test_secrets_of_other_systems_are_16_to_256_printable_characters() -> None:
    for good in ("x" * 16, "x" * 256, "It's a Secret to Everybody"):
        assert check_foreign(good) == good
    for bad in ("x" * 15, "x" * 257, "x" * 20 + "\n", "ü" * 20, " " + "x" * 20):
        with pytest.raises(InvalidRequest):
            check_foreign(bad)


TAIL = SECRET[6:]


@pytest.mark.parametrize(
    "echo",
    [
        SECRET, TAIL, base64.b64encode(SECRET.encode()).decode(), base64.b64encode(TAIL.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="), quote(SECRET, safe=""), quote(SECRET),
        quote_plus(SECRET), re.sub("%..", lambda m: m[0].lower(), quote(SECRET, safe="")),
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        SECRET.replace("+", "\\u002B"), html.escape(SECRET),
    ],
)  # fmt: skip
def test_every_spelling_of_a_secret_is_masked(echo: str) -> None:
    text = f'{{"echo": "{echo}", "ok": true}}'
    for masked in (mask(text, [SECRET]), mask(text.encode(), [SECRET]).decode()):
        assert MASK in masked
        assert masked.startswith('{"echo": "') and masked.endswith('", "ok": true}')
        assert len(masked) <= 45, masked  # nothing of the secret is left between


@pytest.mark.parametrize("user", ["", "u:", "user:", "a-user:"])
def test_a_password_inside_basic_credentials_is_masked(user: str) -> None:
    encoded = base64.b64encode(f"{user}correct-horse:more".encode()).decode()
    masked = mask(f"Authorization: Basic {encoded}", ["correct-horse"])
    assert MASK in masked and len(masked) < len(encoded) + 16


def test_the_credentials_alone_are_masked_too() -> None:
    assert mask("token=tok_live_123", ["Bearer tok_live_123"]) == f"token={MASK}"


def test_short_values_are_left_alone() -> None:
    assert mask("prod 12345 123456", ["prod", "12345", "1", ""]) == "prod 12345 123456"
    assert mask("prod 12345 123456", ["123456"]) == f"prod 12345 {MASK}"


def test_a_text_without_secrets_comes_back_itself() -> None:
    text, data = "nothing here", b"nothing here"
    assert mask(text, [SECRET, "another-value"]) is text
    assert mask(data, [SECRET]) is data
    assert mask(text, []) is text


def test_overlapping_secrets_leave_no_rest() -> None:
    assert mask("x abcdefghij y", ["abcdefgh", "efghij"]) == f"x {MASK} y"
    assert mask("abcdefabcdef", ["abcdef"]) == MASK * 2


def test_binary_bodies_are_masked() -> None:
    assert mask(b"\xff\x00" + SECRET.encode() + b"\xfe", [SECRET]) == b"\xff\x00[secret]\xfe"


_value = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=60)


@given(before=st.text(max_size=20), after=st.text(max_size=20), value=_value, other=_value)
def test_no_secret_survives_raw_encoded_or_quoted(before: str, after: str, value: str, other: str) -> None:
    spellings = [value, base64.b64encode(value.encode()).decode().rstrip("="), quote(value, safe="")]
    # A value that reads as part of the mark itself, or only together with it, is no secret of interest.
    assume(not any(part in spelling for spelling in spellings for part in "[]"))
    assume(not any(spelling in MASK for spelling in spellings))
    for spelling in spellings:
        text = before + spelling + after
        masked = mask(text, [other, value])
        assert MASK in masked
        assert not any(one in masked for one in spellings)
        assert mask(text.encode("utf-8", "surrogatepass"), [other, value]) == masked.encode(
            "utf-8", "surrogatepass"
        )


@given(st.binary(max_size=80))
def test_exactly_the_right_lengths_are_imported(raw: bytes) -> None:
    try:
        check_imported(imported(raw))
    except InvalidRequest:
        assert not 24 <= len(raw) <= 64
    else:
        assert 24 <= len(raw) <= 64


def test_a_text_of_one_letter_is_masked_in_no_time() -> None:
    """Every place is a find: they must not be looked at one by one."""
    values = ["a" * (4096 - n) for n in range(2)]
    assert mask("a" * 65_536 + "b", values) == MASK + "b"


def test_spellings_are_made_once_for_each_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many a target has: one of them that changes leaves the others known."""
    made = []

    def counted(value: str) -> secret._Spellings:
        made.append(value)
        return original(value)

    original = secret._spellings_of
    monkeypatch.setattr(secret, "_spellings_of", counted)
    values = [new_secret(os.urandom) for _ in range(300)]
    for _ in range(3):
        assert mask(b"nothing here", values) == b"nothing here"
        assert not holds_any(b"nothing here", values)
    assert made == values
    changed = [*values[1:], new_secret(os.urandom)]
    assert holds_any(f"x {changed[-1]} {values[5]}".encode(), changed)
    assert made == [*values, changed[-1]]


def test_what_is_known_of_secrets_takes_so_much_memory_and_no_more() -> None:
    known = secret._Known(1_000_000)
    for _ in range(100):
        known.spellings(quote(os.urandom(1_300)))
        assert known.size <= 1_000_000
    kept = known._by_secret
    assert 5 < len(kept) < 50
    assert known.size == sum(one.size for one in kept.values())
    assert known.size >= sum(sys.getsizeof(text) for one in kept.values() for text in one.all)
    known.spellings("x" * 500_000)
    assert len(kept) == 1, "the one that is being asked for"


def test_a_secret_that_reaches_over_a_cut_is_found_within_its_reach() -> None:
    values = ["short-one", "pass word " * 40]
    text = b"." * 1_000 + quote(values[1]).encode() + b"." * 1_000
    cut = 1_003
    assert b"pass" not in mask(text[: cut + reach(values)], values)[:cut]
    assert b"pas" in mask(text[:cut], values)
    assert reach([]) == 0


@pytest.mark.parametrize("length", [40, 99, 600])
def test_secrets_in_a_text_of_much_the_same_are_found(length: int) -> None:
    """Where the text is searched with something added to it."""
    value = "a" * (length - 2) + "ba"
    for text in (b"a" * 9_000, b"a" * 9_000 + value.encode() + b"c" * 9):
        there = value.encode() in text
        assert holds_any(text, [value]) is there
        assert mask(text, [value]) == (b"a" * 9_000 + MASK.encode() + b"c" * 9 if there else text)

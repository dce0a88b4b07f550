"""Which requests are HUM's."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.verify import REASONS, Refused, verify
from tests.connectors.signing import NOW, OTHER_SECRET, SECRET, signed_headers, standard_signature

BODY = b'{"phone":"+13175550142","org_id":"acme"}'
Pairs = list[tuple[bytes, bytes]]


def pairs(headers: dict[str, str]) -> Pairs:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def changed(**headers: str | None) -> Pairs:
    """The headers of a good request with some changed, or removed; underscores stand for hyphens."""
    given = {name.lower(): value for name, value in signed_headers(BODY, "contact.lookup").items()}
    for name, value in headers.items():
        if value is None:
            del given[name.replace("_", "-")]
        else:
            given[name.replace("_", "-")] = value
    return pairs(given)


def reason(headers: Pairs, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), now: float = NOW) -> str:
    with pytest.raises(Refused) as refused:
        verify(headers, body, secrets, now=now)
    assert str(refused.value) == REASONS[refused.value.reason]
    return refused.value.reason


def test_a_good_request_is_taken() -> None:
    found = verify(changed(), BODY, [SECRET], now=NOW)
    assert (found.secret_index, found.replay_protected) == (0, True)


def test_the_documented_headers_alone_are_enough() -> None:
    headers = changed(webhook_id=None, webhook_timestamp=None, webhook_signature=None)
    assert verify(headers, BODY, [SECRET], now=NOW).replay_protected is False


def test_names_and_the_scheme_come_in_any_case() -> None:
    headers = [(name.upper(), value) for name, value in changed(authorization=f"bEARER  {SECRET}")]
    assert verify(headers, BODY, [SECRET], now=NOW).secret_index == 0


REFUSED = {
    "bearer_missing": {"authorization": None},
    "bearer_wrong": {"authorization": f"Bearer {OTHER_SECRET}"},
    "signature_missing": {"x_hum_signature": None},
    "signature_malformed": {"x_hum_signature": "sha256=abc"},
    "signature_wrong": {"x_hum_signature": "sha256=" + "0" * 64},
    "webhook_headers_incomplete": {"webhook_signature": None},
    "webhook_id_malformed": {"webhook_id": "evt.1"},
    "webhook_timestamp_malformed": {"webhook_timestamp": "1_795_209_909"},
    "webhook_signature_malformed": {"webhook_signature": "v1,"},
    "webhook_signature_wrong": {"webhook_id": "evt_another"},
}


@pytest.mark.parametrize("expected", REFUSED)
def test_what_is_wrong_is_named(expected: str) -> None:
    assert reason(changed(**REFUSED[expected])) == expected


@pytest.mark.parametrize("bearer", ["", "Bearer", "Bearer ", f"Basic {SECRET}", SECRET, f"XBearer {SECRET}"])
def test_what_is_no_bearer(bearer: str) -> None:
    assert reason(changed(authorization=bearer)) == "bearer_missing"


@pytest.mark.parametrize(
    "bearer", [SECRET[:-1], SECRET + "x", SECRET.lower(), "Bearer", "\u00fc", f"{SECRET} {SECRET}"]
)
def test_a_bearer_is_compared_whole(bearer: str) -> None:
    assert reason(changed(authorization=f"Bearer {bearer}")) == "bearer_wrong"


@pytest.mark.parametrize("age", [301, 86_400, 10**9])
def test_an_old_request_is_refused_and_one_from_the_future(age: int) -> None:
    assert reason(changed(), now=NOW + age) == "webhook_timestamp_old"
    assert reason(changed(), now=NOW - age) == "webhook_timestamp_new"
    assert verify(changed(), BODY, [SECRET], now=NOW + 300)
    assert verify(changed(), BODY, [SECRET], now=NOW - 300)


def test_the_timestamp_is_signed() -> None:
    assert reason(changed(webhook_timestamp=str(NOW + 200)), now=NOW + 400) == "webhook_signature_wrong"


@pytest.mark.parametrize("name", ["authorization", "x-hum-signature", "webhook-id", "webhook-signature"])
def test_a_repeated_header_is_refused_even_when_both_are_good(name: str) -> None:
    headers = changed()
    again = [(found.upper(), value) for found, value in headers if found == name.encode()]
    assert reason(headers + again) == "header_repeated"


def test_one_signature_of_several_is_enough() -> None:
    own = standard_signature(SECRET, "evt_01k9h2w0aa", NOW, BODY)
    for listed in (f"v1,AAAA {own}", f"{own} v1a,x", f"v2,x  {own} "):
        assert verify(changed(webhook_signature=listed), BODY, [SECRET], now=NOW)


class TestRotation:
    """HUM swaps bearer and signature together; a connector holds both secrets while it happens."""

    live = (OTHER_SECRET, SECRET)

    def test_either_secret_is_taken(self) -> None:
        for index, secret in enumerate(self.live):
            headers = pairs(signed_headers(BODY, "ping", secret=secret))
            assert verify(headers, BODY, self.live, now=NOW).secret_index == index

    def test_both_proofs_are_of_the_same_secret(self) -> None:
        other = signed_headers(BODY, "ping", secret=OTHER_SECRET)
        mixed = changed(x_hum_signature=other["X-HUM-Signature"])
        assert reason(mixed, secrets=self.live) == "signature_wrong"
        mixed = changed(webhook_signature=other["webhook-signature"])
        assert reason(mixed, secrets=self.live) == "webhook_signature_wrong"

    def test_two_standard_signatures_at_once(self) -> None:
        headers = pairs(signed_headers(BODY, "ping", also=OTHER_SECRET))
        assert verify(headers, BODY, [SECRET], now=NOW)


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        ("a secret of 24 letters, plain", [b"a secret of 24 letters, plain"]),
        ("c29tZSBvdGhlciBzeXN0ZW0h", [b"c29tZSBvdGhlciBzeXN0ZW0h", b"some other system!"]),
    ],
)
def test_a_secret_of_another_system_is_a_key_as_it_stands_or_decoded(secret: str, keys: list[bytes]) -> None:
    signature = "sha256=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    content = f"evt_1.{NOW}.".encode() + BODY
    for key in keys:
        entry = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        headers = changed(
            authorization=f"Bearer {secret}",
            x_hum_signature=signature,
            webhook_id="evt_1",
            webhook_signature=entry,
        )
        assert verify(headers, BODY, [secret], now=NOW)


def test_mistakes_of_the_program_are_loud() -> None:
    for secrets in ([], [""], SECRET):
        with pytest.raises(ValueError, match="secrets"):
            verify(changed(), BODY, secrets, now=NOW)


names = st.sampled_from(
    [b"authorization", b"x-hum-signature", b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"x"]
)


@given(
    headers=st.lists(
        st.tuples(names, st.one_of(st.binary(max_size=80), st.just(b"Bearer " + SECRET.encode())))
    )
)
def test_no_headers_break_it(headers: Pairs) -> None:
    with pytest.raises(Refused):
        verify(headers, BODY, [SECRET], now=NOW)


@given(body=st.binary(max_size=200), position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_a_changed_byte_is_noticed(body: bytes, position: int, flip: int) -> None:
    headers = pairs(signed_headers(body, "call.sync"))
    assert verify(headers, body, [SECRET], now=NOW)
    spoilt = bytearray(body or b"x")
    spoilt[position % len(spoilt)] ^= flip
    assert reason(headers, bytes(spoilt)) == "signature_wrong"

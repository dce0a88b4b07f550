"""Proof E1: off-the-shelf Standard Webhooks verifiers accept what we sign, and nothing that was changed.

Two independent implementations: the PyPI package `standardwebhooks` and the npm package of that name. The
PyPI package `svix` is a third name for the first one's code; it stands here because customers install it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.ids import new_id
from gateway.domain.secret import new_secret
from gateway.signing import REASONS, SignatureError, sign, verify

STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")
SEED = 20261120


class Delivery(NamedTuple):
    secret: str
    body: bytes
    headers: dict[str, str]


def _body(chance: random.Random) -> bytes:
    """Off-the-shelf verifiers decode the body, so all of them are UTF-8: what JSON always is."""
    kind = chance.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:  # binary-like: every control character, NUL, DEL and beyond
        return "".join(chr(chance.randrange(0x100)) for _ in range(chance.randrange(1, 300))).encode()
    if kind == 2:  # any plane of unicode, byte order marks, line separators
        points = [
            chance.choice((chance.randrange(0xD800), chance.randrange(0xE000, 0x110000), 0xFEFF, 0x2028))
            for _ in range(chance.randrange(1, 100))
        ]
        return "".join(map(chr, points)).encode()
    if kind == 3:  # what a parser and serializer would not give back
        return b'{ "z":1.10,"a":%d, "a":"\\u00e9\\/" }\r\n' % chance.getrandbits(100)
    data = {"n": chance.random(), "t": "".join(chance.choices('aü東🧁 "\\\n', k=chance.randrange(200)))}
    return json.dumps({"type": "call.completed", "data": data}, ensure_ascii=kind == 4).encode()


def _deliveries(count: int, seed: int, signer: Callable[..., dict[str, str]] = sign) -> Iterator[Delivery]:
    chance = random.Random(seed)
    for _ in range(count):
        now = time.time()
        secrets = [new_secret(chance.randbytes) for _ in range(chance.choice((1, 1, 2, 3)))]
        body = _body(chance)
        moment = int(now) + chance.randrange(-200, 200)
        headers = signer(
            body, secrets, id=new_id("evt", int(now * 1000), chance.randbytes(10)), timestamp=moment
        )
        yield Delivery(chance.choice(secrets), body, headers)


def _standardwebhooks(given: Delivery) -> None:
    standardwebhooks.Webhook(given.secret).verify(given.body, given.headers, json_parse=False)


def _svix(given: Delivery) -> None:
    svix.webhooks.Webhook(given.secret).verify(given.body, given.headers)


def _ours(given: Delivery) -> None:
    verify(given.body, given.headers, given.secret)


VERIFIERS = {"gateway.signing": _ours, "standardwebhooks": _standardwebhooks, "svix": _svix}


def _accepts(verifier: Callable[[Delivery], None], given: Delivery) -> bool:
    try:
        verifier(given)
    except Exception:  # others raise whatever their parsing raises; for them that is a refusal too
        return False
    return True


# The controls: signers that are wrong in the ways seen in the field. Every verifier must refuse them.


def _reserialized(body: bytes, secrets: list[str], **options: Any) -> dict[str, str]:
    return sign(json.dumps({"parsed": body.decode()}).encode(), secrets, **options)


def _wrong_separator(body: bytes, secrets: list[str], *, id: str, timestamp: int) -> dict[str, str]:  # noqa: A002
    content = f"{id}:{timestamp}:".encode() + body
    return _hand_made(content, [base64.b64decode(s[6:]) for s in secrets], id, timestamp)


def _keyed_with_the_text(body: bytes, secrets: list[str], *, id: str, timestamp: int) -> dict[str, str]:  # noqa: A002
    return _hand_made(f"{id}.{timestamp}.".encode() + body, [s.encode() for s in secrets], id, timestamp)


def _without_timestamp(body: bytes, secrets: list[str], *, id: str, timestamp: int) -> dict[str, str]:  # noqa: A002
    return _hand_made(f"{id}.".encode() + body, [base64.b64decode(s[6:]) for s in secrets], id, timestamp)


def _hand_made(content: bytes, keys: list[bytes], message_id: str, timestamp: int) -> dict[str, str]:
    made = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
    values = (message_id, str(timestamp), " ".join("v1," + one for one in made))
    return dict(zip(STANDARD, values, strict=True))


BROKEN = [_reserialized, _wrong_separator, _keyed_with_the_text, _without_timestamp]


@pytest.mark.proof
def test_python_verifiers_accept_10_000_random_deliveries() -> None:
    accepted = dict.fromkeys(VERIFIERS, 0)
    kinds = {"empty": 0, "not ASCII": 0}
    for delivery in _deliveries(10_000, SEED):
        kinds["empty"] += not delivery.body
        kinds["not ASCII"] += not delivery.body.isascii()
        for name, verifier in VERIFIERS.items():
            verifier(delivery)
            accepted[name] += 1
    print(f"E1 accepted of 10,000 random deliveries: {accepted}; bodies: {kinds}")
    assert set(accepted.values()) == {10_000}
    assert min(kinds.values()) > 1000


@pytest.mark.proof
@pytest.mark.parametrize("broken", BROKEN)
def test_control_a_broken_signer_is_refused(broken: Callable[..., dict[str, str]]) -> None:
    for delivery in _deliveries(100, SEED, broken):
        assert not any(_accepts(verifier, delivery) for verifier in VERIFIERS.values())


def _changes(given: Delivery) -> Iterator[tuple[str, Delivery]]:
    """Every delivery that differs in one byte of the body or of a header's value."""
    for index, old in enumerate(given.body):
        for new in range(256):
            if new != old:
                changed = given.body[:index] + bytes([new]) + given.body[index + 1 :]
                yield "body", given._replace(body=changed)
    for name in STANDARD:
        value = given.headers[name]
        for index, letter in enumerate(value):
            for new in range(256):
                if chr(new) != letter:
                    changed_value = value[:index] + chr(new) + value[index + 1 :]
                    yield name, given._replace(headers={**given.headers, name: changed_value})


def _same_signature(one: str, other: str) -> bool:
    """Whether two signature headers are two spellings of the same bytes: base64 leaves 2 bits unused."""
    try:
        return base64.b64decode(one[3:]) == base64.b64decode(other[3:])
    except (binascii.Error, ValueError):
        return False


@pytest.mark.proof
def test_every_single_byte_change_is_refused() -> None:
    secret = new_secret(random.Random(SEED).randbytes)
    body = '{"type":"sms.received","data":{"body":"Grüße 🧁","n":1.10}}'.encode()
    sample = Delivery(secret, body, sign(body, secret, id="evt_01k9h2w0", timestamp=int(time.time())))
    assert all(_accepts(verifier, sample) for verifier in VERIFIERS.values())
    tried, respelled = 0, 0
    for where, changed in _changes(sample):
        tried += 1
        with pytest.raises(SignatureError) as problem:
            _ours(changed)
        assert problem.value.reason in REASONS
        for name in ("standardwebhooks", "svix"):
            if _accepts(VERIFIERS[name], changed):
                # They compare decoded bytes; another spelling of the same signature proves the same.
                assert where == "webhook-signature"
                assert _same_signature(changed.headers[where], sample.headers[where])
                respelled += 1
    print(f"E1 single-byte changes: {tried} tried, accepted by ours 0; by the others {respelled}, all of them"
          " spellings of the same signature in base64")  # fmt: skip
    assert tried == 255 * (len(body) + sum(len(sample.headers[name]) for name in STANDARD))
    assert respelled < 20


_header_values = st.text(max_size=40) | st.sampled_from(["v1,", "v1, v1,", "v1", "1e3", "٣", "nan", "\x00"])


@pytest.mark.proof
@settings(max_examples=1000, deadline=None)
@given(
    body=st.binary(max_size=60),
    values=st.tuples(_header_values, _header_values, _header_values),
    fresh=st.booleans(),
    kept=st.sets(st.sampled_from(STANDARD)),
)
def test_no_input_makes_an_unexpected_exception(
    body: bytes, values: tuple[str, str, str], fresh: bool, kept: set[str]
) -> None:
    secret = "whsec_" + "c2VjcmV0" * 4
    headers = dict(zip(STANDARD, values, strict=True))
    if fresh:  # gets the input past the first checks
        headers["webhook-timestamp"] = str(int(time.time()))
    good = sign(body, secret, id="evt_1", timestamp=int(time.time()))
    headers |= {name: good[name] for name in kept}
    try:
        result = verify(body, headers, secret)
    except SignatureError as problem:
        assert problem.reason in REASONS
    else:
        assert result.replay_protected and kept >= {"webhook-signature"}


@pytest.fixture(scope="module")
def node_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the npm package in it; skips, saying why, where that cannot be had."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("node and npm are not installed: the npm verifier was not tried")
    directory = tmp_path_factory.mktemp("node")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0",
               "--prefix", str(directory), "standardwebhooks@1"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry did not answer within 15 s: the npm verifier was not tried")
    if done.returncode:
        pytest.skip(f"npm install standardwebhooks failed: {done.stderr.strip()[-200:]}")
    return directory


def _node_verdicts(directory: Path, deliveries: list[Delivery]) -> list[str]:
    script = Path(__file__).with_name("verify_standardwebhooks.mjs")
    lines = [
        json.dumps(
            {"secret": one.secret, "headers": one.headers, "body": base64.b64encode(one.body).decode()}
        )
        for one in deliveries
    ]
    done = subprocess.run(
        ["node", str(script)], input="\n".join(lines), cwd=directory, capture_output=True, text=True,
        timeout=15, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.proof
def test_the_npm_verifier_accepts_1_000_random_deliveries(node_directory: Path) -> None:
    verdicts = _node_verdicts(node_directory, list(_deliveries(1000, SEED + 1)))
    print(f"E1 npm standardwebhooks: {verdicts.count('ok')} of {len(verdicts)} accepted")
    assert verdicts == ["ok"] * 1000


@pytest.mark.proof
def test_the_npm_verifier_refuses_changes_and_broken_signers(node_directory: Path) -> None:
    secret = new_secret(random.Random(SEED).randbytes)
    sample = Delivery(
        secret, b'{"a":1.10}', sign(b'{"a":1.10}', secret, id="evt_1", timestamp=int(time.time()))
    )
    bad = [changed for _, changed in _changes(sample)]
    for broken in BROKEN:
        bad += _deliveries(50, SEED, broken)
    verdicts = _node_verdicts(node_directory, [sample, *bad])
    print(
        f"E1 npm standardwebhooks: {len(bad)} changed or wrongly signed, {verdicts[1:].count('ok')} accepted"
    )
    assert verdicts[0] == "ok"
    assert len(verdicts) == len(bad) + 1
    assert "ok" not in verdicts[1:]

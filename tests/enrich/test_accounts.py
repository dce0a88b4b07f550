"""Accounts with the provider of telephone data: what one has learned is nobody else's."""

from __future__ import annotations

from gateway.domain.lookup_breaker import Pass
from gateway.domain.number_lookup import Credentials
from gateway.enrich.accounts import Accounts
from gateway.lookup.provider import Failed
from gateway.metrics import Metrics


def test_whoever_names_anothers_account_does_not_silence_it() -> None:
    accounts = Accounts(Metrics())
    theirs, forged = Credentials("AC1", "token"), Credentials("AC1", "wrong")
    account = accounts.of(forged)
    admitted = account.admit(0.0)
    assert not isinstance(admitted, str)
    account.learn(admitted, Failed("rate_limited", "429", status=429, wait_ms=60_000), 0.0)
    assert accounts.of(forged).admit(1.0) == "rate_limited"
    assert not isinstance(accounts.of(theirs).admit(1.0), str)
    assert accounts.of(Credentials("AC1", "token")) is accounts.of(theirs)


def test_a_shorter_wait_does_not_end_a_longer_one() -> None:
    """Of questions that were out together, each may be told to wait."""
    account = Accounts(Metrics()).of(Credentials("AC1", "token"))
    out = [account.admit(0.0) for _ in range(2)]
    for admitted, wait_ms in zip(out, (60_000, 1_000), strict=True):
        assert isinstance(admitted, Pass)
        account.learn(admitted, Failed("rate_limited", "429", status=429, wait_ms=wait_ms), 0.0)
    assert account.admit(59.0) == "rate_limited"
    assert not isinstance(account.admit(60.0), str)

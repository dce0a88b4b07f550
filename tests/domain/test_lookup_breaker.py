"""When a connector is spared: as tables, and what holds whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.lookup_breaker import Breaker, Pass, Verdict, judge, slow_after_ms

F, A, N = "f", "a", "n"
VERDICTS: dict[str, Verdict] = {F: "failed", A: "answered", N: "neither"}


def after(story: str, breaker: Breaker | None = None, now: float = 100.0) -> Breaker:
    """A breaker that has seen these, one after the other."""
    breaker = breaker or Breaker()
    for letter in story:
        one = breaker.admit(now)
        assert one is not None, "a question was refused"
        breaker.count(one, VERDICTS[letter], now)
    return breaker


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ("", "closed"),
        ("ffff", "closed"),
        ("fffff", "open"),
        ("ffffaffff", "closed"),  # an answer begins the row anew
        ("ffffnf", "open"),  # what says nothing does not
        ("fa" * 9 + "a", "closed"),
        ("fa" * 10, "open"),  # half of twenty
        ("afafafafafafafafafaf", "open"),
        ("f" * 4 + "a" * 17 + "ffff", "closed"),  # what is further back than twenty is forgotten
        ("faaa" * 30, "closed"),
        ("n" * 100, "closed"),
    ],
)
def test_it_opens_after_five_in_a_row_or_half_of_twenty(story: str, state: str) -> None:
    assert after(story).state(100.0) == state


@pytest.mark.parametrize(
    ("error", "status", "verdict"),
    [
        (None, 200, "answered"),
        (None, 404, "answered"),  # the contract's own "not found"
        ("timeout", None, "failed"),
        ("timeout", 200, "failed"),  # the headers came, the body dripped
        ("connect_timeout", None, "failed"),
        ("connect_refused", None, "failed"),
        ("dns", None, "failed"),
        ("target_unreachable", None, "failed"),
        ("tls", None, "failed"),
        ("reset", None, "failed"),
        ("reset", 200, "failed"),
        ("protocol", None, "failed"),
        ("http_status", 500, "failed"),
        ("http_status", 503, "failed"),
        ("http_status", 429, "failed"),
        ("http_status", 408, "failed"),
        ("http_status", 400, "answered"),
        ("http_status", 302, "answered"),
        ("refused", 401, "answered"),
        ("endpoint_missing", 404, "answered"),
        ("invalid_json", 200, "answered"),
        ("invalid_answer", 200, "answered"),
        ("wrong_contact", 200, "answered"),
        ("too_large", 200, "answered"),
        ("aborted", None, "neither"),
        ("busy", None, "neither"),
        ("target_denied", None, "neither"),
    ],
)
def test_what_counts_as_a_failure(error: str | None, status: int | None, verdict: Verdict) -> None:
    assert judge(error, status) == verdict


@pytest.mark.parametrize(
    ("timeout", "waits", "slow"),
    [
        (4_000, 900, 4_000),
        (30_000, 900, 4_000),  # a patient connector is not the callers' business
        (30_000, 10_000, 10_000),  # somebody does wait
        (250, 900, 250),
        (30_000, None, 4_000),
    ],
)
def test_from_when_on_an_answer_is_slow(timeout: int, waits: int | None, slow: int) -> None:
    assert slow_after_ms(timeout, waits) == slow


@pytest.mark.parametrize(
    ("probes", "pauses"),
    [("a", [5.0]), ("f", [5.0, 10.0]), ("ff", [5.0, 10.0, 10.0]), ("fffff", [5.0, 10.0, 10.0, 10.0])],
)
def test_how_long_it_stays_open(probes: str, pauses: list[float]) -> None:
    breaker, now = after("fffff"), 100.0
    for letter, pause in zip(probes, pauses, strict=False):
        assert breaker.admit(now + pause - 0.001) is None
        now += pause
        assert breaker.state(now) == "half_open"
        after(letter, breaker, now)
    assert breaker.state(now) == ("closed" if probes.endswith("a") else "open")


def test_one_probe_at_a_time_and_what_says_nothing_gives_its_place_back() -> None:
    breaker = after("fffff")
    probe = breaker.admit(105.0)
    assert probe is not None and probe.probe
    assert breaker.admit(105.0) is None
    assert breaker.admit(500.0) is None
    breaker.count(probe, "neither", 500.0)
    assert breaker.admit(500.0) is not None


def test_what_was_under_way_when_it_opened_or_closed_says_nothing_any_more() -> None:
    breaker = Breaker()
    early = [breaker.admit(100.0) for _ in range(30)]
    passes = [one for one in early if one is not None]
    for one in passes[:5]:
        breaker.count(one, "failed", 100.0)
    breaker.count(passes[5], "answered", 101.0)
    breaker.count(passes[6], "failed", 104.0)
    assert breaker.state(104.9) == "open"
    assert breaker.state(105.0) == "half_open"  # the failure at 104 has not moved it
    after("a", breaker, 105.0)
    for one in passes[7:]:
        breaker.count(one, "failed", 106.0)
    assert breaker.state(106.0) == "closed"


@pytest.mark.parametrize(
    ("before", "insisted", "state"),
    [
        ("", "a", "closed"),
        ("ffff", "f", "open"),  # while it is closed it is a question like any other
        ("fffff", "a", "closed"),
        ("fffff", "f", "open"),
        ("fffff", "n", "open"),
    ],
)
def test_a_person_may_ask_at_any_time(before: str, insisted: str, state: str) -> None:
    breaker = after(before)
    one = breaker.insist(101.0)
    breaker.count(one, VERDICTS[insisted], 101.0)
    assert breaker.state(101.0) == state
    assert (breaker.admit(101.0) is None) is (state == "open")


def test_a_person_asks_beside_the_probe() -> None:
    """Whichever is answered first ends it; a failure of the one beside the probe changes nothing."""
    for beside, state in (("f", "half_open"), ("n", "half_open"), ("a", "closed")):
        breaker = after("fffff")
        probe = breaker.admit(105.0)
        assert probe is not None
        one = breaker.insist(106.0)
        assert breaker.admit(106.0) is None
        breaker.count(one, VERDICTS[beside], 106.0)
        assert breaker.state(106.0) == state
        breaker.count(probe, "failed", 107.0)  # of another time, if it was closed
        assert breaker.state(107.0) == ("closed" if state == "closed" else "open")


def test_when_it_is_probed() -> None:
    assert Breaker().open_until is None
    assert after("fffff").open_until == 105.0
    assert after("f", after("fffff"), 105.0).open_until == 115.0
    assert after("a", after("fffff"), 105.0).open_until is None


def test_a_question_counts_once() -> None:
    breaker = Breaker()
    one = breaker.admit(100.0)
    assert one is not None
    for _ in range(10):  # slow, and then failed as well
        breaker.count(one, "failed", 100.0)
    assert breaker.state(100.0) == "closed"


@given(st.lists(st.tuples(st.sampled_from("fan?"), st.floats(0, 12)), max_size=200))
def test_it_never_stays_open_for_more_than_ten_seconds_and_probes_one_by_one(
    story: list[tuple[str, float]],
) -> None:
    """`?`: the question is still out. However it goes, ten seconds after it opened a question may go, unless
    the probe is out."""
    breaker, now, waiting = Breaker(), 0.0, list[Pass]()
    for letter, passing in story:
        now += passing
        one = breaker.admit(now)
        probing = any(each.probe and not each.counted for each in waiting)
        if one is None:
            assert breaker.state(now) != "closed"
            assert probing or breaker.state(now + 10) == "half_open"
        elif letter == "?":
            assert not (one.probe and probing)
            waiting.append(one)
        else:
            breaker.count(one, VERDICTS[letter], now)
    for one in waiting:
        breaker.count(one, "neither", now)
    assert breaker.admit(now + 10) is not None

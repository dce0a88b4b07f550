"""Places on the wire: shares for hosts, organizations and the untried, and the slow apart from the quick."""

from __future__ import annotations

import pytest

from gateway.dispatch import places
from gateway.dispatch.places import SLOW_AFTER, Place, Places
from gateway.dispatch.target import Target


class Scene:
    """Targets and their places; who was woken comes at once if it is hungry."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.places = Places(self._wake)
        self.made = 0

    def _wake(self, target: Target) -> bool:
        self.woken.append(target.id)
        return True

    def target(self, org: str = "acme", *, host: str = "", proven: bool = True) -> Target:
        self.made += 1
        target = Target(f"whk_{self.made}", org, proven=proven)
        target.membership = self.places.join(host or f"{self.made}.test", org)
        return target

    def enter(self, target: Target, now: float = 0.0) -> Place | None:
        return self.places.enter(target, now)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    for name, value in (
        ("MOST_IN_FLIGHT", 10), ("MOST_UNTRIED", 6), ("MOST_PER_HOST", 3), ("MOST_PER_ORGANIZATION", 5),
        ("MOST_UNTRIED_PER_ORGANIZATION", 2), ("MOST_SLOW", 8), ("MOST_SLOW_PER_ORGANIZATION", 6),
    ):  # fmt: skip
        monkeypatch.setattr(places, name, value)
    return Scene()


def test_a_host_an_organization_and_everybody_have_their_number(scene: Scene) -> None:
    one = scene.target(host="one.test")
    assert [scene.enter(one) is not None for _ in range(4)] == [True, True, True, False]
    others = [scene.enter(scene.target()) for _ in range(3)]
    assert [place is not None for place in others] == [True, True, False]  # the organization has five
    assert sum(scene.enter(scene.target("beta")) is not None for _ in range(9)) == 5
    assert scene.places.full


def test_the_untried_of_an_organization_leave_places_to_those_that_answer(scene: Scene) -> None:
    untried = [scene.enter(scene.target(proven=False)) for _ in range(9)]
    assert sum(place is not None for place in untried) == 2
    assert scene.enter(scene.target()) is not None


def test_a_place_that_is_left_wakes_who_was_refused(scene: Scene) -> None:
    held = [scene.enter(scene.target()) for _ in range(5)]
    waiting = scene.target()
    assert scene.enter(waiting) is None
    assert held[0] is not None
    scene.places.leave(held[0])
    assert scene.woken == [waiting.id]
    assert scene.enter(waiting) is not None


def test_after_half_a_second_a_request_makes_room_for_others(scene: Scene) -> None:
    hung = [scene.target() for _ in range(5)]
    held = [scene.enter(target) for target in hung]
    healthy = scene.target()
    assert scene.enter(healthy) is None
    scene.places.part_the_slow(SLOW_AFTER - 0.01)
    assert scene.woken == []
    scene.places.part_the_slow(SLOW_AFTER)
    assert scene.woken == [healthy.id]
    assert scene.enter(healthy, SLOW_AFTER) is not None
    assert [target.slow for target in hung] == [1] * 5
    for place in held:
        assert place is not None
        scene.places.leave(place)
    assert [target.slow for target in hung] == [0] * 5


def test_while_the_slow_are_many_they_get_no_further_place(scene: Scene) -> None:
    hung = [scene.target(org) for org in ("acme", "beta") for _ in range(3)]
    for target in hung:
        assert scene.enter(target) is not None
    scene.places.part_the_slow(1.0)
    assert all(scene.enter(target, 1.0) is None for target in hung)
    assert scene.enter(scene.target("acme"), 1.0) is not None


def test_the_slow_are_bounded_and_the_rest_stays_where_it_was(scene: Scene) -> None:
    first = [scene.enter(scene.target("acme")) for _ in range(5)]
    scene.places.part_the_slow(1.0)
    second = [scene.enter(scene.target("acme"), 1.0) for _ in range(5)]
    scene.places.part_the_slow(2.0)  # six slow ones are all an organization may have
    assert sum(place.slow for place in (*first, *second) if place is not None) == 6
    assert sum(scene.enter(scene.target("acme"), 2.0) is not None for _ in range(5)) == 1


def test_every_place_that_is_given_is_taken_back(scene: Scene) -> None:
    moved = scene.target(host="old.test")
    held = [scene.enter(moved) for _ in range(3)]
    moved.membership = scene.places.join("new.test", "acme")  # its URL was changed meanwhile
    scene.places.part_the_slow(1.0)
    for place in held:
        assert place is not None
        scene.places.leave(place)
    again = scene.target(host="old.test")
    assert [scene.enter(again, 2.0) is not None for _ in range(4)] == [True, True, True, False]
    assert [scene.enter(moved, 2.0) is not None for _ in range(3)] == [True, True, False]


def test_who_was_called_and_cannot_come_passes_the_call_on(scene: Scene) -> None:
    """It waits for its host as well: the free place of the organization is the next one's."""
    busy = [scene.enter(scene.target("beta", host="slow.test")) for _ in range(3)]
    held = [scene.enter(scene.target()) for _ in range(5)]
    first, second = scene.target(host="slow.test"), scene.target()
    scene.places._wake = lambda target: scene.woken.append(target.id) or True  # type: ignore[func-returns-value]
    assert scene.enter(second) is None
    assert first.membership is not None
    first.membership.org.all.waiting = {first: None, second: None}
    assert held[0] is not None
    scene.places.leave(held[0])
    assert scene.woken == [first.id]
    assert scene.enter(first) is None  # its host is full
    assert scene.woken == [first.id, second.id]
    assert busy

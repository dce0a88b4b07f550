"""What `docs/find-a-failed-delivery.md` and the API's page say of history is what the gateway does."""

from __future__ import annotations

import re
from itertools import pairwise

from gateway.cli import main
from gateway.domain.filter import MAX_STEPS_OF_ALL, STEPS_OF_EACH
from gateway.manage.stats import WINDOWS
from gateway.store.scan import Effort
from gateway.store.stats import BUCKETS, KEPT_MS
from gateway.web import search
from gateway.web.api import OPERATIONS
from tests.docs.pages import DOCS

PAGE = (DOCS / "find-a-failed-delivery.md").read_text("utf-8")
API = (DOCS / "api.md").read_text("utf-8")
FILTERS = (DOCS / "filters.md").read_text("utf-8")


def test_every_filter_of_the_lists_is_on_the_page() -> None:
    [operation] = [one for one in OPERATIONS if one.id == "listDeliveries"]
    table = PAGE.split("| filter | command | |")[1].split("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[2:])))
    assert named == set(operation.query) - {"limit", "cursor", "order"}


def test_the_commands_on_the_page_exist() -> None:
    found = re.findall(r"^hum-gateway (\w+) (\w+)((?: --\w+| \S+)*)$", PAGE, flags=re.MULTILINE)
    assert len(found) >= 5
    for group, name, rest in found:
        command = main.commands[group].commands[name]  # type: ignore[attr-defined]
        options = {option for param in command.params for option in param.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, (group, name)


def test_the_numbers_on_the_pages_hold() -> None:
    effort = Effort()
    assert (effort.most, effort.seconds) == (20_000, 0.5)
    assert "20,000 or half a second" in PAGE
    assert "20,000, or half a second" in API
    assert (search.MOST, search.SECONDS) == (5_000, 2.0)
    assert "at most 5,000, or two seconds" in PAGE
    assert all(f"`{window}`" in API for window in WINDOWS)
    assert KEPT_MS == 90 * 24 * 3_600_000
    assert f"take {MAX_STEPS_OF_ALL:,} steps" in FILTERS
    assert f"has {STEPS_OF_EACH}, which" in FILTERS


def test_no_bucket_above_ten_is_wider_than_its_lower_bound() -> None:
    pairs = [(low, high) for low, high in pairwise(BUCKETS) if low >= 10]
    assert all(high <= 2 * low for low, high in pairs)
    assert (100, 150) in pairs

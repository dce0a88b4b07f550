"""Parts of texts: found as Python finds them, and in texts for which it has a linear search."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from gateway.domain.parts import holds, lengthened, long_enough


@pytest.mark.parametrize("alphabet", ["ab", "a\0", "aé€😀"])
def test_parts_of_texts_are_found_as_python_finds_them(alphabet: str) -> None:
    chance = random.Random(alphabet)

    def text(length: int) -> str:
        return "".join(chance.choices(alphabet, k=length)) if chance.random() < 0.5 else alphabet[0] * length

    found = Counter[bool]()
    for _ in range(400):
        whole = text(chance.choice([0, 1, 5, 300, 2_499, 2_500, 29_999, 40_000]))
        length = min(
            chance.choice([0, 1, 5, 6, 60, 99, 100, 1_250, len(whole) - 7, len(whole)]), len(whole) + 1
        )
        begin = chance.randrange(len(whole) + 1)
        for part in (
            text(max(length, 0)),
            whole[begin : begin + length],
            whole[-40:] + "\0" * chance.randrange(3),
        ):
            assert holds(whole, part) is (part in whole), (len(whole), len(part))
            found[part in whole] += 1
    assert min(found.values()) > 100


@pytest.mark.parametrize("part", [6, 99, 100, 1_250, 20_000, 300_000])
def test_a_search_that_could_take_long_is_made_in_a_text_for_which_python_has_a_linear_one(part: int) -> None:
    """The bounds are those of CPython's `fastsearch.h`."""
    long = long_enough(part)
    assert long >= 30_000
    assert (part >> 2) * 3 < long >> 2


def test_only_what_could_take_long_is_made_longer() -> None:
    for text, part in ((100, 100), (1_000_000, 5), (40_000, 99)):
        assert lengthened("a" * text, part, 1 << 14) == "a" * text
    for text, part in ((2_499, 1_250), (29_999, 99), (1_000, 99)):
        assert lengthened(b"a" * text, part, 1 << 14) == b"a" * text + bytes(long_enough(part) - text)

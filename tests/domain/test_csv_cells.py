"""Cells that a spreadsheet shows and does not calculate, and that come back as they were."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.csv_cells import harmless, restored


@given(st.text(st.sampled_from("=+-@'\t\r\n1a \u00a0\u200b\ufeff＝＋－＠"), max_size=6))
def test_any_text_comes_back_and_is_no_formula(text: str) -> None:
    cell = harmless(text)
    assert restored(cell) == text
    is_number = text[:1] == "+" and text[1:].isdigit()
    shown = unicodedata.normalize("NFKC", cell.strip("\ufeff\u200b \u00a0\t\r\n"))
    assert is_number or not shown.startswith(("=", "+", "-", "@"))
    assert not cell.startswith(("\t", "\r", "\n"))


def test_numbers_stay_and_what_is_no_text() -> None:
    for value in ("+13175550142", 7, None, True, "plain", "it's", "'quoted'"):
        assert harmless(value) == value

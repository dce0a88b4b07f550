"""Texts that people write for people: one line of printable characters."""

from __future__ import annotations

from typing import Final

from pydantic import AfterValidator


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have printable characters only")
    return text


PRINTABLE: Final = AfterValidator(_printable)
"""What is in order otherwise is looked at for it."""

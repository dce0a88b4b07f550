"""What the open routes say of the process."""

from __future__ import annotations

from typing import Literal, TypedDict


class Health(TypedDict):
    """The process answers."""

    status: Literal["ok"]


class Ready(TypedDict):
    """The node takes requests."""

    status: Literal["ready"]


class NotReady(TypedDict):
    """The node takes no requests at present."""

    status: Literal["not_ready"]
    reason: str

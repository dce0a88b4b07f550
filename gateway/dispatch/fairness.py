"""Whose turn it is: organizations in turn, and within each its targets in turn."""

from __future__ import annotations

from collections import deque

from gateway.dispatch.target import Target


class Turns:
    """A round of organizations, each with a round of targets that are ready. All in constant time."""

    def __init__(self) -> None:
        self._orgs: deque[str] = deque()
        self._targets: dict[str, deque[Target]] = {}

    def enlist(self, target: Target) -> None:
        """The target has something to send; it gets its turn. Being enlisted twice changes nothing."""
        if target.enlisted:
            return
        target.enlisted = True
        round_ = self._targets.get(target.org_id)
        if round_ is None:
            self._targets[target.org_id] = deque([target])
            self._orgs.append(target.org_id)
        else:
            round_.append(target)

    def next(self) -> Target | None:
        """The target whose turn it is; it leaves the round and must be enlisted again for another turn."""
        if not self._orgs:
            return None
        org_id = self._orgs.popleft()
        round_ = self._targets[org_id]
        target = round_.popleft()
        target.enlisted = False
        if round_:
            self._orgs.append(org_id)
        else:
            del self._targets[org_id]
        return target

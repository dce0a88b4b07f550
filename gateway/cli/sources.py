"""Who said something, or did not: connectors by the names that people gave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gateway.cli.output import clean

if TYPE_CHECKING:
    from gateway.client import GatewayClient

_CONNECTOR = "cnr_"


class Sources:
    """Names sources of the API. Connectors are listed once, when the first of them is to be named; a key that
    may not list them shows their ids."""

    def __init__(self, client: GatewayClient) -> None:
        self._client = client
        self._names: Mapping[str, str] | None = None

    def called(self, source: str) -> str:
        """`HubSpot (cnr_…)`; anything else than a connector as it is."""
        if not source.startswith(_CONNECTOR):
            return clean(source)
        if self._names is None:
            self._names = self._listed()
        name = self._names.get(source)
        return clean(source if name is None else f"{name} ({source})")

    def all_called(self, sources: Iterable[str]) -> str:
        return ", ".join(map(self.called, sources))

    def _listed(self) -> Mapping[str, str]:
        from gateway.client import GatewayError

        try:
            return {connector["id"]: connector["name"] for connector in self._client.list_connectors()}
        except GatewayError:
            return {}

"""The calls that the clients declare, and what each would send."""

from __future__ import annotations

import inspect
from typing import Any, Final

from gateway.client.call import call, download, listing
from gateway.client.calls import Calls
from gateway.client.request import Download, Listing, Request

DECLARED: Final = {
    name: value for name, value in inspect.getmembers(Calls) if isinstance(value, (call, listing))
}
DOWNLOADS: Final = {name: value for name, value in inspect.getmembers(Calls) if isinstance(value, download)}


def made(name: str) -> Request[Any] | Listing[Any] | Download:
    """The value that a call makes of invented arguments."""
    make = (DECLARED | DOWNLOADS)[name].make
    given = {
        parameter.name: {"data": {}, "events": [], "format": "csv"}.get(parameter.name, "{id}")
        for parameter in list(inspect.signature(make).parameters.values())[1:]
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    }
    value: Request[Any] | Listing[Any] | Download = make(None, **given)
    return value


def address(name: str) -> tuple[str, str]:
    """Method and path of a call, `{id}` where an id stands."""
    value = made(name)
    method = value.method if isinstance(value, Request) else "GET"
    return method, value.path.replace("%7B", "{").replace("%7D", "}")

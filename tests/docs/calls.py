"""Makes the table of `docs/client.md`: each operation of the API, the client's method, the command for it.

Which command makes which call is read from the commands' code: the names of calls that it uses.
"""

from __future__ import annotations

import functools
import inspect
from collections import defaultdict
from collections.abc import Iterator
from types import CodeType

from gateway.cli import main
from gateway.cli.reference import commands
from gateway.web.api import OPERATIONS
from gateway.web.operation import Operation
from tests.docs.pages import DOCS
from tests.support.calls import DECLARED, DOWNLOADS, address

BEGIN = "<!-- calls: made by `python -m tests.docs.calls`; a test compares -->"
END = "<!-- end of calls -->"
# One list has two addresses.
_OTHER_WAYS = {"listWebhookDeliveries": "list_deliveries(webhook_id=…)"}
_OTHER_COMMANDS = {
    "listWebhookDeliveries": "deliveries list --webhook",
    "listEventDeliveries": "deliveries list --event",
}
_HEAD = "| operation | method | command |\n|---|---|---|"


def table() -> str:
    """The table, with the lines that mark where it begins and ends."""
    return "\n".join([BEGIN, "", _HEAD, *map(_row, OPERATIONS), "", END])


def page() -> str:
    """`docs/client.md` with the table as it is to be."""
    before, _, rest = (DOCS / "client.md").read_text("utf-8").partition(BEGIN)
    return before + table() + rest.partition(END)[2]


def _row(operation: Operation) -> str:
    names = _methods().get((operation.method, operation.path), [])
    methods = [f"`{name}`" for name in (*names, _OTHER_WAYS.get(operation.id)) if name]
    found = {command for name in names for command in _commands()[name]} | {_OTHER_COMMANDS.get(operation.id)}
    words = [f"`{command}`" for command in sorted(filter(None, found))]
    anchor = f"{operation.method} {operation.path}".lower()
    anchor = "".join(c for c in anchor.replace(" ", "-") if c.isalnum() or c in "-_")
    cells = (
        f"[`{operation.method} {operation.path}`](api.md#{anchor})",
        ", ".join(methods),
        ", ".join(words) or "-",
    )
    return f"| {' | '.join(cells)} |"


@functools.cache
def _methods() -> dict[tuple[str, str], list[str]]:
    """Method and path → the calls that go there."""
    found = defaultdict(list)
    for name in (*DECLARED, *DOWNLOADS):
        found[address(name)].append(name)
    return found


@functools.cache
def _commands() -> dict[str, list[str]]:
    """Call → the commands that make it."""
    found = defaultdict(list)
    for path, command in commands(main, ()):
        for name in set(_names(inspect.unwrap(command.callback).__code__)) & {*DECLARED, *DOWNLOADS}:
            # Of itself, `keys` is about this machine.
            found[name].append(" ".join(path) + (" --remote" if path[0] == "keys" else ""))
    return found


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


if __name__ == "__main__":
    (DOCS / "client.md").write_text(page(), "utf-8")

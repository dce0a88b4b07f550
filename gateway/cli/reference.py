"""`docs/cli.md`, made from the commands themselves: `python -m gateway.cli.reference > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gateway.cli import main

_HEAD = """# Commands

`hum-gateway`, also `python -m gateway`. Made from the commands by `python -m gateway.cli.reference`; a test
compares.

| exit status | means |
|---|---|
| 0 | it worked |
| 1 | it was refused or cannot be done; `verify`: the signature is bad; `demo`: not everything was good |
| 2 | the command line cannot be understood; nothing was done |
| 3 | not now: nobody answers at the gateway's address, or it is overloaded; the same later may work |

What went wrong stands on standard error: a sentence, the fields that are wrong, the id of the request, and a
hint that names the setting or option to change. With `--json` it is one object there: `{"error", "message",
"details", "request_id", "hint"}`. Every command but `serve` and `demo` takes `--json`.

Operator's commands read the settings of [settings.md](settings.md). `keys`, `backup` and `status` work while
`serve` runs (through its Unix socket) and while it does not (on the database). `keys --remote` is a client
command: it manages the keys of a gateway elsewhere, with a key that may.

Client commands talk to the HTTP API. They read `HUM_GATEWAY_URL`, `HUM_GATEWAY_KEY` and `HUM_GATEWAY_ORG`,
print tables, or JSON with `--json`: of a list, the bare array of its rows. On a terminal a table fits its
width: times are short and in UTC, and the least important columns are left out first; in a pipe it has every
column and whole times. They try twice within a second when nobody listens, five times at most when the
gateway is overloaded or does not answer, and say on standard error what they wait for. What cannot be undone
(deleting a webhook or connector, discarding what it has collected, revoking a key) asks first; where nobody
can be asked, it needs `--yes`.
Times are `2026-11-20T21:05:09Z`, with `Z` or another offset; a day, `2026-11-20`, is its beginning in UTC;
`2h` is two hours ago.
`create` and `update` of webhooks and connectors have a `--url` of their own; the gateway's is `--gateway-url`
everywhere.
"""


def page() -> str:
    """The whole page, ending with one line end."""
    parts = [_HEAD]
    for path, command in commands(main, ("hum-gateway",)):
        ctx = click.Context(command, info_name=path[-1])
        arguments = [p.make_metavar(ctx) for p in command.params if isinstance(p, click.Argument)]
        lines = [f"## `{' '.join([*path, *arguments])}`", "", (command.help or "").strip(), ""]
        lines += [line for param in command.params if (line := _option(param, ctx))]
        parts.append("\n".join(lines).rstrip() + "\n")
    return "\n".join(parts)


def commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def _option(param: click.Parameter, ctx: click.Context) -> str | None:
    record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
    if record is None:
        return None
    names, text = record
    return f"- `{names}`: {text}"


if __name__ == "__main__":
    click.echo(page(), nl=False)

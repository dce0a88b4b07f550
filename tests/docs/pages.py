"""Makes the pages that are generated: `python -m tests.docs.pages` writes them, tests compare."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.domain.delivery import TRANSITIONS
from gateway.domain.event_types import CATALOGUE, EventType
from gateway.domain.own_types import OWN, example, schema

DOCS = Path(__file__).parents[2] / "docs"

_EVENTS_HEAD = """# Events

Made from the catalogue (`gateway/domain/event_types.py`) and the fixtures by `python -m tests.docs.pages`; a
test compares. `GET /api/event-types` answers the same, with the JSON Schemas.

A receiver gets every event in one envelope; `data` has the bytes that HUM sent:

```json
{"id": "evt_…", "type": "call.completed", "timestamp": "2026-11-20T21:05:09.123Z", "org_id": "acme",
 "api_version": "2026-11-20", "data": {"call_id": "call_1"}}
```

- **Required** fields are those that HUM certainly sends. Everything else may be missing or null.
- New fields, and new values where values are listed, can come at any time; a receiver ignores what it does
  not know.
- Times are ISO 8601 in UTC. Phone numbers are E.164, or what the carrier gave for a withheld one.
- **documented**: the name stands in HUM's public documentation. **ours**: this project's name for what HUM's
  documentation describes in prose. The fields of all types are this project's.
- Types outside this catalogue are accepted and delivered as well: dotted lower case, at least two segments.

In a webhook's `events`, a type stands for itself, `sms.*` for every type that begins with `sms.`, and `*` for
all of them, except the [gateway's own](#the-gateways-own-events).

A [test delivery](api.md#post-apiwebhooksidtest) has `"test": true` in its envelope; other events do not have
that field.
"""

_OWN_HEAD = """# The gateway's own events

What happens to webhooks and deliveries, told in the same envelope and with the same signatures, retries and
history as every other event.

- They carry ids, types and reasons: never payload, URLs, header values or secrets.
- They go only to webhooks that name their type in full; neither `*` nor `webhook.*` matches them. They cannot
  be posted (422 `reserved_type`), and make no further events: a `webhook.disabled` that cannot be delivered
  makes no `delivery.failed`.
- Each is written in the transaction of what it tells of. After a crash both are there or neither: nothing
  is told that did not happen, and nothing that happened goes untold to those who asked. One that no webhook
  names at that moment is not kept.
- A platform webhook may name them, too: that is how HUM's core hears of every organization's disabled
  webhooks.
- Test deliveries make none of them.
"""


def events_page() -> str:
    """`docs/events.md`, ending with one line end."""
    rows = [
        f"| [`{row.name}`](#{row.name.replace('.', '')}) | {row.description} | {_provenance(row)} |"
        for row in CATALOGUE.values()
    ]
    table = "\n".join(["| type | when | name |", "|---|---|---|", *rows])
    own = [f"| [`{row.name}`](#{row.name.replace('.', '')}) | {row.description} |" for row in OWN.values()]
    own_table = "\n".join(["| type | when |", "|---|---|", *own])
    return "\n".join(
        [
            *(_EVENTS_HEAD, table, "", *(_event_section(row) for row in CATALOGUE.values())),
            *(_OWN_HEAD, own_table, "", *(_event_section(row) for row in OWN.values())),
        ]
    )


def _provenance(row: EventType) -> str:
    return "documented" if row.documented else "ours"


def _event_section(row: EventType) -> str:
    known = schema(row.name)
    required = set(known.get("required", ()))
    fields = [
        f"| `{name}` | {_kind(kind)}{_or_null(kind, name in required)} | "
        f"{'yes' if name in required else ''} | {_meaning(kind)} |"
        for name, kind in sorted(known["properties"].items(), key=lambda item: item[0] not in required)
    ]
    sample = json.dumps(example(row.name), indent=2, ensure_ascii=False)
    return "\n".join(
        [
            f"## `{row.name}`",
            "",
            f"{row.description}.",
            "",
            "| field of `data` | type | required | |",
            "|---|---|---|---|",
            *fields,
            "",
            "```json",
            sample,
            "```",
            "",
        ]
    )


def _kind(kind: Mapping[str, Any]) -> str:
    options = [option for option in kind.get("anyOf", [kind]) if option.get("type") != "null"]
    return " or ".join(_one_kind(option) for option in options)


def _or_null(kind: Mapping[str, Any], required: bool) -> str:
    """Said of required fields only: of all others the page says at its head that they may be null."""
    return " or null" if required and {"type": "null"} in kind.get("anyOf", ()) else ""


def _one_kind(kind: Mapping[str, Any]) -> str:
    if kind["type"] == "array":
        items = _one_kind(kind["items"]).replace("object", "objects")
        return f"list of {items if items.startswith('objects') else items + 's'}"
    if kind["type"] == "object" and kind.get("properties"):
        return "object (" + ", ".join(f"`{name}`" for name in kind["properties"]) + ")"
    return str(kind["type"])


def _meaning(kind: Mapping[str, Any]) -> str:
    for option in (kind, *kind.get("anyOf", ())):
        if option.get("description"):
            return str(option["description"])
    return ""


def transitions() -> Iterator[str]:
    """The lines of the state diagram in `docs/architecture.md`, in Mermaid's notation."""
    for (before, step), after in TRANSITIONS.items():
        yield f"{before.value} --> {after.value}: {step.value}"


if __name__ == "__main__":
    (DOCS / "events.md").write_text(events_page(), "utf-8")
    print("docs/events.md written; the state diagram of docs/architecture.md:\n")
    print("\n".join(transitions()))

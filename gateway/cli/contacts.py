"""`contacts`: the address book. Files of contacts are `contact_files`' business, filling it
`backfills`'."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.backfills import backfill
from gateway.cli.connection import client_command
from gateway.cli.contact_files import export, import_file
from gateway.cli.output import Column, Json, cell, member, show_fields, show_json, show_table
from gateway.cli.sources import Sources
from gateway.cli.values import confirm, pairs

if TYPE_CHECKING:
    from gateway.client import GatewayClient
    from gateway.client.types import Contact

_COLUMNS = {"id": 3, "phone": 0, "name": 1, "company": 2, "email": 3, "tags": 2}
_KNOWN = (
    "name", "first_name", "last_name", "email", "company", "title", "carrier", "line_type", "caller_name",
)  # fmt: skip
_SHOWN = ("id", "phone", "phones")


@click.group()
def contacts() -> None:
    """See and keep the address book. CONTACT is an id, or a number: in E.164, or as it is written in the
    organization's default region."""


contacts.add_command(backfill, "backfill")
contacts.add_command(export, "export")
contacts.add_command(import_file, "import")


@contacts.command("list")
@click.option("--tag", help="Only those with this tag.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@client_command()
def list_contacts(client: GatewayClient, as_json: bool, tag: str | None, limit: int) -> None:
    """List contacts, the newest first."""
    _show_many([dict(found) for found in client.list_contacts(tag=tag, limit=limit)], as_json)


@contacts.command("search")
@click.argument("q")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="At most so many.")
@client_command()
def search(client: GatewayClient, as_json: bool, q: str, limit: int) -> None:
    """Find contacts by a number in any notation, part of one, or words of a name, company or e-mail
    address."""
    found = client.search_contacts(q, limit=limit)
    _show_many([dict(contact) for contact in found["data"]], as_json)
    if found["more"] and not as_json:
        click.echo("there are more: say more of whom you mean", err=True)


@contacts.command("get")
@click.argument("contact")
@client_command()
def get(client: GatewayClient, as_json: bool, contact: str) -> None:
    """Show a contact: what is known, from where, and how old it is."""
    _show_either(client, client.get_contact(contact), as_json)


def word_options(function: Callable[..., None]) -> Callable[..., None]:
    """What a person can say of a contact."""
    options = [
        click.option("--name", help="The whole name."),
        click.option("--first-name", help="Alone, it changes this part of the name."),
        click.option("--last-name", help="As --first-name."),
        click.option("--email", help="An e-mail address."),
        click.option("--company", help="Where they work."),
        click.option("--title", help="What they are there."),
        click.option("--notes", help="For people."),
        click.option("--field", "fields", multiple=True, help="NAME=VALUE of an own field; repeatable."),
        click.option("--tag", "tags", multiple=True, help="All its tags; repeatable."),
        click.option("--no-tags", is_flag=True, help="It has none."),
        click.option(
            "--forget", multiple=True, metavar="FIELD",
            help="Take back what people have said of this field; repeatable. fields.NAME for an own one.",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@contacts.command("set")
@click.argument("contact")
@word_options
@click.option("--replace", "replacing", is_flag=True, help="Say this and nothing else.")
@client_command()
def set_contact(client: GatewayClient, as_json: bool, contact: str, replacing: bool, **given: Any) -> None:
    """Say something of a contact: it counts before what any CRM says. Under a new number, the contact is
    made."""
    body = _words(**given)
    if not body and not replacing:
        raise click.UsageError("say what is to be set, such as --name or --tag; or what to --forget")
    write = client.replace_contact if replacing else client.update_contact
    _show_either(client, write(contact, **body), as_json)


@contacts.command("delete")
@click.argument("contact")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@client_command()
def delete(client: GatewayClient, as_json: bool, contact: str, yes: bool) -> None:
    """Take a contact out of the book. Whom a CRM knows comes back; to forget a person, see `erasures`."""
    confirm(f"Delete {contact}? What people have said of it goes.", yes)
    client.delete_contact(contact)
    if as_json:
        show_json({"contact": contact, "deleted": True})
    else:
        click.echo(f"deleted {contact}", err=True)


@contacts.command("refresh")
@click.argument("contact")
@click.option("--deadline-ms", type=click.IntRange(250, 30_000), help="How long it may take [5000].")
@client_command()
def refresh(client: GatewayClient, as_json: bool, contact: str, deadline_ms: int | None) -> None:
    """Ask every source about a contact now. Exits with 1 when one of them did not answer."""
    found = client.refresh_contact(contact, deadline_ms=deadline_ms)
    sources = Sources(client)
    if as_json:
        show_json(found)
    elif found["contact"] is not None:
        _show(found["contact"], sources)
    else:
        click.echo("nobody knows this number", err=True)
    for error in found["errors"]:
        source = error["source"] if as_json else sources.called(error["source"])
        click.echo(f"no answer: {source}  {error['error']}", err=True)
    if found["errors"]:
        raise SystemExit(1)


@contacts.command("merge")
@click.argument("contact")
@click.argument("other")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@client_command()
def merge(client: GatewayClient, as_json: bool, contact: str, other: str, yes: bool) -> None:
    """Make OTHER, a contact or a number that is nobody's yet, part of CONTACT, whose word counts. What people
    have said of both is shown first, for of OTHER it goes; a merge cannot be undone."""
    if not (yes and as_json):
        for line in _both_say(client, contact, other):
            click.echo(line, err=True)
    confirm(f"Make {other} part of {contact}? It cannot be undone.", yes)
    _show_either(client, client.merge_contact(contact, other), as_json)


def _both_say(client: GatewayClient, contact: str, other: str) -> list[str]:
    """What would stay and what would go, a field a line."""
    from gateway.client import NotFoundError
    from gateway.domain.overrides import dropped

    stays = client.get_contact(contact)["overrides"]
    try:
        goes = client.get_contact(other)["overrides"]
    except NotFoundError:
        return [f"{other} is nobody's yet"]
    lines = []
    for name in dropped(stays, goes):
        kept = cell(stays[name]["value"]) if name in stays else "the rest of the name"
        lines.append(f"{name}: {cell(goes[name]['value'])} goes, {kept} stays")
    return lines or ["nothing is lost: of no field have people said something different of both"]


def _words(
    *,
    fields: tuple[str, ...],
    tags: tuple[str, ...],
    no_tags: bool,
    forget: tuple[str, ...],
    **texts: str | None,
) -> Json:
    body: Json = {name: value for name, value in texts.items() if value is not None}
    own: Json = dict(pairs(fields, "="))
    for name in forget:
        if name.startswith("fields."):
            own[name.removeprefix("fields.")] = None
        else:
            body[name] = None
    if own:
        body["fields"] = own
    if tags or no_tags:
        body["tags"] = list(tags)
    return body


def _show_many(found: list[Json], as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    elastic = {"name", "company", "email", "tags"}
    show_table(found, [Column(name, member(name), rank, name in elastic) for name, rank in _COLUMNS.items()])


def _show_either(client: GatewayClient, contact: Contact, as_json: bool) -> None:
    if as_json:
        show_json(contact)
    else:
        _show(contact, Sources(client))


def _show(contact: Contact, sources: Sources) -> None:
    """What is known, with the age and kind of source behind each value."""
    values: Json = {**contact}
    shown = {name: values[name] for name in _SHOWN if name != "phones" or len(values["phones"]) > 1}
    for name in _KNOWN:
        if values[name]:
            source, age = contact["provenance"].get(name, "-"), contact["ages"].get(name, 0)
            shown[name] = f"{cell(values[name])}  ({source}, {age} s old)"
    shown |= {name: values[name] for name in ("notes", "tags") if values[name]}
    shown |= {f"fields.{name}": value for name, value in sorted(contact["fields"].items())}
    for link in contact["crm"]:
        shown[sources.called(link["connector_id"])] = link["url"] or link["contact_id"]
    for name, override in contact["overrides"].items():
        shown[f"said of {name}"] = f"by {override['by']} at {override['at']}"
    show_fields(shown)

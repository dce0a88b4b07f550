"""`organizations` and `erasures`: how long things are kept, what is set, and what is to be forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import click

from gateway.cli.connection import client_command
from gateway.cli.output import Column, member, show_fields, show_json, show_table
from gateway.cli.values import confirm, environment, pairs

if TYPE_CHECKING:
    from gateway.client import GatewayClient
    from gateway.client.types import (
        ChosenFields,
        ChosenLookupCacheDays,
        LookupCredentials,
        Organization,
        OrganizationSettings,
    )

RESETTABLE: Final = (
    "retention-days", "own-numbers", "default-region", "context-template", "caller-fields", "lookup-budget",
    "lookup-credentials", "lookup-cache-days",
)  # fmt: skip
_LEVELS: Final = ("A", "B", "C", "none")
_LOOKED_UP: Final = ("caller_name", "line_type", "carrier")


@click.group()
def organizations() -> None:
    """See organizations, how long their things are kept and what they have set; erase one."""


@organizations.command("list")
@client_command()
def list_organizations(client: GatewayClient, as_json: bool) -> None:
    """List all organizations; an organization's key sees its own."""
    found = client.list_organizations()
    if as_json:
        show_json(list(found))
    else:
        names = ("id", "retention_days", "created_at", "erased_at")
        show_table(map(dict, found), [Column(name, member(name)) for name in names])


@organizations.command("get")
@click.argument("org_id")
@client_command()
def get_organization(client: GatewayClient, as_json: bool, org_id: str) -> None:
    """Show one organization."""
    _show(client.get_organization(org_id), as_json)


def _show(organization: Organization, as_json: bool) -> None:
    """One setting a line; of caller fields one level, of lookups what is used of the day's."""
    if as_json:
        show_json(organization)
        return
    shown: dict[str, Any] = {**organization}
    levels = shown.pop("caller_fields")
    lookups = shown.pop("lookups_today")
    days = shown.pop("lookup_cache_days")
    shown |= {f"caller_fields {level}": text for level, text in _effective(levels).items()}
    shown["lookup_cache_days"] = ", ".join(f"{name} {count}" for name, count in days.items())
    shown["lookups today"] = f"{lookups['used']:,} of {lookups['budget']:,}"
    if not lookups["budget"] and shown["lookup_budget"] != 0:
        shown["lookups today"] += " (there is no account to charge)"
    if shown["lookup_budget"] is None:
        shown["lookup_budget"] = "the default"
    if shown["default_region"] is None:
        shown["default_region"] = "none has been set"
    if shown["context_template"] is None:
        shown["context_template"] = "one line for each field"
    show_fields(shown)


def _effective(levels: Mapping[str, list[str] | None]) -> dict[str, str]:
    """What is told at each level, from the highest down, and why where nobody has chosen it."""
    from gateway.domain.caller_fields import LEVELS, USUAL, shown

    listed = {level: levels.get(level) for level in LEVELS}
    texts: dict[str, str] = {}
    for level in LEVELS:
        names = tuple(shown(listed, level))
        texts[level] = ", ".join(names) or "none"
        if listed[level] is None:
            texts[level] += f"  ({'the usual ones' if names == USUAL else 'as the level above allows'})"
    return texts


@organizations.command("update")
@click.argument("org_id")
@click.option("--retention-days", type=click.IntRange(7, 365), help="How long things are kept.")
@click.option(
    "--own-number", "own_numbers", multiple=True, help="All of its own phone numbers, in E.164; repeatable."
)
@click.option("--no-own-numbers", is_flag=True, help="It has none.")
@click.option(
    "--default-region",
    metavar="COUNTRY",
    help="The country of numbers that are written without one, by its two letters.",
)
@click.option(
    "--context-template",
    type=click.File(encoding="utf-8"),
    help="How what agents are told of callers is worded; an empty file: one line for each field.",
)
@click.option(
    "--lookup-budget",
    type=click.IntRange(0, 1_000_000),
    help="How many numbers may be looked up for calls in a day (UTC); 0: none.",
)
@click.option("--lookup-account-sid", help="The organization's own account for lookups of numbers.")
@click.option("--lookup-token-env", help="Variable that holds the account's token.")
@click.option(
    "--lookup-cache-days",
    "cache_days",
    multiple=True,
    metavar="FIELD=DAYS",
    help="For how many days caller_name, line_type or carrier is of use before it is asked for anew; "
    "repeatable. A field that is not named stays as it is; --reset lookup-cache-days takes all back.",
)
@click.option(
    "--reset",
    "taken_back",
    multiple=True,
    type=click.Choice(RESETTABLE),
    help="Give this setting its default back; repeatable.",
)
@click.option(
    "--caller-fields",
    "levels",
    multiple=True,
    metavar="LEVEL=FIELD,…",
    help="Which fields agents are told at attestation A, B, C or none; repeatable. A level that is not named "
    "stays as it is; --reset caller-fields takes all back.",
)
@client_command()
def update_organization(
    client: GatewayClient, as_json: bool, org_id: str, taken_back: tuple[str, ...], **given: Any
) -> None:
    """Change how long payloads, attempts and deliveries are kept, and what the organization has set."""
    changes: dict[str, Any] = {name.replace("-", "_"): None for name in taken_back}
    named: tuple[str, ...] = given.pop("levels")
    given["levels"] = _caller_fields(named)
    for name, value in _changes(**given).items():
        if name in changes:
            raise click.UsageError(f"either set {name.replace('_', '-')}, or --reset it")
        changes[name] = value
    if not changes:
        raise click.UsageError("nothing to change")
    if named:
        # The API replaces all levels at once.
        changes["caller_fields"] = {**client.get_organization(org_id)["caller_fields"], **given["levels"]}
    _show(client.update_organization(org_id, **cast("OrganizationSettings", changes)), as_json)


def _changes(
    *,
    retention_days: int | None,
    own_numbers: tuple[str, ...],
    no_own_numbers: bool,
    default_region: str | None,
    context_template: TextIO | None,
    levels: ChosenFields,
    lookup_budget: int | None,
    lookup_account_sid: str | None,
    lookup_token_env: str | None,
    cache_days: tuple[str, ...],
) -> OrganizationSettings:
    """What is set, out of the options that were given."""
    changes: OrganizationSettings = {}
    if retention_days is not None:
        changes["retention_days"] = retention_days
    if own_numbers or no_own_numbers:
        changes["own_numbers"] = own_numbers
    if default_region is not None:
        changes["default_region"] = default_region.upper()
    if context_template is not None:
        changes["context_template"] = context_template.read().rstrip("\n") or None
    if levels:
        changes["caller_fields"] = levels
    if lookup_budget is not None:
        changes["lookup_budget"] = lookup_budget
    if lookup_account_sid is not None or lookup_token_env is not None:
        changes["lookup_credentials"] = _account(lookup_account_sid, lookup_token_env)
    if cache_days:
        changes["lookup_cache_days"] = _cache_days(cache_days)
    return changes


def _cache_days(given: tuple[str, ...]) -> ChosenLookupCacheDays:
    """`("carrier=7",)`. Raises click.BadParameter."""
    days: dict[str, Any] = {}
    for name, count in pairs(given, "="):
        if name not in _LOOKED_UP:
            raise click.BadParameter(f"{name!r} is none of {', '.join(_LOOKED_UP)}")
        if not (count.isascii() and count.isdigit()):
            raise click.BadParameter(f"{name} must be a whole number of days, such as {name}=30")
        days[name] = int(count)
    return cast("ChosenLookupCacheDays", days)


def _account(sid: str | None, token_env: str | None) -> LookupCredentials:
    if sid is None or token_env is None:
        raise click.UsageError("an account is both, --lookup-account-sid and --lookup-token-env")
    return {"account_sid": sid, "auth_token": environment(token_env)}


def _caller_fields(levels: tuple[str, ...]) -> ChosenFields:
    """`("A=name,notes", "none=")`. Raises click.BadParameter."""
    fields: dict[str, Any] = {}
    for level, names in pairs(levels, "="):
        if level not in _LEVELS:
            raise click.BadParameter(f"{level!r} is no level: levels are {', '.join(_LEVELS)}")
        fields[level] = [name.strip() for name in names.split(",") if name.strip()]
    return cast("ChosenFields", fields)


@organizations.command("test-lookups")
@click.argument("org_id")
@client_command()
def test_lookups(client: GatewayClient, as_json: bool, org_id: str) -> None:
    """See whether the provider of telephone data answers and takes the account; exits with 1 unless it does.

    One question that costs nothing, in the account that the organization's lookups are charged to: its own,
    or the installation's.
    """
    result = client.test_lookups(org_id)
    show_json(result) if as_json else show_fields({**result})
    if not result["ok"]:
        raise click.exceptions.Exit(1)


@organizations.command("erase")
@click.argument("org_id")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@client_command()
def erase_organization(client: GatewayClient, as_json: bool, org_id: str, yes: bool) -> None:
    """Erase an organization for good: nothing brings it back."""
    confirm(f"Erase {org_id}? Everything of it goes, for good.", yes)
    client.erase_organization(org_id)
    if as_json:
        show_json({"id": org_id, "erased": True})
    else:
        click.echo(f"erased {org_id}", err=True)


@click.group()
def erasures() -> None:
    """Erase a person."""


@erasures.command("create")
@click.argument("phone")
@click.option("--reason", default="", help="For the record; it is kept encrypted.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--force", is_flag=True, help="Also a number that events show to be the organization's own.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@client_command()
def erase_person(
    client: GatewayClient, as_json: bool, phone: str, reason: str, dry_run: bool, force: bool, yes: bool
) -> None:
    """Erase what names a number: payloads, receivers' answers, pending deliveries, the contact, and what
    connectors have said.

    PHONE is a number in E.164, or the id of a contact. National notation is not taken: who is erased for good
    is not left to a guess of the country.
    """
    if phone.startswith("ctc_"):
        phone = client.get_contact(phone)["phone"]
    confirm(f"Erase what names {phone}? It cannot be brought back.", yes or dry_run)
    found = client.erase_person(phone=phone, reason=reason, dry_run=dry_run, force=force)
    if as_json:
        show_json(found)
        return
    show_fields({**found}, skip=["found"])
    click.echo()
    kinds = [{"kind": kind, "found": count} for kind, count in sorted(found["found"].items())]
    show_table(kinds, [Column("what", member("kind")), Column("found", member("found"))])

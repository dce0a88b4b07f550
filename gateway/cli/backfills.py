"""`contacts backfill`: what is missing in the address book, asked for; what it costs is shown first."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

from gateway.cli.connection import client_command
from gateway.cli.jobs import show_ordered, wait_option
from gateway.cli.output import show_json
from gateway.cli.values import interactive

if TYPE_CHECKING:
    from gateway.client import GatewayClient
    from gateway.client.jobs import BackfillEstimate


class Amount(click.ParamType[str]):
    """An amount of money as the estimate shows it."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            good = Decimal(text).is_finite() and Decimal(text) >= 0
        except InvalidOperation:
            good = False
        if not good:
            self.fail(f"{text!r} is not an amount such as 8.028", param, ctx)
        return text


@click.command()
@click.argument("source", type=click.Choice(["twilio", "connectors"]))
@click.option("--all", "everything", is_flag=True, help="Ask anew also for what is known.")
@click.option("--dry-run", is_flag=True, help="Only say how many numbers that is, and what it costs.")
@click.option(
    "--confirm-cost", type=Amount(), help="The amount that was shown: order it without being asked."
)
@wait_option
@client_command()
def backfill(
    client: GatewayClient,
    as_json: bool,
    source: str,
    everything: bool,
    dry_run: bool,
    confirm_cost: str | None,
    wait: bool,
) -> None:
    """Ask SOURCE for what is missing of the numbers in the address book.

    Lookups at Twilio cost money: the estimate is shown, and confirmed by a person or with --confirm-cost. If
    it costs another amount by then, nothing is begun. With --wait, exits with 1 unless the job ends as done.
    """
    asked = {"source": source, "only_missing": not everything}
    if dry_run or (confirm_cost is None and source == "twilio"):
        estimate = client.estimate_backfill(**asked)  # type: ignore[arg-type]
        if dry_run or not estimate["matched"]:
            show_json(estimate) if as_json else click.echo(_told(estimate))
            return
        confirm_cost = _confirmed(estimate)
    job = client.backfill(**asked, confirm_cost=confirm_cost)  # type: ignore[arg-type]
    show_ordered(client, dict(job), as_json, wait)


def _told(estimate: BackfillEstimate) -> str:
    """`446 numbers, about 8.028 USD`."""
    count, cost = estimate["matched"], estimate["cost"]
    if not count:
        return "nothing is missing"
    price = f"about {cost['amount']} {cost['currency']}" if Decimal(cost["amount"]) else "free of charge"
    return f"{count:,} number{'' if count == 1 else 's'}, {price}"


def _confirmed(estimate: BackfillEstimate) -> str:
    """The amount, once a person has said yes. Raises where nobody can be asked."""
    amount = estimate["cost"]["amount"]
    if not interactive():
        raise click.ClickException(f"{_told(estimate)}: to order it, repeat it with --confirm-cost {amount}")
    click.confirm(f"{_told(estimate)}. Ask for them?", abort=True, err=True)
    return amount

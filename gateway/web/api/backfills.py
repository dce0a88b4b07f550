"""`POST /api/contacts/backfill`: what is missing in the address book, asked for."""

from __future__ import annotations

from gateway.domain import lookup_account
from gateway.domain.backfill import CURRENCY, Backfill, Estimate, amount_text
from gateway.web import answers, shapes
from gateway.web.call import Answer, Call
from gateway.web.operation import Operation


async def backfill_contacts(call: Call) -> Answer:
    """The estimate reads the whole address book, in slices and outside of any transaction."""
    services, request = call.services, call.model
    if not request.dry_run:
        services.backfills.refuse(call.the_org, request.source, platform=call.principal.platform)
    estimate = await services.backfills.estimate(call.the_org, request)
    if request.dry_run:
        return Answer(shape(estimate))
    actor = call.principal.actor or call.principal.key_id
    async with services.store.transaction() as tx:
        job = await services.backfills.order(tx, call.the_org, request, estimate, actor)
    return Answer(shapes.job(job), 202)


def shape(estimate: Estimate) -> answers.BackfillEstimate:
    """An estimate as it is shown."""
    return {
        "matched": estimate.matched,
        "cost": {"currency": CURRENCY, "amount": amount_text(estimate.amount)},
    }


OPERATIONS = (
    Operation(
        "POST", "/api/contacts/backfill", "backfillContacts", backfill_contacts, "admin", "manage", "write",
        "Ask for what is missing in the address book.", model=Backfill, org="one", waits=True,
        answers={202: answers.Job, 200: answers.BackfillEstimate},
        errors=("cost_changed", "job_running", lookup_account.CODE, "lookups_off"),
        note="With `dry_run` how many numbers it is about and what they cost: an estimate, from prices that "
        "are settings. That amount as `confirm_cost` orders the job; when it costs another by then, it is "
        "409 `cost_changed`. `twilio` asks for line type, carrier and the network's name, which costs "
        "money; `connectors` asks all enabled connectors, which does not. The job asks for ten numbers in a "
        "second, goes on after a restart, and never asks for a number twice. When the account is refused, it "
        "fails after one question, which costs nothing. Cancelled, it ends at once and keeps what it has "
        "learned. What is charged to the installation's account only a platform key may confirm, and nobody "
        "while the organization's `lookup_budget` is 0; with an account of its own an organization is free.",
    ),
)  # fmt: skip

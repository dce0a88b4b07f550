"""What `hum-gateway demo` does: makes a temporary directory, tells the story, says whether it was good.

The story itself is in `gateway.demo`.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from gateway.clock import format_time

if TYPE_CHECKING:
    from gateway.demo.child import ChildGateway
    from gateway.demo.receiver import Arrival, Receiver
    from gateway.demo.story import Story

_EXAMPLES: Final = """
[bold]The gateway is still running.[/] Ctrl-C ends it and removes its directory.

  gateway    {gateway}  (process {pid})
  console    {console}
  callers    {callers}  (the console of the organization with the CRM; each link opens once, within an hour)
  receiver   {receiver}
  log        {log}

In another terminal:

export HUM_GATEWAY_URL={gateway}
export HUM_GATEWAY_KEY={key}
curl -sS "$HUM_GATEWAY_URL/api/events" -H "Authorization: Bearer $HUM_GATEWAY_KEY" \\
  -H 'Content-Type: application/json' -d '{{"type": "sms.received", "data": {{"body": "Hello"}}}}'
curl -sS "$HUM_GATEWAY_URL/api/deliveries?limit=3" -H "Authorization: Bearer $HUM_GATEWAY_KEY"
curl -sS "$HUM_GATEWAY_URL/metrics"

What arrives from now on:
"""


def run(keep: bool) -> int:
    """Tells the story; 0 if everything arrived and verified, else 1. With `keep`, stays until Ctrl-C."""
    if util.find_spec("standardwebhooks") is None:
        raise click.ClickException(
            "the demonstration checks every signature a second time with the library standardwebhooks,"
            " which is not installed: pip install 'hum-gateway[demo]'"
        )
    from gateway.demo import report
    from gateway.demo.child import ChildConnector, ChildGateway
    from gateway.demo.crm import CONTACTS, NAMELESS, CrmStory, new_secret
    from gateway.demo.receiver import Receiver
    from gateway.demo.story import Story
    from gateway.demo.twilio import TwilioDouble

    console = Console(highlight=False)
    with (
        _ended_by_sigterm(),
        tempfile.TemporaryDirectory(prefix="hum-demo-", ignore_cleanup_errors=True) as directory,
        Receiver() as receiver,
        TwilioDouble() as twilio,
        ChildGateway(Path(directory), twilio.settings) as gateway,
        ChildConnector(Path(directory), secret := new_secret(), CONTACTS) as connector,
    ):
        for phone in NAMELESS:
            twilio.say(phone, "caller_name", caller_name=None)
        story = Story(gateway, receiver)
        _tell(console, story, gateway, receiver)
        found = story.find()
        report.show(console, found, story.attempts(found.retried[0].id) if found.retried else [])
        told = CrmStory(gateway, connector, secret).tell(story.keys["platform"])
        report.show_crm(console, told)
        if keep:
            _stay(console, story, gateway, receiver)
    return 1 if found.problems or told.problems else 0


def _tell(console: Console, story: Story, gateway: ChildGateway, receiver: Receiver) -> None:
    settings = ", ".join(f"{name}={gateway.settings[name]}" for name in ("ALLOW_NETWORKS", "RETRY_SCHEDULE"))
    console.print(f"gateway   {gateway.url}  SQLite in a temporary directory; {settings}", soft_wrap=True)
    console.print(f"receiver  {receiver.url}", soft_wrap=True)
    story.make_keys()
    console.print("keys      one for the platform, one admin, one operator")
    story.register_webhook()
    console.print(f"webhook   {story.webhook['id']}  every event type")
    story.send_one_by_one()
    console.print(f"sent      {len(story.sent)} events, one by one")
    before = len(story.sent)
    story.send_batch()
    console.print(f"sent      {len(story.sent) - before:,} events in one batch")
    with console.status("waiting until everything has arrived"):
        story.wait()


def _stay(console: Console, story: Story, gateway: ChildGateway, receiver: Receiver) -> None:
    from gateway.demo.crm import ORG as CRM_ORG

    text = _EXAMPLES.format(
        gateway=gateway.url, pid=gateway.pid, console=story.console_link(),
        callers=story.console_link(CRM_ORG), receiver=receiver.url,
        log=gateway.log, key=story.keys["admin"],
    )  # fmt: skip
    console.print(text, soft_wrap=True)

    def tell(arrival: Arrival) -> None:
        verdict = f"refused by {', '.join(arrival.refused_by)}" if arrival.refused_by else "verified twice"
        when = format_time(int(arrival.at))
        click.echo(f"{when}  {arrival.type}  {arrival.event_id}  attempt {arrival.attempt}  {verdict}")

    receiver.on_arrival = tell
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("\nstopping")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM leaves the block in order, so that the child is ended too."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

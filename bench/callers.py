"""Resolving callers: the gateway and a connector of the kit, the smallest one, on this machine.

    direct   the connector alone, asked as the gateway asks it: the floor
    new      numbers that nobody has asked for: each is a question to the connector, which knows none of them
    known    a few contacts, again and again: answered from what is kept
    steady   the same at 200 a second
    warm     the same, as many as one core takes; beside it the same work bare (`floor_resolve`)
    whole    the same again, when a person has written something of each of them into the address book, and a
             look-up of each number is kept besides

The first three go one after the other: what is measured is the way of one call. `callers_busy` asks for known
and new numbers while a million deliveries are pending, and events come as fast as they are taken and are
delivered.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench import fill
from bench.asker import ask, request, resolve
from bench.peers import BareServer, Sink, load, start_load
from bench.rig import OTHER_CORES, ROOT, Gateway, pin
from bench.sizes import Sizes
from bench.stock import Place
from gateway.crm.wire import build
from gateway.demo.twilio import TwilioDouble
from gateway.domain.connector import Connector as ConnectorRow
from gateway.domain.ids import new_id
from gateway.domain.secret import Secret

RATE = 200
CONTACTS = [f"+131755501{n:02}" for n in range(100)]
CONNECTIONS = 16
BUSY_RATE = 50
BUSY_CONNECTIONS = 64
BUSY_KEEP = ("phone", "status", "elapsed_ms")
TAKEN = 'events_accepted_total{source="batch"}'
DEADLINE_MS = 900
SECRET = "whsec_" + base64.b64encode(b"bench" * 6).decode()
START_PATIENCE_SECONDS = 30.0


class Crm:
    """The connector in memory as a process, beside the load."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "connector.log"
        self._ledger = directory / "ledger.db"
        self._seed = directory / "contacts.json"

    def __enter__(self) -> Crm:
        contacts = [
            {"id": str(n), "name": f"Caller {n} Example", "email": f"caller{n}@example.com", "phone": phone}
            for n, phone in enumerate(CONTACTS)
        ]
        self._seed.write_text(json.dumps(contacts))
        command = [
            sys.executable, "-m", "connectors", "serve", "memory", "--port", "0", "--secret-env", "SECRET",
            "--ledger", str(self._ledger), "--seed", str(self._seed),
        ]  # fmt: skip
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | {"SECRET": SECRET}, stdout=output,
                stderr=subprocess.STDOUT, preexec_fn=pin(OTHER_CORES),
            )  # fmt: skip
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while not (found := re.search(rb"listening on http://[^:]+:(\d+)", self._log.read_bytes())):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the connector did not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(0.01)
        self.port = int(found.group(1))
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


def callers(place: Place, sizes: Sizes) -> dict[str, Any]:
    """The latencies in ms, and what a resolve takes of the gateway's CPU in µs."""
    numbers = [f"+1317{n:07}" for n in range(2_000_000, 2_000_000 + sizes.callers)]
    with (
        TwilioDouble() as twilio,
        Crm(place.directory) as crm,
        Gateway(*place, environ={"HUM_GATEWAY_TWILIO_LOOKUP_URL": twilio.url}) as gateway,
    ):
        gateway.post("/api/connectors", {"name": "bench", "base_url": crm.url, "secret": SECRET})
        asked = [_resolve(gateway, number) for number in numbers]
        contacts = itertools.cycle([_resolve(gateway, number) for number in CONTACTS])
        ask(gateway.port, list(itertools.islice(contacts, len(CONTACTS))))
        direct = ask(crm.port, [_direct(crm, number) for number in numbers])
        new, new_cpu = _with_cpu(gateway, asked)
        known, known_cpu = _with_cpu(gateway, list(itertools.islice(contacts, sizes.callers)))
        steady = ask(gateway.port, list(itertools.islice(contacts, RATE * sizes.callers_seconds)), rate=RATE)
        requests = list(itertools.islice(contacts, sizes.callers_warm))
        warm = _warm(gateway, requests) | _floor(place, requests)
        warm["times_floor"] = warm["floor_per_core"] / warm["per_core"]
        _write_and_look_up(gateway, twilio)
        whole = _warm(gateway, requests)
    return {
        "direct": direct,
        "new": {**new, "cpu_us": new_cpu, "added_p50_ms": new["p50_ms"] - direct["p50_ms"]},
        "known": {**known, "cpu_us": known_cpu},
        "steady": steady,
        "warm": warm,
        "whole": whole,
        "numbers": len(numbers),
    }


def callers_busy(place: Place, sizes: Sizes) -> dict[str, Any]:
    """Known and new numbers at BUSY_RATE while much is pending and events come as fast as they are taken. The
    latencies in ms; the shares of known numbers that were found and of new ones that the connector was heard
    of; what the slowest took by the gateway's own reckoning; the events taken a second meanwhile; and how
    many were pending at the end."""
    new = [f"+1317{n:07}" for n in range(3_000_000, 3_000_000 + BUSY_RATE * sizes.callers_seconds // 2)]
    with Crm(place.directory) as crm, Sink() as sink, Gateway(*place) as gateway:
        gateway.post("/api/connectors", {"name": "bench", "base_url": crm.url, "secret": SECRET})
        gateway.webhook(sink.port, "bench.*")
        ask(gateway.port, [_resolve(gateway, number) for number in CONTACTS])
        load(gateway.port, gateway.key, events=100, batch=100)
        known = itertools.cycle(CONTACTS)
        asked = [number for pair in zip(known, new, strict=False) for number in pair]
        requests = [_resolve(gateway, number, deadline_ms=DEADLINE_MS) for number in asked]
        ingest = start_load(gateway.port, gateway.key, events=10**9, batch=100, connections=8)
        try:
            time.sleep(sizes.settle_seconds)
            taken = gateway.metric(TAKEN)
            busy = ask(gateway.port, requests, rate=BUSY_RATE, connections=BUSY_CONNECTIONS, keep=BUSY_KEEP)
            taken = gateway.metric(TAKEN) - taken
        finally:
            ingest.kill()
            ingest.wait()
    each = busy.pop("each")
    return {
        **busy,
        "elapsed_max_ms": max(one["elapsed_ms"] for one in each),
        "known_found": _share(each, among=CONTACTS, statuses=("found",)),
        "new_heard_of": _share(each, among=new, statuses=("found", "not_found")),
        "events_per_second": taken / busy["seconds"],
        "pending_count": fill.count_pending(place.environ, "silent"),
        "deadline_ms": DEADLINE_MS,
    }


def _share(each: Sequence[dict[str, Any]], among: Iterable[str], statuses: Sequence[str]) -> float:
    """How many of these numbers' answers are so."""
    numbers = set(among)
    mine = [one["status"] in statuses for one in each if one["phone"] in numbers]
    return sum(mine) / len(mine)


def _warm(gateway: Gateway, requests: list[str]) -> dict[str, float]:
    """How many a second, and how many in a second of the gateway's CPU: what a core to itself would do."""
    before = gateway.cpu_seconds()
    found = ask(gateway.port, requests, connections=CONNECTIONS)
    cpu = gateway.cpu_seconds() - before
    return {**found, "per_second": len(requests) / found["seconds"], "per_core": len(requests) / cpu}


def _floor(place: Place, requests: list[str]) -> dict[str, float]:
    """The same work bare."""
    url = ("--url", place.url) if place.url.startswith("postgresql") else ()
    with BareServer("bench.floor_resolve", *url) as bare:
        ask(bare.port, requests[:CONNECTIONS], connections=CONNECTIONS)
        with bare.counting() as used:
            ask(bare.port, requests, connections=CONNECTIONS)
    return {"floor_per_core": len(requests) / used[0]}


def _write_and_look_up(gateway: Gateway, twilio: TwilioDouble) -> None:
    """Everybody stands in the address book, and what a look-up of each number tells is kept."""
    account_sid, auth_token = twilio.account
    credentials = {"account_sid": account_sid, "auth_token": auth_token}
    gateway.patch("/api/organizations/bench", {"lookup_credentials": credentials})
    for number in CONTACTS:
        gateway.patch(f"/api/contacts/{number}", {"title": "Director", "tags": ["vip"]})
    for _ in range(2):
        ask(gateway.port, [_resolve(gateway, number) for number in CONTACTS])
    assert set(twilio.charged().values()) == {1}, "a look-up is not kept"


def _with_cpu(gateway: Gateway, requests: list[str]) -> tuple[dict[str, float], float]:
    before = gateway.cpu_seconds()
    found = ask(gateway.port, requests)
    return found, (gateway.cpu_seconds() - before) / len(requests) * 1e6


def _resolve(gateway: Gateway, number: str, deadline_ms: int = 10_000) -> str:
    return resolve(gateway.key, "bench", number, deadline_ms=deadline_ms)


def _direct(crm: Crm, number: str) -> str:
    """What the gateway would send."""
    now = time.time_ns() // 1_000_000
    row = ConnectorRow(
        id="cnr_bench", org_id="bench", position=1, revision_id="rev_bench", url=crm.url, name="bench",
        secrets=(Secret("sec_bench", SECRET, now),),
    )  # fmt: skip
    body = json.dumps({"phone": number, "org_id": "bench", "call_id": "call_1", "direction": "inbound"})
    name = new_id("dlv", now)
    made = build(
        row, "contact.lookup", body.encode(), delivery_id=name, message_id=name, now=now,
        cdn_loop="hum-gateway; id=bench",
    )  # fmt: skip
    return request("/contacts/lookup", body, made.headers)

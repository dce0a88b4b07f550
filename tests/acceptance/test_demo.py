"""`hum-gateway demo`, run as a user runs it; and broken on purpose, when it must say so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.client import GatewayClient
from gateway.demo import samples
from gateway.demo.findings import Sent, find, percentile
from gateway.demo.receiver import Arrival
from gateway.demo.samples import Sample
from gateway.domain import event_types

TIMEOUT = 120
DEMO = ("-m", "gateway", "demo")


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory with a short name: a Unix socket's path has about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="hum-") as directory:
        yield Path(directory)


def environ(directory: Path) -> dict[str, str]:
    """The environment of a user who has set the gateway's variables for something else."""
    return os.environ | {
        "TMPDIR": str(directory),
        "HUM_GATEWAY_DATABASE_URL": "postgresql://nobody@localhost:1/none",
        "HUM_GATEWAY_URL": "http://localhost:1",
    }


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=directory, env=environ(directory),
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip


def broken(directory: Path, patch: str) -> subprocess.CompletedProcess[str]:
    """The demonstration with a part of it replaced beforehand."""
    return run(
        directory,
        "-c",
        f"import sys\n{patch}\nfrom gateway.cli import main\nmain(['demo'], prog_name='hum-gateway')",
    )


def test_the_whole_story(place: Path) -> None:
    done = run(place, *DEMO)
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.split("Retried")[0]
    shown = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line.strip()}
    for name in event_types.CATALOGUE:
        sent, arrived, verified, _ = shown[name]
        assert sent == arrived == verified != "0", name
    assert shown["all"] == ["1015", "1015", "1015", "21"]
    assert "arrived byte for byte" in done.stdout
    assert re.search(r"500 → 200 +arrived after", done.stdout)
    assert re.search(r"#1 .* HTTP 500 .*\n +#2 .* HTTP 200", done.stdout)
    assert re.search(r"p50 \d+ ms, +p95 \d+ ms", done.stdout)
    assert "events/s" in done.stdout
    assert "Duplicates: 0." in done.stdout
    for row in (
        r"in the address book +found +Maria Okonkwo +person +\d+ ms",
        r"known to the CRM +found +Dana Quillfeather +CRM +\d+ ms",
        r"only by the number +found +Sergio Suarez +network +\d+ ms",
        r"a stranger +not_found +- +- +\d+ ms",
        r"withheld +unknown +- +- +\d+ ms +withheld",
        r"the stranger, later +found .* CRM +\d+ ms",
        r"while a CRM hangs +found +Sergio Suarez +network +\d+ ms +timeout",
    ):
        assert re.search(row, done.stdout), row
    assert done.stdout.count("# Caller Context") == 2
    assert re.search(r"name: Maria Okonkwo\n +company: Okonkwo Legal", done.stdout)
    assert list(place.iterdir()) == []


def test_a_receiver_with_another_secret_is_told(place: Path) -> None:
    """The control: the same run must fail when nothing verifies."""
    done = broken(
        place,
        "from gateway.demo.receiver import Receiver\n"
        "Receiver.expect = lambda self, secret: setattr(self, '_secret', 'whsec_' + 'A' * 32)",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1015 accepted but never arrived" in done.stdout
    assert "were refused by a verifier" in done.stdout
    assert "All events arrived" not in done.stdout


def test_an_event_that_gets_lost_is_told(place: Path) -> None:
    """The control: one event vanishes after its 200, so that only the counting can see it."""
    done = broken(
        place,
        "from gateway.demo import receiver, story\n"
        "story.ARRIVE_SECONDS = 4\n"
        "handle = receiver.Receiver._handle\n"
        "def lossy(self, headers, body):\n"
        "    status = handle(self, headers, body)\n"
        "    self.arrivals[:] = [a for a in self.arrivals if a.type != 'sms.opt_in']\n"
        "    return status\n"
        "receiver.Receiver._handle = lossy",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 accepted but never arrived" in done.stdout


def test_a_missing_library_is_said_plainly(place: Path) -> None:
    done = broken(
        place,
        "from importlib import util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'standardwebhooks' else find(name)",
    )
    assert done.returncode == 1
    assert "pip install 'hum-gateway[demo]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_kept_running_until_it_is_stopped(place: Path, number: signal.Signals, status: int) -> None:
    process = subprocess.Popen(
        [sys.executable, *DEMO, "--keep"], cwd=place, env=environ(place),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        told = _read_until(process, "What arrives from now on")
        url = _found(r"export HUM_GATEWAY_URL=(\S+)", told)
        key = _found(r"export HUM_GATEWAY_KEY=(\S+)", told)
        child = int(_found(r"\(process (\d+)\)", told))
        with httpx.Client(base_url=url, follow_redirects=True) as browser:
            link = _found(r"console +(\S+)", told)
            assert browser.get(link).status_code == 200
            page = browser.post("/console/enter", data={"link": link.rpartition("/")[2]})
            assert "the demonstration" in page.text
            assert "Sign out" in page.text
        with GatewayClient(url, key) as client:
            sent = client.send_event("sms.received", b'{"body": "Hello"}')
        assert "verified twice" in _read_until(process, sent["id"])
        process.send_signal(number)
        assert process.wait(30) == status
    finally:
        process.kill()
        process.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert list(place.iterdir()) == []


def test_the_large_call_is_what_it_claims() -> None:
    big = samples.big_call()
    assert len(big.data) == samples.BIG_BYTES
    assert event_types.check(big.type, big.data) == []
    for odd in ('"account":123456789012345678901234567890', '"price":1.10', "😀", r"\ud83d\ude00"):
        assert odd in big.data.decode()


def test_the_samples_are_the_whole_catalogue() -> None:
    assert [sample.type for sample in samples.of_catalogue()] == list(event_types.CATALOGUE)


def _arrival(event_id: str, *, status: int = 200, data: bytes = b"{}", at: float = 10) -> Arrival:
    refused_by = ("gateway.signing",) if status == 401 else ()
    return Arrival(at, event_id, "sms.received", data, 1, status, refused_by)


@pytest.mark.parametrize(
    ("arrivals", "problem"),
    [
        ([_arrival("evt_1")], None),
        ([_arrival("evt_1", status=500), _arrival("evt_1")], None),
        ([], "1 accepted but never arrived"),
        ([_arrival("evt_1", status=500)], "1 accepted but never arrived"),
        ([_arrival("evt_1"), _arrival("evt_2")], "1 arrived but were never sent"),
        ([_arrival("evt_1", data=b"{ }")], "1 arrived with other bytes"),
        ([_arrival("evt_1", status=401), _arrival("evt_1")], "1 were refused by a verifier"),
    ],
)
def test_what_counts_as_good(arrivals: list[Arrival], problem: str | None) -> None:
    sent = [Sent("evt_1", Sample("sms.received", b"{}"), 0, 0)]
    found = find(sent, arrivals, {"delivered": 1})
    assert bool(found.problems) is bool(problem)
    assert problem is None or problem in found.problems[0]


def test_the_gateways_own_record_must_agree() -> None:
    sent = [Sent("evt_1", Sample("sms.received", b"{}"), 0, 0)]
    assert "1 failed" in find(sent, [_arrival("evt_1")], {"failed": 1}).problems[0]


def test_duplicates_are_counted() -> None:
    sent = [Sent("evt_1", Sample("sms.received", b"{}"), 0, 0)]
    found = find(sent, [_arrival("evt_1", at=5), _arrival("evt_1", at=7)], {"delivered": 1})
    assert (found.duplicates, found.problems, found.first_tries[False]) == (1, [], [5])


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([7.0], 0.95)) == (50, 95, 7)
    assert percentile([], 0.5) == 0


def _read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    told = ""
    deadline = time.monotonic() + TIMEOUT
    for line in process.stdout:
        told += line
        if text in line:
            return told
        assert time.monotonic() < deadline, told
    raise AssertionError(f"it ended early:\n{told}")


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


def test_a_crm_that_forgets_is_noticed(place: Path) -> None:
    """The control of the CRM's chapter: a caller who should be known is not."""
    done = broken(place, "from gateway.demo import crm\ncrm.CONTACTS = ()")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "known to the CRM: not_found instead of found" in done.stdout


def test_an_address_book_that_is_not_asked_is_noticed(place: Path) -> None:
    """The control of whose word counts: the caller is known all the same, by another name."""
    done = broken(place, "from gateway.demo import crm\ncrm.CrmStory._write_down = lambda self, client: None")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "in the address book: known by lookup instead of override" in done.stdout

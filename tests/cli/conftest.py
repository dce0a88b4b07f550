"""A gateway that answers from a table, and a way to run commands against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.client import Client

Answer = httpx.Response | Exception


class FakeGateway:
    """Answers in turn per "METHOD /path"; the last answer stays. Keeps the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[httpx.Request] = []

    def on(self, call: str, *answers: Answer) -> None:
        self.answers[call] = list(answers)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        waiting = self.answers[f"{request.method} {request.url.path}"]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        # A response can be read once; the last one may be asked for again.
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def run(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `hum-gateway` with these words; HTTP goes to the fake gateway, waiting takes no time."""
    original = httpx.Client

    def make(**options: Any) -> httpx.Client:
        return original(**(options | {"transport": gateway.transport}))

    monkeypatch.setattr(httpx, "Client", make)
    defaults = dict(Client.__init__.__kwdefaults__)
    monkeypatch.setattr(Client.__init__, "__kwdefaults__", defaults | {"sleep": lambda seconds: None})
    for name in ("URL", "KEY", "ORG"):
        monkeypatch.delenv(f"HUM_GATEWAY_{name}", raising=False)
    monkeypatch.setenv("HUM_GATEWAY_KEY", "hum_live_test")

    def run_command(*words: str, **options: Any) -> Result:
        return CliRunner().invoke(main, words, **options)

    return run_command


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)

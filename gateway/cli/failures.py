"""What a command says when it fails, and its exit status: the same form everywhere.

On standard error stands what went wrong, with every field that is wrong, the request's id, and a hint that
names the setting or option that mends it; with `--json` the same as one JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import click

from gateway.errors import Problem, StartupError

if TYPE_CHECKING:
    from gateway.client import GatewayError

LATER: Final = 3  # the exit status where the same command may work later; 1 and 2 are click's own


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure. `details` are `{"field", "message"}`."""

    code: str
    message: str
    details: tuple[dict[str, str], ...] = ()
    request_id: str | None = None
    hint: str | None = None
    status: int = 0
    later: bool = False

    def text(self) -> str:
        """For people."""
        head = f"{self.message} ({self.status} {self.code})" if self.status else self.message
        lines = [f"{item.get('field', '')}: {item.get('message', '')}" for item in self.details]
        lines = [f"  {line}" for line in lines if line not in self.message]
        lines += [f"  request: {self.request_id}"] if self.request_id else []
        lines += [f"  hint: {self.hint}"] if self.hint else []
        return "\n".join([head, *lines])

    def json(self) -> str:
        """For programs."""
        found = {"error": self.code, "message": self.message, "details": list(self.details)}
        if self.request_id:
            found["request_id"] = self.request_id
        if self.hint:
            found["hint"] = self.hint
        return json.dumps(found)


class Failed(click.ClickException):
    """A failure, on its way out."""

    def __init__(self, failure: Failure, *, as_json: bool) -> None:
        super().__init__(failure.text())
        self.failure = failure
        self.as_json = as_json

    def show(self, file: IO[Any] | None = None) -> None:
        from gateway.cli.output import clean

        if self.as_json:
            click.echo(self.failure.json(), err=True, file=file)
        else:
            click.echo(f"Error: {clean(self.message)}", err=True, file=file)


class NotNow(Failed):
    """A failure that may pass."""

    exit_code = LATER


def failed(error: Exception, *, as_json: bool) -> Failed | None:
    """What to raise instead of an expected failure; None for a fault of ours, which shows its traceback."""
    if isinstance(error, click.ClickException):
        return Failed(Failure("not_done", error.format_message()), as_json=as_json)
    failure = failure_of(error)
    if failure is None:
        return None
    return (NotNow if failure.later else Failed)(failure, as_json=as_json)


def failure_of(error: Exception) -> Failure | None:
    """The failure, if it is an expected one."""
    if isinstance(error, StartupError):
        return Failure("cannot_start", str(error))
    if isinstance(error, Problem):
        details = tuple({"field": item.field, "message": item.message} for item in error.details)
        return Failure(error.code, error.message, details)
    from gateway.client import GatewayError  # httpx: not before something went wrong
    from gateway.client.request import NotAnIdError

    if isinstance(error, NotAnIdError):
        return Failure("invalid_id", str(error))
    if not isinstance(error, GatewayError):
        return None
    return Failure(
        error.code,
        error.message,
        tuple(error.details),
        error.request_id,
        _hint(error),
        error.status,
        error.temporary,
    )


def _hint(error: GatewayError) -> str | None:
    """What to do about it, with the names of settings and options."""
    if error.message.endswith("does not look like a gateway") or 300 <= error.status < 400:
        return _URL
    hint = _HINTS.get(error.code)
    return hint(error) if callable(hint) else hint


def _scope(error: GatewayError) -> str | None:
    """The command that makes a key with what is missing."""
    words = error.message.replace(";", "").split()
    if "scope" in words:
        scope = words[words.index("scope") + 1]
        return f"hum-gateway keys create --platform --scopes {scope},… makes such a key"
    if "role" in words:
        role = words[words.index("role") + 1]
        return f"hum-gateway keys create --org ORG --role {role} makes such a key"
    return None


_URL: Final = "HUM_GATEWAY_URL or --gateway-url names the gateway; without them it is http://127.0.0.1:8080"
_KEY: Final = (
    "HUM_GATEWAY_KEY, or the variable that --key-env names, holds the key; hum-gateway keys create makes one"
)
_HINTS: Final[dict[str, str | Callable[[GatewayError], str | None]]] = {
    "unreachable": "is hum-gateway serve running there? " + _URL,
    "api_key_required": _KEY,
    "api_key_invalid": _KEY,
    "insufficient_scope": _scope,
    "organization_required": "name it with --org or HUM_GATEWAY_ORG; for reading, --org '*' is all of them",
    "wrong_organization": "the key has its own organization: leave out --org, and unset HUM_GATEWAY_ORG",
    "organization_unknown": "hum-gateway organizations list shows those there are; the first write makes one,"
    " unless HUM_GATEWAY_CREATE_ORGS of the gateway is explicit",
    "target_denied": "HUM_GATEWAY_ALLOW_NETWORKS of the gateway lets more addresses through",
    "payload_too_large": "HUM_GATEWAY_MAX_EVENT_BYTES of the gateway is the limit of one event",
    "cost_changed": "--dry-run shows what it costs by now",
    "webhook_limit_reached": "HUM_GATEWAY_WEBHOOK_LIMIT of the gateway is the limit",
    "connector_limit_reached": "HUM_GATEWAY_CONNECTOR_LIMIT of the gateway is the limit",
    "secret_rotation_required": "add --rotate-secret: the new address gets a new secret",
    "headers_required": "repeat --header NAME=VALUE for each, or NAME= to remove it",
}

"""What HubSpot's answers mean. Texts that HubSpot writes may name a person: none of them is passed on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import httpx
import msgspec

from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable

LONGEST_WAIT: Final = 3600
_WAITS: Final = {"SECONDLY": 1, "TEN_SECONDLY_ROLLING": 10, "DAILY": 600}  # where no Retry-After says it
_EXISTING: Final = re.compile(r"Existing ID: (\d+)")
_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Unanswered(Unavailable):
    """HubSpot may or may not have done what it was asked to."""


class Missing(Refused):
    """There is no such object, or there is none any more."""

    def __init__(self) -> None:
        super().__init__("HubSpot has nothing at this address (404)")


class Exists(Refused):
    """There is such a contact already: `id`, where HubSpot says which."""

    def __init__(self, existing_id: str | None) -> None:
        super().__init__("HubSpot has such a contact already (409)")
        self.id = existing_id


class Problem(msgspec.Struct, frozen=True, rename="camel"):
    """The body of an error: what of it is used."""

    category: str = ""
    message: str = ""
    correlation_id: str = ""
    policy_name: str = ""
    errors: list[dict[str, Any]] = []


def judge(response: httpx.Response) -> None:
    """Returns when the answer is a success; raises what it means otherwise."""
    if response.is_success:
        return
    problem = _problem(response)
    match response.status_code:
        case 404:
            raise Missing
        case 409:
            found = _EXISTING.search(problem.message)
            raise Exists(found[1] if found else None)
        case _:
            raise failure(response, problem)


def failure(response: httpx.Response, problem: Problem) -> Failure:
    status = response.status_code
    if status == 429:
        wait = retry_after(response) or _WAITS.get(problem.policy_name, 1)
        return RateLimited("HubSpot asks for fewer requests", retry_after=wait)
    if status >= 500:
        return Unanswered(_said(status, problem), retry_after=retry_after(response))
    if status in (423, 477):
        return Unavailable(_said(status, problem), retry_after=retry_after(response))
    if status == 401:
        return Refused("HubSpot does not take the token of this connector (401)")
    return Refused(_said(status, problem))


def retry_after(response: httpx.Response) -> int | None:
    """Whole seconds, at most an hour; None when HubSpot says nothing of the kind."""
    text = response.headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        return None
    return min(max(int(text), 1), LONGEST_WAIT)


def _problem(response: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem()


def _said(status: int, problem: Problem) -> str:
    names = ", ".join(sorted({*_names(problem)}))
    told = (
        f"HubSpot answered {status}",
        problem.category if _WORD.fullmatch(problem.category) else "",
        f"for {names}" if names else "",
        f"(correlation id {problem.correlation_id})" if _WORD.fullmatch(problem.correlation_id) else "",
    )
    return " ".join(filter(None, told))


def _names(problem: Problem) -> Iterator[str]:
    """Properties and scopes that an error is about, as far as they are names."""
    for error in problem.errors:
        context = error.get("context")
        named = [error.get("in"), *(context.values() if isinstance(context, dict) else ())]
        for found in named:
            yield from (
                name
                for name in (found if isinstance(found, list) else [found])
                if isinstance(name, str) and _WORD.fullmatch(name)
            )

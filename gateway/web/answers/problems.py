"""Refusals."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from gateway.web.answers.fields import id_of


class Mistake(TypedDict):
    """One mistake in a request."""

    field: Annotated[str, Meta(description="Where it stands, such as `events[17].data`; empty: the whole.")]
    message: Annotated[str, Meta(description="What is wrong there, for a person.")]


class Problem(TypedDict):
    """The one form of every error."""

    error: Annotated[str, Meta(pattern="^[a-z]+(_[a-z]+)*$", description="The code, for programs.")]
    message: Annotated[str, Meta(description="What went wrong, for a person.")]
    details: Annotated[
        list[Mistake], Meta(description="The mistakes, each with its field; of very many the first.")
    ]
    request_id: Annotated[
        Annotated[str, id_of("req")],
        Meta(description="Also in the header X-Request-Id; support finds the request by it."),
    ]

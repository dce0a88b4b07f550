"""The OpenAPI document becomes what the page shows. Everything on the page comes from the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.web.docs_page.fields import Field, Schemas


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    text: str
    fields: list[Field]
    example: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A status with the codes that an operation answers under it, or else its meaning."""

    status: str
    codes: list[str]
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An operation. `parameters`: where they stand → the fields."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    parameters: dict[str, list[Field]]
    takes_body: bool
    body_required: bool
    body: list[Field]
    answers: list[Answer]
    failures: list[Failure]
    curl: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that the gateway sends: an event, whose `fields` are those of its data and whose headers and
    answers are those of its section, or a request with a body, headers and answers of its own."""

    id: str
    name: str
    summary: str
    text: str
    fields: list[Field]
    example: str
    headers: list[Field] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its operations, or with what is sent; events share headers, envelope and answers."""

    id: str
    title: str
    text: str
    operations: list[Shown]
    sent: list[Sent]
    headers: list[Field]
    envelope: list[Field]
    answers: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Topic:
    """A part of the introduction; the first has no title."""

    id: str
    title: str
    paragraphs: list[str]


def topics(description: str) -> list[Topic]:
    first, *rest = re.split(r"^## ", description, flags=re.MULTILINE)
    parts = [("", first), *(part.partition("\n")[::2] for part in rest)]
    return [
        Topic(
            f"about-{_slug(title)}" if title else "introduction",
            title,
            [one for one in text.split("\n\n") if one.strip()],
        )
        for title, text in parts
    ]


def problem(document: Mapping[str, Any]) -> Answer:
    """The one form of every error, with an example."""
    example = document["components"]["examples"]["invalid_request"]["value"]
    return Answer("", "", Schemas(document).named("Problem"), pretty(example))


def sections(document: Mapping[str, Any]) -> list[Section]:
    schemas = Schemas(document)
    found = list(_operations(document, schemas))
    sent = [(item["post"], name) for name, item in document["webhooks"].items()]
    return [
        _section(
            tag,
            [shown for name, shown in found if name == tag["name"]],
            [(operation, name) for operation, name in sent if operation["tags"] == [tag["name"]]],
            schemas,
        )
        for tag in document["tags"]
    ]


def _section(
    tag: Mapping[str, Any],
    operations: list[Shown],
    sent: list[tuple[Mapping[str, Any], str]],
    schemas: Schemas,
) -> Section:
    first = next((operation for operation, _ in sent if _is_event(operation, schemas)), None)
    return Section(
        id=_slug(tag["name"]),
        title=tag["name"],
        text=tag["description"],
        operations=operations,
        sent=[_sent(operation, name, schemas) for operation, name in sent],
        headers=_parameters(first, "header", schemas) if first else [],
        envelope=schemas.named("Envelope") if first else [],
        answers=[(status, one["description"]) for status, one in first["responses"].items()] if first else [],
    )


def _operations(document: Mapping[str, Any], schemas: Schemas) -> Iterator[tuple[str, Shown]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield operation["tags"][0], _shown(path, method.upper(), operation, schemas)


def _shown(path: str, method: str, operation: Mapping[str, Any], schemas: Schemas) -> Shown:
    body = operation.get("requestBody")
    responses = operation["responses"]
    return Shown(
        id=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        text=operation.get("description", ""),
        parameters={
            title: fields
            for where, title in (("path", "Path"), ("query", "Query"), ("header", "Headers"))
            if (fields := _parameters(operation, where, schemas))
        },
        takes_body=body is not None,
        body_required=bool(body and body["required"]),
        body=_body(operation, schemas),
        answers=[_answer(status, one, schemas) for status, one in responses.items() if status[0] in "23"],
        failures=[_failure(status, one) for status, one in responses.items() if status[0] in "45"],
        curl=_curl(path, method, operation),
    )


def _parameters(operation: Mapping[str, Any], where: str, schemas: Schemas) -> list[Field]:
    found = [one for one in operation.get("parameters", ()) if one["in"] == where]
    return [
        schemas.field(
            one["name"], {"description": one["description"], **one["schema"]}, required=one["required"]
        )
        for one in found
    ]


def _media(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """The only media type of a body or an answer; empty when there is none."""
    found: Mapping[str, Any] = next(iter(container.get("content", {}).values()), {})
    return found


def _body(operation: Mapping[str, Any], schemas: Schemas) -> list[Field]:
    media = _media(operation.get("requestBody", {}))
    return schemas.fields(media["schema"]) if media else []


def _first_example(media: Mapping[str, Any]) -> Any:
    return next((one.get("value") for one in media.get("examples", {}).values()), None)


def _answer(status: str, response: Mapping[str, Any], schemas: Schemas) -> Answer:
    media = _media(response)
    example = _first_example(media)
    fields = schemas.fields(media["schema"], answer=True) if media else []
    return Answer(status, response["description"], fields, pretty(example) if example is not None else "")


def _failure(status: str, response: Mapping[str, Any]) -> Failure:
    codes = list(_media(response).get("examples", {}))
    return Failure(status, codes, "" if codes else response["description"])


def _sent(operation: Mapping[str, Any], name: str, schemas: Schemas) -> Sent:
    media = _media(operation["requestBody"])
    data = _data(operation, schemas)
    responses = operation["responses"].items()
    return Sent(
        id=operation["operationId"],
        name=name,
        summary=operation["summary"],
        text=operation.get("description", ""),
        fields=data.fields if data and data.fields else schemas.fields(media["schema"]),
        example=pretty(_first_example(media)),
        headers=[] if data else _parameters(operation, "header", schemas),
        answers=[] if data else [_answer(status, one, schemas) for status, one in responses],
    )


def _data(operation: Mapping[str, Any], schemas: Schemas) -> Field | None:
    """The `data` of an event's envelope; None for a request that is no event."""
    fields = schemas.fields(_media(operation["requestBody"])["schema"])
    return next((one for one in fields if one.name == "data"), None)


def _is_event(operation: Mapping[str, Any], schemas: Schemas) -> bool:
    return _data(operation, schemas) is not None


def _curl(path: str, method: str, operation: Mapping[str, Any]) -> str:
    named = [one["description"] for one in operation.get("parameters", ()) if one["in"] == "path"]
    noun = named[0].rstrip(".").rpartition(" ")[2].upper() if named else ""
    address = re.sub(r"\{\w+\}", f"${noun}_ID", path)
    parts = [f'curl "$HUM_GATEWAY_URL{address}"']
    if method not in ("GET", "POST"):
        parts[0] = parts[0].replace("curl ", f"curl -X {method} ", 1)
    if operation["security"] and {} not in operation["security"]:
        parts.append('-H "Authorization: Bearer $HUM_GATEWAY_KEY"')
    example = _first_example(_media(operation.get("requestBody", {})))
    if example is not None:
        text = pretty(example).replace("'", r"'\''")
        parts += ["-H 'Content-Type: application/json'", f"-d '{text}'"]
    return " \\\n  ".join(parts)


def pretty(value: Any, width: int = 76) -> str:
    """JSON with short lists and objects on one line."""
    return _lines(value, 0, width)


def _lines(value: Any, indent: int, width: int) -> str:
    short = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value or len(short) + indent <= width // (indent // 2 + 1):
        return short
    pad, end = " " * (indent + 2), " " * indent
    if isinstance(value, dict):
        inner: Iterable[str] = (
            f"{json.dumps(key, ensure_ascii=False)}: {_lines(one, indent + 2, width)}"
            for key, one in value.items()
        )
        return "{\n" + ",\n".join(pad + line for line in inner) + f"\n{end}}}"
    return "[\n" + ",\n".join(pad + _lines(one, indent + 2, width) for one in value) + f"\n{end}]"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

"""The page as HTML. Everything that is put into it is escaped; only `prose` makes tags of its own."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from gateway.web.docs_page.view import problem, sections, topics

_CODE: Final = re.compile(r"`([^`]+)`")
_EMPHASIS: Final = re.compile(r"(?<![\w*])\*(\w[^*`]*)\*(?!\w)")


def page(document: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=DictLoader({"page.html": _file("page.html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    return environment.get_template("page.html").render(
        info=document["info"],
        sections=sections(document),
        topics=topics(document["info"]["description"]),
        errors=document["x-hum-errors"],
        problem=problem(document),
        style=Markup(style()),  # noqa: S704 - the file beside this one
    )


def style() -> str:
    return _file("style.css")


def style_source() -> str:
    """The style as a Content-Security-Policy names it: by its hash."""
    digest = hashlib.sha256(style().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def prose(text: str) -> Markup:
    """Text with `code` and *emphasis*, nothing else."""
    safe = str(escape(text))
    marked = "".join(
        f"<code>{part}</code>" if number % 2 else _EMPHASIS.sub(r"<em>\1</em>", part)
        for number, part in enumerate(_CODE.split(safe))
    )
    return Markup(marked)  # noqa: S704 - escaped above


def _file(name: str) -> str:
    return resources.files("gateway.web.docs_page").joinpath(name).read_text("utf-8")

"""The report as files: JSON for programs, JUnit for continuous integration, HTML for everybody else."""

from __future__ import annotations

import json
from importlib import resources
from xml.etree import ElementTree

from connectors.kit.conformance.catalogue import GROUPS
from connectors.kit.conformance.render.terminal import printable
from connectors.kit.conformance.report import Failure, Report, Result, Shown


def as_json(report: Report) -> str:
    return json.dumps(report.json(), indent=2, ensure_ascii=False) + "\n"


def as_junit(report: Report) -> str:
    """One suite per group, one case per check."""
    root = ElementTree.Element("testsuites", _counts("HUM conformance", report.results, report.seconds))
    for group in GROUPS:
        own = tuple(result for result in report.results if result.check in group.checks)
        if own:
            seconds = sum(result.seconds for result in own)
            suite = ElementTree.SubElement(root, "testsuite", _counts(f"HUM-{group.code}", own, seconds))
            for result in own:
                _add_case(suite, result)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_html(report: Report) -> str:
    """One page that needs nothing else."""
    from jinja2 import Environment, StrictUndefined

    source = resources.files(__package__).joinpath("page.html").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_readable
    )
    groups = [
        (group, own)
        for group in GROUPS
        if (own := [result for result in report.results if result.check in group.checks])
    ]
    return environment.from_string(source).render(report=report, groups=groups, text=shown_text) + "\n"


def _readable(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


def shown_text(shown: Shown) -> str:
    """A request or an answer as lines."""
    lines = [shown.head, *(f"{name}: {value}" for name, value in shown.headers)]
    return printable("\n".join([*lines, "", shown.body] if shown.body else lines))


def _counts(name: str, results: tuple[Result, ...], seconds: float) -> dict[str, str]:
    return {
        "name": name,
        "tests": str(len(results)),
        "failures": str(sum(result.status == "failed" for result in results)),
        "errors": "0",
        "skipped": str(sum(result.status == "skipped" for result in results)),
        "time": f"{seconds:.3f}",
    }


def _add_case(suite: ElementTree.Element, result: Result) -> None:
    group = result.check.id.rpartition("-")[0]
    name = f"{result.check.id} {result.check.title}"
    case = ElementTree.SubElement(suite, "testcase", classname=group, name=name, time=f"{result.seconds:.3f}")
    if result.failure is not None:
        message = printable(f"expected {result.failure.expected}, got {result.failure.got}")
        failure = ElementTree.SubElement(case, "failure", message=message, type=result.check.id)
        failure.text = _story(result, result.failure)
    elif result.status == "skipped":
        ElementTree.SubElement(case, "skipped", message=printable(result.reason))


def _story(result: Result, failure: Failure) -> str:
    parts = [f"contract: {result.check.rule}", f"hint: {failure.hint}"]
    if failure.request is not None:
        parts.append(f"request:\n{shown_text(failure.request)}")
    if failure.answer is not None:
        parts.append(f"answer:\n{shown_text(failure.answer)}")
    # XML has no place for the characters that JSON and terminals can be told of.
    return "".join(c if c in "\t\n" or c >= " " else "?" for c in "\n\n".join(parts))

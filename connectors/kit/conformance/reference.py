"""The tables of checks in `docs/check-a-connector.md`, made from the checks themselves:
`python -m connectors.kit.conformance.reference docs/check-a-connector.md` writes them anew.

What people have written stands outside the two marks and stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from connectors.kit.conformance.catalogue import CHECKS, GROUPS
from connectors.kit.conformance.check import Check, Group

BEGIN: Final = "<!-- checks: made by connectors/kit/conformance/reference.py -->"
END: Final = "<!-- end of checks -->"

_NEEDS: Final = {
    "known": "a known contact",
    "seeded": "a contact of the seed",
    "local": "a contact stored without its country",
    "shared": "a shared number",
    "shown": "`--show-activity`",
}


def page(text: str) -> str:
    """`text` with the tables between the marks. Raises ValueError when a mark is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """One section per group: what is checked, by which sentence of the contract, under which conditions."""
    return "\n".join([f"{_counts()}\n", *(section for group in GROUPS for section in _section(group))])


def _counts() -> str:
    lookup = sum(check.profile == "lookup" for check in CHECKS)
    both = sum(not check.strict_only for check in CHECKS)
    writing = sum(check.writes for check in CHECKS)
    return (
        f"{len(CHECKS)} checks: {lookup} of them in the lookup profile; {both} in compatible mode; "
        f"{writing} that "
        f"run with `--allow-writes` only."
    )


def _section(group: Group) -> Iterator[str]:
    rules = list(dict.fromkeys(check.rule for check in group.checks))
    yield f"### {group.code}: {group.title}\n"
    yield from (f"{number}. {rule}" for number, rule in enumerate(rules, 1))
    yield ""
    yield "| id | what must hold | rule | profile | mode | |"
    yield "|---|---|---|---|---|---|"
    for check in group.checks:
        number = rules.index(check.rule) + 1
        title = check.title.replace("|", "\\|").replace("{", "`{").replace("}", "}`")
        cells = (f"`{check.id}`", title, str(number), check.profile, check.mode, _conditions(check))
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")
    yield ""


def _conditions(check: Check) -> str:
    writes = "writes" if check.writes else ""
    needs = f"needs {_NEEDS[check.needs]}" if check.needs else ""
    return "; ".join(part for part in (writes, needs) if part)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text("utf-8")), "utf-8")

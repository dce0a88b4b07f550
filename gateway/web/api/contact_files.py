"""`POST /api/contacts/import`: files of contacts."""

from __future__ import annotations

from typing import Final

from gateway.domain import contact_files
from gateway.domain.contact_columns import MOST_COLUMNS, Columns, chosen
from gateway.domain.phone import REGIONS
from gateway.errors import InvalidRequest
from gateway.manage.contact_import import Report, bring_in
from gateway.web import answers
from gateway.web.audit import who
from gateway.web.body import BATCH
from gateway.web.call import Answer, Call
from gateway.web.exports import CSV, LINES
from gateway.web.lists import choice_parameter
from gateway.web.operation import Operation

_KINDS: Final[dict[str, contact_files.Kind]] = {CSV: "csv", LINES: "ndjson"}


async def import_contacts(call: Call) -> Answer:
    services, org = call.services, call.the_org.organization
    kind = _KINDS[call.headers["content-type"].partition(";")[0].strip().lower()]
    dry_run = choice_parameter(call, "dry_run", ("true", "false")) == "true"
    columns = Columns(chosen(call.query.getlist("map"), call.query.getlist("ignore")))
    file = contact_files.ContactFile(kind, call.body, _region(call), columns)
    report = await bring_in(services.store, services.clock, org, file, who(call).actor, dry_run=dry_run)
    call.audit.details = {
        "lines": report.lines, "created": report.created, "updated": report.updated,
        "unchanged": report.unchanged, "refused": report.refused, "dry_run": dry_run,
    }  # fmt: skip
    return Answer(_shape(report, columns, dry_run=dry_run))


def _region(call: Call) -> str:
    """Where numbers of the file belong: what the request says, else what the organization has set."""
    given = call.query.get("region")
    if given is None:
        return call.the_org.organization.settings.region
    if given.upper() not in REGIONS:
        raise InvalidRequest.field("region", "must be a country's two letters, such as US or DE")
    return given.upper()


def _shape(report: Report, columns: Columns, *, dry_run: bool) -> answers.ImportReport:
    return {
        "dry_run": dry_run,
        "lines": report.lines,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "refused": report.refused,
        "columns": [{"column": column, "field": name} for column, name in columns.became.items()],
        "errors": [{"line": one.line, "field": one.field, "message": one.message} for one in report.errors],
    }


OPERATIONS = (
    Operation(
        "POST", "/api/contacts/import", "importContacts", import_contacts, "operator", "manage", "write",
        "Bring contacts in from a file.", org="one", limit=lambda _: BATCH,
        query=("map", "ignore", "dry_run", "region"), repeated=("map", "ignore"), waits=True,
        takes=(CSV, LINES), answers={200: answers.ImportReport},
        note="CSV with the names of the columns in its first line (`phone`, and any of `name`, `first_name`, "
        "`last_name`, `email`, `company`, `title`, `notes`, `tags` with `;` between them, `fields.<name>`), "
        "or an object for each line. A column that is called otherwise is mapped to one of these with `map`, "
        "or left out with `ignore`; `columns` in the report says what each became. Each line is a merge "
        "patch: cells that are empty leave what stands. A line that cannot be taken is reported, and the "
        "others are written. Bringing the same file in again "
        f"changes nothing. At most 16 MiB, {contact_files.MOST_LINES:,} lines, {MOST_COLUMNS} "
        f"columns, and {contact_files.MOST_CHARACTERS // 1024} Ki characters in a line. The report describes "
        f"the first {contact_files.MOST_REPORTED:,} lines that were refused, and counts them all.",
    ),
)  # fmt: skip

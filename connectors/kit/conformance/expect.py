"""HUM's reading of answers: what each must be, said once, with a Failed that tells what it was instead.

Each function looks at what HUM cannot do without. The finer points (the form of a contact's fields, the
content type) are checks of their own, so that one fault fails one check.
"""

from __future__ import annotations

from typing import Any, Final

from connectors.kit.conformance.exchange import Answer
from connectors.kit.conformance.verdict import Skipped

MOST_ID: Final = 256
_BAD_REQUEST: Final = (400, 413, 415, 422)
CRASHED: Final = "The connector failed; its log says where."


def refused(answer: Answer) -> None:
    """Missing or wrong bearer or signature. Compatible: 403 serves as well."""
    if answer.status == 401 or (answer.status == 403 and not answer.strict):
        return
    raise answer.failed("HTTP 401")


def bad_request(answer: Answer, *statuses: int) -> None:
    """A client's mistake, and nothing that could be taken for "not found". Compatible: any 4xx."""
    allowed = statuses or _BAD_REQUEST
    if says_not_found(answer):
        raise answer.failed("an error", f'HTTP {answer.status} {{"found": false}}, which HUM would believe')
    if answer.status in allowed or (400 <= answer.status < 500 and not answer.strict):
        return
    expected = "HTTP " + " or ".join(map(str, allowed)) if answer.strict else "a 4xx status"
    raise answer.failed(expected)


def no_crash(answer: Answer) -> None:
    """Any answer but a server's error."""
    if answer.status >= 500:
        raise answer.failed("an answer below 500")


def says_not_found(answer: Answer) -> bool:
    """Whether HUM takes it for "not found"."""
    return answer.status in (200, 404) and answer.is_object and answer.data.get("found") is False


def nobody(answer: Answer) -> None:
    """ "Not found", or an error of the client's: for what is no number."""
    if not says_not_found(answer):
        if answer.status == 200:
            raise answer.failed('{"found": false} or a 4xx status', "HTTP 200 and something else")
        bad_request(answer)


def not_found(answer: Answer) -> None:
    """`{"found": false}`, with 200 or 404."""
    if answer.status not in (200, 404):
        raise answer.failed('{"found": false} with HTTP 200 or 404', hint=_crash(answer))
    if not answer.is_object and answer.status == 404:
        raise answer.failed('{"found": false} with HTTP 200 or 404', "a bare 404")
    if answer.data.get("found") is not False:
        raise answer.failed('{"found": false}', f'"found": {_shown(answer.data.get("found"))}')


def found(answer: Answer) -> dict[str, Any]:
    """The contact of a lookup that knows the number."""
    if answer.status != 200:
        raise answer.failed('HTTP 200 and {"found": true, "contact": …}', hint=_crash(answer))
    if answer.data.get("found") is not True:
        raise answer.failed('"found": true', f'"found": {_shown(answer.data.get("found"))}')
    return contact(answer)


def contact(answer: Answer) -> dict[str, Any]:
    """The `contact` of an answer; it has an id."""
    given = answer.data.get("contact")
    if not isinstance(given, dict):
        raise answer.failed('"contact": an object', f'"contact": {_shown(given)}')
    own = given.get("id")
    if not isinstance(own, str) or not own.strip() or len(own) > MOST_ID or not own.isprintable():
        raise answer.failed(f"contact.id: 1 to {MOST_ID} printable characters", f"contact.id: {_shown(own)}")
    return given


def created(answer: Answer) -> tuple[dict[str, Any], bool]:
    """The contact, and whether it was made now. 409: it existed; compatible: also 200, `"created": false`."""
    supported(answer)
    if answer.status in (200, 201):
        flag = answer.data.get("created")
        if flag is True or (flag is False and answer.status == 200 and not answer.strict):
            return contact(answer), flag
        raise answer.failed('"created": true', f'"created": {_shown(flag)}')
    if answer.status == 409:
        return contact(answer), False
    expected = 'HTTP 201 (or 200) and {"contact": …, "created": true}, or 409 with the contact'
    raise answer.failed(expected, hint=_crash(answer))


def supported(answer: Answer) -> None:
    """Raises Skipped when the CRM cannot create contacts: HUM is then told not to ask for it."""
    if answer.status == 501 and answer.is_object and answer.data.get("error") == "not_supported":
        raise Skipped('a CRM in which contacts can be created: this one answers 501 "not_supported"')


def logged(answer: Answer) -> str | None:
    """The id of the activity; None where the CRM has nothing of the kind."""
    if not 200 <= answer.status < 300:
        raise answer.failed('HTTP 2xx and {"activity_id": …}', hint=_crash(answer))
    given = answer.data.get("activity_id")
    if isinstance(given, str) and given:
        return given
    if given is None and answer.data.get("skipped") == "not_supported":
        return None
    expected = 'an "activity_id", or null with "skipped": "not_supported"'
    raise answer.failed(expected, f'"activity_id": {_shown(given)}')


def alive(answer: Answer) -> None:
    """The answer to a ping."""
    if not 200 <= answer.status < 300:
        raise answer.failed('HTTP 2xx and {"ok": true}', hint=_crash(answer))
    if answer.data.get("ok") is not True:
        raise answer.failed('"ok": true', f'"ok": {_shown(answer.data.get("ok"))}')


def same(answer: Answer, what: str, expected: object, got: object) -> None:
    """`what` is as expected."""
    if got != expected:
        raise answer.failed(f"{what}: {_shown(expected)}", f"{what}: {_shown(got)}")


def _crash(answer: Answer) -> str:
    """The hint where a good answer was due and a server's error came; "" leaves the check's own. 501 is no
    crash: it says that something is not there."""
    return CRASHED if answer.status >= 500 and answer.status != 501 else ""


def _shown(value: object) -> str:
    known = {None: "nothing or null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return known[value]
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 120 else text[:119] + "…"

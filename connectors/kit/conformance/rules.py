"""The sentences of the contract that the checks stand for.

A check names one of them; the documentation shows it beside the check, and the report beside a failure.
`PRACTICE` is for what the contract leaves open and a careful connector does all the same: only strict mode
demands it.
"""

from __future__ import annotations

from typing import Final

SIGNED: Final = (
    "Every request carries `Authorization: Bearer <secret>` and `X-HUM-Signature: sha256=<hex HMAC-SHA256("
    "secret, raw body)>`; both are checked in constant time, over the raw bytes, before anything is parsed."
)
UNAUTHORIZED: Final = "Missing or wrong bearer or signature: 401."
STANDARD_HEADERS: Final = "In addition every request carries the Standard Webhooks headers."
EVENT: Final = "An event name that does not belong to the path: 400."
LOOKUP: Final = (
    '`POST {base_url}/contacts/lookup` answers 200 `{"found": true, "contact": {…}, "matches": 1, "match": '
    '"exact" | "suffix"}`, or `{"found": false}` with 200 or 404.'
)
NOT_FOUND: Final = 'Anything else, a bare 404 too, is an error, never "not found".'
READ_ONLY: Final = "A lookup is read-only."
MATCHING: Final = (
    "A match says whether it is exact or a suffix; the same last digits in another country are no match; "
    "many "
    "matches are answered deterministically."
)
CONTACT: Final = (
    '`contact`: `{"id", "name", "first_name", "last_name", "email", "phone", "company", "title", "url" '
    "(https), "
    '"notes", "fields": {}}`, all but `id` optional.'
)
CREATE: Final = (
    '`POST {base_url}/contacts` answers 200 or 201 `{"contact": {…}, "created": true}`; 409 with `contact`: '
    "it "
    "existed."
)
ONCE: Final = "Create runs once per connector and phone, in up to three tries with the same `X-HUM-Delivery`."
CALL: Final = (
    '`POST {base_url}/calls` answers 2xx `{"activity_id": "…"}`, or `{"activity_id": null, "skipped": '
    '"not_supported"}`.'
)
CALL_FIELDS: Final = (
    "`call` has the fields of `call.completed`, of which only the id is certain; `contact` may be null."
)
SAME_CALL: Final = "The same call id updates the same activity."
REVISION: Final = "A lower revision is answered 2xx and ignored."
PING: Final = '`POST {base_url}/ping` answers 2xx `{"ok": true, "name"?, "version"?}`; no side effects.'
DELIVERY: Final = "`X-HUM-Delivery` is stable across retries: the idempotency key."
DEADLINE: Final = "`X-HUM-Deadline-Ms` on lookups says how long somebody still waits."
IN_TIME: Final = "An answer comes within `timeout_ms` (default 4000, at most 30000)."
HOOKS: Final = "HUM's hooks have 1500 ms in all, 1200 ms each."
ANSWERS: Final = "Answers over 1 MiB, or against the contract, are errors."
EVOLUTION: Final = (
    "New fields, headers, types and enum values are compatible, and receivers must ignore what they do not "
    "know."
)
TYPES: Final = "Bodies are JSON, sent as `Content-Type: application/json`."
NO_REDIRECT: Final = "Redirects fail and are never followed."
HTTPS: Final = "HUM calls `https` addresses only, outside of networks that its operator lists."
LARGE: Final = "An event, and with it a call, has up to 262,144 bytes by default and 4 MiB at most."
SHOWN_ONCE: Final = "The secret is shown once, at creation and on rotation."
PRACTICE: Final = "Good practice; the contract leaves it open."

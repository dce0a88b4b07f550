"""Makes `fixtures/connector`: `python -m tests.connectors.vectors` writes the files, a test compares.

Signatures come from Python's `hmac` alone (`tests/connectors/signing.py`): neither the gateway, which sends
such requests, nor the kit, which takes them, has a say in what is right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from connectors.kit.signing import PATHS
from tests.connectors.signing import NOW, OTHER_SECRET, SECRET, signed_headers, standard_signature

DIRECTORY = Path(__file__).parents[2] / "fixtures" / "connector"
OWN_SECRET = "correct-horse-16"  # an imported one, of another system

LOOKUP = '{"phone":"+13175550142","org_id":"acme","call_id":"call_01k9h2w0aa","direction":"inbound"}'
CREATE = (
    '{"phone":"+13175550199","name":"Zoe Example","email":"zoe@example.com","source":"hum",'
    '"call_id":"call_01k9h2w0aa"}'
)
PING = '{"org_id":"acme","connector_id":"cnr_01k9h2vz00","timestamp":"2026-11-20T21:25:09.000Z"}'
SYNC = (
    '{"call":{"id":"call_1","direction":"inbound","from":"+13175550142","to":"+13175550100",'
    '"started_at":"2026-11-20T21:05:09.123Z","ended_at":"2026-11-20T21:07:30.000Z","duration_seconds":141,'
    '"status":"completed","summary":"Ann asked for a later appointment.","key_points":["Prefers mornings"],'
    '"next_actions":["Send the new time"],"transcript":[{"role":"agent","text":"Hello!","at":0.4},'
    '{"role":"caller","text":"Grüß Gott, könnte ich später kommen? 🙂","at":3}],'
    '"outcome":{"appointment":"moved","price":1.10,"reference":123456789012345678901234567890},'
    '"tags":[],"agent":{"id":"agt_1","name":"Front desk"},"sentiment":"positive",'
    '"revision":1,"updated_at":"2026-11-20T21:07:31.000Z"},"contact":{"id":"1","phone":"+13175550142"}}'
)
BODIES = {"contact.lookup": LOOKUP, "contact.create": CREATE, "call.sync": SYNC, "ping": PING}

Vector = dict[str, Any]


def request(name: str, event: str, body: str | None = None, **changes: Any) -> Vector:
    """A request of HUM. `secret`, `delivery`, `message`, `timestamp`, `also` go into its signatures; `set`
    and `drop` change headers afterwards, `twice` repeats one; the rest are fields of the vector."""
    content = BODIES[event] if body is None else body
    signing = {
        key: changes.pop(key)
        for key in ("secret", "delivery", "message", "timestamp", "also")
        if key in changes
    }
    headers = signed_headers(content.encode(), event, **signing) | changes.pop("set", {})
    for dropped in changes.pop("drop", ()):
        del headers[dropped]
    pairs = [[header, value] for header, value in headers.items()]
    if "twice" in changes:
        repeated = changes.pop("twice")
        pairs.append([repeated.lower(), headers[repeated]])
    made = {"name": name, "event": event, "path": PATHS[event], "headers": pairs, "body": content}
    return made | {"secrets": [SECRET], "now": NOW} | changes


STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")


def plain(name: str, secret: str) -> Vector:
    """With a secret of another system, in the documented headers alone."""
    signature = "sha256=" + hmac.new(secret.encode(), LOOKUP.encode(), hashlib.sha256).hexdigest()
    proof = {"Authorization": f"Bearer {secret}", "X-HUM-Signature": signature}
    return request(name, "contact.lookup", set=proof, drop=STANDARD, secrets=[secret])


def accepted() -> list[Vector]:
    unpadded = "whsec_" + base64.b64encode(b"twenty-five bytes of key!").decode().rstrip("=")
    both = [OTHER_SECRET, SECRET]
    own = standard_signature(SECRET, "evt_01k9h2w0aa", NOW, LOOKUP.encode())
    lower = [[name.lower(), value] for name, value in signed_headers(PING.encode(), "ping").items()]
    return [
        request("lookup", "contact.lookup", set={"X-HUM-Deadline-Ms": "900"}),
        request("create", "contact.create"),
        request("call", "call.sync"),
        request("ping", "ping"),
        request("the documented headers alone", "contact.lookup", drop=STANDARD),
        request("an empty object", "ping", "{}"),
        request("white space is signed as it comes", "ping", ' {\r\n\t"org_id" : "acme" }\n'),
        request("escapes are signed as they come", "call.sync",
                '{"call":{"id":"call_2","summary":"Gr\\u00fc\\u00df"}}'),
        request("fields and values of a later version", "contact.lookup",
                LOOKUP[:-1] + ',"mood":{"x":[1]},"org_id":"b"}'),
        request("null is absent", "call.sync",
                '{"call":{"id":"call_3","tags":null,"agent":null},"contact":null}'),
        request("header names in lower case", "ping", headers=lower),
        request("the scheme in lower case", "ping", set={"Authorization": f"bearer {SECRET}"}),
        request("a media type with a parameter", "ping",
                set={"Content-Type": "application/json; charset=utf-8"}),
        request("headers of a later version", "ping", set={"X-HUM-Something": "x", "traceparent": "x"}),
        request("the first of two secrets", "ping", secret=OTHER_SECRET, secrets=both),
        request("the second of two secrets", "ping", secrets=both),
        request("two signatures while a secret is rotated", "ping", also=OTHER_SECRET),
        request("a signature of an unknown version beside it", "contact.lookup",
                set={"webhook-signature": f"v1a,AAAA {own}"}),
        request("the oldest that is tolerated", "ping", timestamp=NOW - 300),
        request("the newest that is tolerated", "ping", timestamp=NOW + 300),
        request("a retry: the same delivery, signed anew", "contact.create", timestamp=NOW + 5,
                now=NOW + 5, set={"X-HUM-Attempt": "2"}),
        request("base64 without padding", "ping", secret=unpadded, secrets=[unpadded]),
        plain("a secret of another system", OWN_SECRET),
    ]  # fmt: skip


def refused() -> list[Vector]:
    other = signed_headers(LOOKUP.encode(), "contact.lookup", secret=OTHER_SECRET)
    both = [SECRET, OTHER_SECRET]
    late = {"timestamp": NOW - 301}

    def case(
        name: str, reason: str, status: int = 401, event: str = "contact.lookup", **changes: Any
    ) -> Vector:
        return request(name, event, status=status, reason=reason, **changes)

    return [
        case("no bearer", "bearer_missing", drop=["Authorization"]),
        case("an empty bearer", "bearer_missing", set={"Authorization": "Bearer "}),
        case("another scheme", "bearer_missing", set={"Authorization": f"Basic {SECRET}"}),
        case("the secret without a scheme", "bearer_missing", set={"Authorization": SECRET}),
        case("another secret", "bearer_wrong", secret=OTHER_SECRET),
        case("a bearer with more behind it", "bearer_wrong", set={"Authorization": f"Bearer {SECRET}x"}),
        case("a bearer that ends early", "bearer_wrong", set={"Authorization": f"Bearer {SECRET[:-1]}"}),
        case("a bearer outside ASCII", "bearer_wrong", set={"Authorization": "Bearer \u00fc"}),
        case("no signature", "signature_missing", drop=["X-HUM-Signature"]),
        case("an empty signature", "signature_malformed", set={"X-HUM-Signature": ""}),
        case("a signature without its prefix", "signature_malformed",
             set={"X-HUM-Signature": other["X-HUM-Signature"].removeprefix("sha256=")}),
        case("a signature outside ASCII", "signature_malformed", set={"X-HUM-Signature": "sha256=\u00fc"}),
        case("a short signature", "signature_malformed", set={"X-HUM-Signature": "sha256=00"}),
        case("a signature with another secret", "signature_wrong",
             set={"X-HUM-Signature": other["X-HUM-Signature"]}),
        case("bearer of one live secret, signature of the other", "signature_wrong",
             set={"X-HUM-Signature": other["X-HUM-Signature"]}, secrets=both),
        case("another body", "signature_wrong", event="ping",
             set={"X-HUM-Signature": other["X-HUM-Signature"]}, secret=SECRET),
        case("webhook-signature is missing", "webhook_headers_incomplete", drop=["webhook-signature"]),
        case("webhook-id is missing", "webhook_headers_incomplete", drop=["webhook-id"]),
        case("webhook-timestamp is missing", "webhook_headers_incomplete", drop=["webhook-timestamp"]),
        case("a dot in webhook-id", "webhook_id_malformed", set={"webhook-id": "evt.1"}),
        case("an empty webhook-id", "webhook_id_malformed", set={"webhook-id": ""}),
        case("milliseconds", "webhook_timestamp_malformed", set={"webhook-timestamp": f"{NOW}000"}),
        case("a timestamp with a sign", "webhook_timestamp_malformed", set={"webhook-timestamp": f"+{NOW}"}),
        case("a timestamp in words", "webhook_timestamp_malformed", set={"webhook-timestamp": "now"}),
        case("too old: a replay", "webhook_timestamp_old", **late),
        case("from the future", "webhook_timestamp_new", timestamp=NOW + 301),
        case("an old request made young", "webhook_signature_wrong",
             set={"webhook-timestamp": str(NOW)}, **late),
        case("another webhook-id", "webhook_signature_wrong", set={"webhook-id": "evt_2"}),
        case("a bare v1,", "webhook_signature_malformed", set={"webhook-signature": "v1,"}),
        case("an unknown version alone", "webhook_signature_malformed", set={"webhook-signature": "v2,AAAA"}),
        case("webhook-signature with another secret", "webhook_signature_wrong",
             set={"webhook-signature": other["webhook-signature"]}, secrets=both),
        case("Authorization twice", "header_repeated", twice="Authorization"),
        case("X-HUM-Signature twice", "header_repeated", twice="X-HUM-Signature"),
        case("webhook-id twice", "header_repeated", twice="webhook-id"),
        case("an event of another path", "event_mismatch", 400, set={"X-HUM-Event": "contact.create"}),
        case("an event that nobody knows", "event_mismatch", 400, set={"X-HUM-Event": "contact.delete"}),
        case("no event", "event_mismatch", 400, drop=["X-HUM-Event"]),
        case("another media type", "unsupported_media_type", 415, set={"Content-Type": "text/plain"}),
        case("no JSON", "invalid_json", 400, body='{"phone":'),
        case("two values", "invalid_json", 400, body="{}{}"),
        case("an array", "invalid_request", 422, body="[]"),
        case("no phone", "invalid_request", 422, body="{}"),
        case("a phone that is a number", "invalid_request", 422, body='{"phone":13175550142}'),
        case("a withheld number cannot become a contact", "invalid_request", 422, event="contact.create",
             body='{"phone":"anonymous"}'),
        case("a call without an id", "invalid_request", 422, event="call.sync", body='{"call":{}}'),
    ]  # fmt: skip


CONTACT = (
    '{"id":"1","name":"Ann Example","first_name":"Ann","last_name":"Example","email":"ann@example.com",'
    '"phone":"+13175550142","company":"Example Ltd","title":"Owner","url":"https://crm.example/contacts/1",'
    '"notes":"Prefers mornings","fields":{"plan":"gold"}}'
)
FAILED = '{"error":"crm_unavailable","message":"the CRM answered 502"}'


def answers() -> list[Vector]:
    def case(name: str, event: str, status: int, body: str, verdict: str, **more: Any) -> Vector:
        return {"name": name, "event": event, "status": status, "body": body, "verdict": verdict} | more

    lookup, create, sync = "contact.lookup", "contact.create", "call.sync"
    found = f'{{"found":true,"contact":{CONTACT},"matches":1,"match":"exact"}}'
    return [
        case("found", lookup, 200, found, "found", contact_id="1"),
        case("found, as little as possible", lookup, 200,
             '{"found":true,"contact":{"id":"1"},"matches":1,"match":"suffix"}', "found", contact_id="1"),
        case("many share the number", lookup, 200,
             f'{{"found":true,"contact":{CONTACT},"matches":3,"match":"exact"}}', "found", contact_id="1"),
        case("fields of a later version", lookup, 200,
             '{"found":true,"contact":{"id":"1","mood":"good"},"matches":1,"match":"exact","x":[]}',
             "found", contact_id="1"),
        case("not found", lookup, 200, '{"found":false}', "not_found"),
        case("not found, with 404", lookup, 404, '{"found":false}', "not_found"),
        case("a bare 404", lookup, 404, "", "error", error="endpoint_missing"),
        case("a page that says 404", lookup, 404, "<!doctype html><title>Not found</title>", "error",
             error="endpoint_missing"),
        case("another 404", lookup, 404, '{"error":"endpoint_missing","message":"no such path"}', "error",
             error="endpoint_missing"),
        case("an empty answer", lookup, 200, "", "error"),
        case("a page", lookup, 200, "<!doctype html><title>Sign in</title>", "error"),
        case("no JSON", lookup, 200, '{"found":', "error"),
        case("an array", lookup, 200, "[]", "error"),
        case("null", lookup, 200, "null", "error"),
        case("nothing said", lookup, 200, "{}", "error"),
        case("found nobody", lookup, 200, '{"found":true}', "error"),
        case("a contact without an id", lookup, 200,
             '{"found":true,"contact":{"name":"Ann Example"},"matches":1,"match":"exact"}', "error"),
        case("found in words", lookup, 200, '{"found":"false"}', "error"),
        case("a redirect", lookup, 302, "", "error"),
        case("wrong secret", lookup, 401, '{"error":"bearer_wrong","message":"none of them"}', "error"),
        case("the CRM wants fewer requests", lookup, 429,
             '{"error":"crm_rate_limited","message":"slower"}', "error", headers=[["Retry-After", "7"]]),
        case("the CRM is down", lookup, 503, FAILED, "error", headers=[["Retry-After", "60"]]),
        case("too late", lookup, 504, '{"error":"crm_timeout","message":"no answer in time"}', "error"),
        case("created", create, 201,
             f'{{"contact":{CONTACT},"created":true}}', "created", contact_id="1"),
        case("created, with 200", create, 200,
             '{"contact":{"id":"1"},"created":true}', "created", contact_id="1"),
        case("it existed", create, 409,
             f'{{"contact":{CONTACT},"created":false}}', "existed", contact_id="1"),
        case("it existed, in few words", create, 409, '{"contact":{"id":"1"}}', "existed", contact_id="1"),
        case("a conflict without a contact", create, 409, '{"error":"conflict","message":"?"}', "error"),
        case("created nobody", create, 201, '{"created":true}', "error"),
        case("creating is not supported", create, 501,
             '{"error":"not_supported","message":"this connector cannot do that"}', "error"),
        case("logged", sync, 200, '{"activity_id":"act_1"}', "logged", activity_id="act_1"),
        case("logged, with 201", sync, 201, '{"activity_id":"act_1"}', "logged", activity_id="act_1"),
        case("a CRM without calls", sync, 200, '{"activity_id":null,"skipped":"not_supported"}', "skipped"),
        case("not logged", sync, 502, '{"error":"crm_refused","message":"the token has expired"}', "error"),
        case("alive", "ping", 200, '{"ok":true,"name":"memory","version":"1"}', "alive"),
        case("alive, in few words", "ping", 200, '{"ok":true}', "alive"),
        case("not alive", "ping", 503, FAILED, "error"),
    ]  # fmt: skip


PROVENANCE = (
    "ours: made by tests/connectors/vectors.py with Python's hmac. The names of the X-HUM headers, the bearer"
    " and the form of X-HUM-Signature are documented"
)


def files() -> dict[str, str]:
    """Name → text, ending with one line end."""
    made = {"accepted.json": accepted(), "refused.json": refused(), "answers.json": answers()}
    return {
        name: json.dumps(
            {"provenance": PROVENANCE if name != "answers.json" else "ours", "vectors": vectors},
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
        for name, vectors in made.items()
    }


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in files().items():
        (DIRECTORY / name).write_text(text, "utf-8")
        print(DIRECTORY / name)

"""A connector in which nothing is the kit's, as somebody might write it who has only read the contract.

It shows that the check asks for the contract and not for the kit. `Plain` is the careful one; `Tolerable`
gets along with HUM and is no more than that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

E164 = re.compile(r"\+[1-9][0-9]{7,14}\Z")
CALL_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "direction": str,
    "summary": str,
    "transcript": list,
    "duration_seconds": (int, float),
    "revision": int,
}


class Plain:
    """Contacts, calls and the four endpoints, in one class."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self.secret = secret
        self.now = now
        self.contacts: dict[str, dict[str, Any]] = {}  # by phone
        self.calls: dict[str, tuple[str, dict[str, Any]]] = {}  # by call id: activity, call
        self.ids = itertools.count(1)
        self.app = Starlette(
            routes=[
                self._route("/contacts/lookup", "contact.lookup", self.lookup),
                self._route("/contacts", "contact.create", self.create),
                self._route("/calls", "call.sync", self.sync),
                self._route("/ping", "ping", self.ping),
            ]
        )

    def lookup(self, body: dict[str, Any]) -> Response:
        phone = body.get("phone")
        if not isinstance(phone, str):
            return self.problem(400, "invalid_request", "phone: a text is needed")
        found = self.contacts.get(phone) if E164.match(phone) else None
        if found is None:
            return self.not_found()
        return JSONResponse({"found": True, "contact": found, "matches": 1, "match": "exact"})

    def create(self, body: dict[str, Any]) -> Response:
        phone, name = body.get("phone"), body.get("name")
        if not isinstance(phone, str) or not E164.match(phone) or phone == "+266696687":
            return self.problem(400, "invalid_request", "phone: a number in E.164 is needed")
        if name is not None and not isinstance(name, str):
            return self.problem(400, "invalid_request", "name: a text is needed")
        if phone in self.contacts:
            return self.existing(self.contacts[phone])
        contact = {"id": f"p{next(self.ids)}", "name": name, "phone": phone}
        self.contacts[phone] = contact
        return self.created(contact)

    def sync(self, body: dict[str, Any]) -> Response:
        call = body.get("call")
        if not isinstance(call, dict) or not isinstance(call.get("id"), str) or not call["id"]:
            return self.problem(400, "invalid_request", "call.id: a text is needed")
        for name, kind in CALL_TYPES.items():
            if call.get(name) is not None and not isinstance(call[name], kind):
                return self.problem(400, "invalid_request", f"call.{name} is of another type")
        activity, known = self.calls.get(call["id"], (f"a{next(self.ids)}", {}))
        if (call.get("revision") or 0) >= (known.get("revision") or 0):
            self.calls[call["id"]] = activity, call
        return JSONResponse({"activity_id": activity})

    def ping(self, body: dict[str, Any]) -> Response:
        return JSONResponse({"ok": True})

    def not_found(self) -> Response:
        return JSONResponse({"found": False})

    def created(self, contact: dict[str, Any]) -> Response:
        return JSONResponse({"contact": contact, "created": True}, 201)

    def existing(self, contact: dict[str, Any]) -> Response:
        return JSONResponse({"contact": contact, "error": "exists", "message": "there is one"}, 409)

    def problem(self, status: int, code: str, message: str) -> Response:
        return JSONResponse({"error": code, "message": message}, status)

    def _route(self, path: str, event: str, work: Callable[[dict[str, Any]], Response]) -> Route:
        async def endpoint(request: Request) -> Response:
            raw = b""
            async for part in request.stream():
                raw += part
                if len(raw) > 4 * 1024 * 1024:
                    return self.problem(413, "too_large", "4 MiB at most")
            if not self.is_hum(request, raw):
                return self.problem(401, "unauthorized", "bearer or signature")
            if request.headers.get("x-hum-event") != event:
                return self.problem(400, "wrong_event", "the event does not belong here")
            try:
                body = json.loads(raw.decode())
                json.dumps(body, ensure_ascii=False).encode()
            except (ValueError, RecursionError):
                return self.problem(400, "invalid_json", "phone or not: the body is no JSON")
            return work(body) if isinstance(body, dict) else self.problem(400, "invalid_json", "no object")

        return Route(path, endpoint, methods=["POST"])

    def is_hum(self, request: Request, raw: bytes) -> bool:
        given = {name: request.headers.getlist(name) for name in ("authorization", "x-hum-signature")}
        signature = "sha256=" + hmac.new(self.secret.encode(), raw, hashlib.sha256).hexdigest()
        proofs = ((given["authorization"], f"Bearer {self.secret}"), (given["x-hum-signature"], signature))
        return all(len(values) == 1 and values[0] == good for values, good in proofs) and self.is_new(
            request, raw
        )

    def is_new(self, request: Request, raw: bytes) -> bool:
        timestamp = request.headers.get("webhook-timestamp", "")
        content = f"{request.headers.get('webhook-id')}.{timestamp}.".encode() + raw
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        entry = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        recent = timestamp.isdigit() and abs(int(timestamp) - self.now()) < 300
        return recent and entry in request.headers.get("webhook-signature", "").split()


class Tolerable(Plain):
    """Everything that compatible mode lets pass, at once."""

    def ping(self, body: dict[str, Any]) -> Response:
        return Response(b'{"ok": true}', media_type="text/plain")

    def lookup(self, body: dict[str, Any]) -> Response:
        answer = super().lookup(body)
        if answer.status_code != 200:
            return answer
        found = json.loads(bytes(answer.body))
        return JSONResponse({**found, "contact": {**found["contact"], "owner": "Sam"}, "took_ms": 3})

    def not_found(self) -> Response:
        return JSONResponse({"found": False}, 404)

    def created(self, contact: dict[str, Any]) -> Response:
        return JSONResponse({"contact": {"id": contact["id"]}, "created": True}, 200)

    def existing(self, contact: dict[str, Any]) -> Response:
        return JSONResponse({"contact": contact, "created": False}, 200)

    def problem(self, status: int, code: str, message: str) -> Response:
        return Response(b"no", {401: 403, 400: 418}.get(status, status))

    def is_new(self, request: Request, raw: bytes) -> bool:
        return True

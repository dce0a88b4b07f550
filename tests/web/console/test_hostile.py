"""What somebody would try without a key, with few rights or by a link: more rights, others' room, a fault."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest

from gateway.errors import InvalidRequest
from gateway.web.console.drawing import pretty
from gateway.web.console.webhook_fields import MOST_LINES, header_lines
from tests.support.inside import PageOf, Visitor, sign_in
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

AT = "/console/o/acme"


async def entered(node: Node, visitor: Visitor, role: str, **call: Any) -> PageOf:
    """By a link with this role."""
    link = await node.call("POST", "/api/console-links", json={"role": role, "actor": "Eve"}, **call)
    assert link.status_code == 201, link.text
    return await visitor.send(
        await visitor.get("/console/enter/" + link.json()["url"].rsplit("/", 1)[1]), "Enter"
    )


async def test_a_guest_makes_no_key_and_no_link(node: Node) -> None:
    """These would outlast the key behind the link."""
    eve = Visitor(node)
    await entered(node, eve, "admin", key=await node.new_key("admin"))
    page = await eve.get(f"{AT}/keys")
    assert page.status == 200
    assert not {"Make the key", "Make the link"} & set(page.buttons)
    token = page.form("Sign out").fields["token"]
    before = len((await node.call("GET", "/api/keys")).json()["data"])
    ada = await sign_in(node, await node.new_key("admin"))
    forms = [form for form in (await ada.get(f"{AT}/keys")).forms if "role" in form.fields]
    assert len(forms) == 2, "one for keys, one for links"
    for form in forms:
        refused = await eve.post(form.action, form.fields | {"token": token, "actor": "Mallory"})
        assert refused.status == 403, form.action
    assert len((await node.call("GET", "/api/keys")).json()["data"]) == before + 1, "the one of Ada"


async def test_entering_anew_ends_the_session_before_and_asks(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("admin", name="of Ada"))
    cookies = dict(ada.http.cookies)
    link = await node.call("POST", "/api/console-links", json={"role": "viewer", "actor": "Eve"})
    page = await ada.get("/console/enter/" + link.json()["url"].rsplit("/", 1)[1])
    assert page.all("script") == [], "nothing enters by itself"
    assert "inside as of Ada" in page.text
    assert (await ada.send(page, "Enter")).is_inside
    before = Visitor(node)
    before.http.cookies.update(cookies)
    assert not (await before.get(f"{AT}/")).is_inside


def test_lines_of_headers_are_bounded() -> None:
    lines = [f"X-{number}: a" for number in range(MOST_LINES)]
    assert len(header_lines("\n".join(lines))) == MOST_LINES
    with pytest.raises(InvalidRequest, match="at most"):
        header_lines("\n".join([*lines, "X-A: a"]))


async def test_who_may_not_make_a_webhook_has_no_form_read(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("the form was read")

    monkeypatch.setattr("gateway.web.console.webhook_fields.creation", read)
    viewer = await sign_in(node, await node.new_key("viewer"))
    token = (await viewer.get(f"{AT}/")).form("Sign out").fields["token"]
    assert (await viewer.post(f"{AT}/webhooks/new", {"token": token, "headers": "0:\n" * 9})).status == 403


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 900 + b"1," * 4_000 + b"1" + b"]" * 900,
        b'{"a":' * 300 + b"[" + b"0," * 9_000 + b"0]" + b"}" * 300,
        b"[" * 900 + b"]" * 900,
    ],
)
def test_what_is_nested_is_not_written_many_times_larger(raw: bytes) -> None:
    assert len(pretty(raw)) < 7 * len(raw) + 16_384 + len(raw)


def test_what_people_send_is_still_written_for_people() -> None:
    assert (
        pretty(b'{"a":[1.10,{"b":"[[[["}]}')
        == '{\n  "a": [\n    1.10,\n    {\n      "b": "[[[["\n    }\n  ]\n}'
    )
    many = b"[" + b'{"name":"Ann","tags":["a","b"]},' * 2_000 + b"{}]"
    assert pretty(many).count("\n") > 10_000


async def test_a_parameter_of_any_name_breaks_no_page(node: Node, ada: Visitor) -> None:
    for place in ("callers", "deliveries", "audit", "webhooks", "contacts"):
        assert (await ada.get(f"{AT}/{place}?self=1&parts=2&query=3")).status == 200, place


async def test_what_was_searched_for_is_in_no_further_address(node: Node) -> None:
    answer = await Visitor(node).http.get(
        f"{AT}/deliveries?q=%2B13175550142&status=failed", follow_redirects=False
    )
    assert answer.headers["location"] == "/console/sign-in?next=%2Fo%2Facme%2Fdeliveries%3Fstatus%3Dfailed"


@pytest.mark.parametrize("origin", ["http://[x", "http://gateway.test:99999", "//", "http://"])
async def test_an_origin_that_is_none_is_refused(node: Node, origin: str) -> None:
    page = await Visitor(node).post("/console/sign-in", {"key": "x"}, origin=origin)
    assert (page.status, "from another site" in page.text) == (403, True)


@pytest.mark.parametrize("public", ["https://Hooks.Example.com", "https://hooks.example.com:443"])
async def test_the_own_host_is_known_however_it_is_written(sqlite_database: str, public: str) -> None:
    async with running_node(sqlite_database, public_url=public) as node:
        fields = {"key": await node.new_key("viewer")}
        for origin, status in (("https://hooks.example.com", 303), ("http://hooks.example.com", 403)):
            answer = await node.http.post(
                "/console/sign-in", data=fields, headers={"Origin": origin, "Host": "10.0.0.7:8080"}
            )
            assert answer.status_code == status, origin


async def asked(node: Node, path: str, *messages: dict[str, Any], length: int) -> int | None:
    """A form that comes in these pieces; None: there was no answer while its rest was waited for."""
    pieces, statuses = list(messages), []

    async def receive() -> dict[str, Any]:
        if pieces:
            return pieces.pop(0)
        return await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "scheme": "http", "server": ("gateway.test", 80), "client": ("127.0.0.1", 9),
        "http_version": "1.1",
        "headers": [
            (b"host", b"gateway.test"), (b"content-length", str(length).encode()),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
    }  # fmt: skip
    task = asyncio.create_task(node.gateway.app(scope, receive, send))
    await asyncio.wait((task,), timeout=0.1)
    if not task.done():
        assert node.gateway.services.bodies.used == 0, "no room of requests that carry a key"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None
    await task
    return statuses[0]


async def test_whoever_has_no_key_takes_no_room_from_events(node: Node) -> None:
    piece = {"type": "http.request", "body": b"x" * 4_000, "more_body": True}
    for path in ("/console/sign-in", "/console/enter", "/console/sign-out"):
        assert await asked(node, path, piece, length=4_090) is None
        assert await asked(node, path, piece, length=255 * 1024) == 413


async def test_whoever_leaves_while_signing_in_fills_no_log(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    piece = {"type": "http.request", "body": b"key=", "more_body": True}
    assert await asked(node, "/console/sign-in", piece, {"type": "http.disconnect"}, length=100) == 400
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_fault_on_the_way_in_shows_nothing_of_itself(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the secret of the fault")

    monkeypatch.setattr(node.gateway.services.door, "enter_by_key", broken)
    answer = await node.http.post("/console/sign-in", data={"key": "x"})
    assert (answer.status_code, "secret of the fault" in answer.text) == (500, False)
    assert isinstance(answer, httpx.Response)

"""What only the operator may ask, over the Unix socket of the machine itself: a backup.

It is told of as it comes on, one JSON object a line: `{"copied", "pages"}`, and at last `{"done": …}` or
`{"error": …}` as in other errors. Whoever hangs up ends it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.domain.ids import new_id
from gateway.errors import InvalidRequest, Problem
from gateway.manage.backup import Backup
from gateway.store.store import Store
from gateway.web.exports import LINES
from gateway.web.problems import problem_response


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """`file` is absolute: this process may have another working directory than who asks."""

    file: str
    force: bool = False


async def back_up(request: Request, store: Store) -> Response:
    """The answer to `POST /control/backup`."""
    try:
        order = await _order(request)
        path = store.database.url.database
        if not store.database.is_sqlite or path is None:
            raise InvalidRequest("PostgreSQL is backed up by its own tools")
        backup = Backup(Path(path), Path(order.file), store.clock, force=order.force)
    except Problem as problem:
        return problem_response(problem, new_id("req", store.clock.now()))
    lines = (msgspec.json.encode(line) + b"\n" async for line in backup.lines())
    return StreamingResponse(lines, media_type=LINES)


async def _order(request: Request) -> Order:
    try:
        order = msgspec.json.decode(await request.body(), type=Order)
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error)) from None
    if not Path(order.file).is_absolute() or "\0" in order.file:
        raise InvalidRequest.field("file", "must be an absolute path")
    return order

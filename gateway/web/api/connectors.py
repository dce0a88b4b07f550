"""`/api/connectors`: register the bridge to a CRM, change it, give it another secret."""

from __future__ import annotations

from typing import Any

from gateway.domain.connector import Connector, ConnectorCreate, ConnectorUpdate
from gateway.domain.webhook import RotationFinish, SecretRotate, WebhookDisable, WebhookEnable
from gateway.errors import NotFound
from gateway.manage import connectors as manage
from gateway.store import connectors as rows
from gateway.store import health
from gateway.store.transaction import Transaction
from gateway.web import answers, shapes_connectors
from gateway.web.call import Answer, Call
from gateway.web.lists import PAGE_PARAMETERS, list_answer, page_of, page_query
from gateway.web.operation import Operation


async def create_connector(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        made = await manage.create(
            tx, call.the_org, call.model, services.connector_rules, services.clock.now()
        )
    # Shown now and never again; one that the customer brought along is not repeated at all.
    secret = None if call.model.secret is not None else made.secrets[0].value
    content: answers.NewConnector = {**_shape(call, made, None), "secret": secret}
    return Answer(content, 201)


async def list_connectors(call: Call) -> Answer:
    async with call.reading() as conn:
        query = await page_query(call, conn)
        orgs = [call.the_org] if call.org else await call.services.directory.everybody()
        found = [c for org in orgs for c in await rows.of_organization(conn, org.organization.cipher, org.id)]
        page, cursor = page_of(found, query)
        known = await health.latest(conn, [connector.id for connector in page])
    return list_answer([_shape(call, connector, known.get(connector.id)) for connector in page], cursor)


async def get_connector(call: Call) -> Answer:
    async with call.reading() as conn:
        found = await rows.find(conn, call.the_org.organization.cipher, call.the_org.id, call.path["id"])
        if found is None:
            raise NotFound(f"there is no connector {call.path['id']}")
        known = await health.latest(conn, [found.id])
    return Answer(_shape(call, found, known.get(found.id)))


async def update_connector(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        changed, fresh = await manage.update(
            tx, call.the_org, call.path["id"], call.model, services.connector_rules, services.clock.now(),
            services.announce,
        )  # fmt: skip
        shown = await _shown(call, tx, changed)
    content: answers.ChangedConnector = {**shown, "secret": None if fresh is None else fresh.value}
    return Answer(content)


async def enable_connector(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        changed = await manage.enable(
            tx, call.the_org, call.path["id"], call.model, services.connector_rules, services.clock.now(),
            services.announce,
        )  # fmt: skip
        return Answer(await _shown(call, tx, changed))


async def disable_connector(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        changed, _ = await manage.update(
            tx, call.the_org, call.path["id"], ConnectorUpdate(enabled=False), services.connector_rules,
            services.clock.now(), services.announce,
        )  # fmt: skip
        return Answer(await _shown(call, tx, changed))


async def delete_connector(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        await manage.delete(tx, call.the_org, call.path["id"], services.clock.now())
    return Answer(status=204)


async def rotate_secret(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        rotated, fresh = await manage.rotate(
            tx, call.the_org, call.path["id"], call.model, services.announce, services.clock.now()
        )
        shown = await _shown(call, tx, rotated)
    # Shown now and never again; one that the customer brought along is not repeated at all.
    content: answers.NewConnector = {**shown, "secret": None if fresh.imported else fresh.value}
    return Answer(content)


async def finish_rotation(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        finished = await manage.finish_rotation(tx, call.the_org, call.path["id"], services.clock.now())
        return Answer(await _shown(call, tx, finished))


async def _shown(call: Call, tx: Transaction, connector: Connector) -> answers.Connector:
    known = await health.latest(tx.conn, [connector.id])
    return _shape(call, connector, known.get(connector.id))


def _shape(call: Call, connector: Connector, known: Any) -> answers.Connector:
    clock = call.services.clock
    now, monotonic = clock.now(), clock.monotonic()
    lookups = call.services.endpoints.health(connector, now, monotonic)
    return shapes_connectors.connector(
        connector, known, lookups, whole=call.principal.sees_secrets_of_urls, now=now
    )


OPERATIONS = (
    Operation(
        "POST", "/api/connectors", "createConnector", create_connector, "admin", "manage", "write",
        "Register the bridge to a CRM; the answer shows the secret, this once.", model=ConnectorCreate,
        answers={201: answers.NewConnector}, errors=("target_denied", "connector_limit_reached"),
        note="From now on callers are looked up there, and calls are sent there. Ping it to see whether it "
        "answers and takes the secret.",
    ),
    Operation(
        "GET", "/api/connectors", "listConnectors", list_connectors, "viewer", "manage", "read",
        "All connectors.", query=PAGE_PARAMETERS, answers={200: answers.ConnectorList},
        note="`lookup_health` is what the node that answers has seen since it started; other nodes may see "
        "it otherwise.",
    ),
    Operation(
        "GET", "/api/connectors/{id}", "getConnector", get_connector, "viewer", "manage", "read",
        "One connector.", org="one", answers={200: answers.Connector},
    ),
    Operation(
        "PATCH", "/api/connectors/{id}", "updateConnector", update_connector, "admin", "manage", "write",
        "Change a connector by merge patch.", model=ConnectorUpdate, answers={200: answers.ChangedConnector},
        errors=("target_denied", "secret_rotation_required"),
        note="What is not named stays. Null gives a field its default back. A base URL of another origin "
        "(scheme, host, port) needs `\"rotate_secret\": true`: the old secret is not for the new address. "
        "What the connector has answered about people at its old base URL is forgotten.",
    ),
    Operation(
        "POST", "/api/connectors/{id}/enable", "enableConnector", enable_connector, "admin", "manage",
        "write", "Use a connector again; calls that have gathered are sent, oldest first, or discarded.",
        model=WebhookEnable, answers={200: answers.Connector},
        note="A connector that is enabled already stays as it is.",
    ),
    Operation(
        "POST", "/api/connectors/{id}/disable", "disableConnector", disable_connector, "admin", "manage",
        "write", "Ask a connector nothing and send it nothing until it is enabled.", model=WebhookDisable,
        answers={200: answers.Connector}, note="Calls that are pending wait; no new ones are kept for it.",
    ),
    Operation(
        "POST", "/api/connectors/{id}/rotate-secret", "rotateConnectorSecret", rotate_secret, "admin",
        "manage", "write", "Give a connector a new secret; the answer shows it, this once.",
        model=SecretRotate, answers={200: answers.NewConnector}, errors=("rotation_in_progress",),
        note="Bearer and `X-HUM-Signature` are always of the same secret: during the grace period of the one "
        "that the connector took last, at first the old one, from half of the period on the new one; "
        "`webhook-signature` carries both. A connector that refuses it is asked once more with the other, "
        "within the same request. A grace period of 0 is for a leaked secret.",
    ),
    Operation(
        "POST", "/api/connectors/{id}/rotate-secret/finish", "finishConnectorRotation", finish_rotation,
        "admin", "manage", "write", "End a grace period now: the old secret is used no more.",
        model=RotationFinish, answers={200: answers.Connector},
        note="A connector without a rotation under way stays as it is.",
    ),
    Operation(
        "DELETE", "/api/connectors/{id}", "deleteConnector", delete_connector, "admin", "manage", "write",
        "Delete a connector; calls that it is still owed are cancelled, its history stays.",
        answers={204: None},
    ),
)  # fmt: skip

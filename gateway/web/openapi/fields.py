"""What the fields of requests mean, and the rules for them that their types do not tell.

The types stand in `gateway.domain` and `gateway.manage`; a field without its line in one of the modules of
this name fails a test, and so does a rule that the API does not keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.domain.contact_requests import (
    ContactUpdate,
)
from gateway.domain.organization_settings import (
    OrganizationUpdate,
)
from gateway.domain.preview import CallerPreview
from gateway.manage.keys import KeyCreate
from gateway.web.openapi import (
    fields_connectors,
    fields_contacts,
    fields_events,
    fields_organizations,
    fields_webhooks,
)
from gateway.web.openapi.fields_organizations import PLATFORM_OR_ROLE
from gateway.web.openapi.meaning import Meaning

# A field that maps to None is not taken there.
MEANINGS: Final[Mapping[type, Mapping[str, Meaning | None]]] = {
    **fields_events.MEANINGS,
    **fields_webhooks.MEANINGS,
    **fields_connectors.MEANINGS,
    **fields_organizations.MEANINGS,
    **fields_contacts.MEANINGS,
}

# Rules about several fields at once. What the catalogue says of the `data` of events is not among them: as a
# condition on `type` it is more than the tools that read such documents can take.
EXTRA: Final[Mapping[type, Mapping[str, Any]]] = {
    KeyCreate: PLATFORM_OR_ROLE,
    CallerPreview: {
        "anyOf": [
            {"required": ["phone"], "properties": {"phone": {"type": "string"}}},
            {"required": ["contact"], "properties": {"contact": {"type": "object"}}},
        ]
    },
    OrganizationUpdate: {"minProperties": 1},
    ContactUpdate: {"minProperties": 1},
}

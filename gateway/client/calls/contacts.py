"""The address book. A contact is named by its id, or by a number: in E.164, or as the organization's region
writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Unpack

from gateway.client.call import call, download, listing
from gateway.client.request import Download, Listing, Params, Request, segment
from gateway.client.types import (
    Contact,
    ContactWords,
    FoundContacts,
    ImportReport,
    RefreshedContact,
)

_MEDIA_TYPES: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


class ContactCalls:
    @listing
    def list_contacts(
        self, *, tag: str | None = None, limit: int | None = None, order: str | None = None
    ) -> Listing[Contact]:
        """The newest first; with `tag`, those that have it.

        [contact["name"] for contact in client.list_contacts(tag="vip")]
        """
        return Listing("/api/contacts", {"tag": tag, "order": order}, limit)

    @call
    def search_contacts(self, q: str, *, limit: int | None = None) -> Request[FoundContacts]:
        """Those with this number in any notation, or part of one, or with these words in a name, a company or
        an e-mail address. It is sent without an idempotency key: it makes nothing.

            client.search_contacts("ada ex")["data"]
        """
        body = {"q": q} if limit is None else {"q": q, "limit": limit}
        return Request("POST", "/api/contacts/search", json=body, keyed=False)

    @call
    def get_contact(self, contact: str) -> Request[Contact]:
        """One contact, with all that is known of it.

        client.get_contact("+13175550142")["name"]
        """
        return Request("GET", _path(contact))

    @call
    def replace_contact(self, contact: str, **words: Unpack[ContactWords]) -> Request[Contact]:
        """Says this of a contact and nothing else; under a number that is not in the book it makes one.

        client.replace_contact("+13175550142", name="Ada Example", tags=["vip"])["id"]
        """
        return Request("PUT", _path(contact), json=words)

    @call
    def update_contact(self, contact: str, **words: Unpack[ContactWords]) -> Request[Contact]:
        """Merge patch: what is not named stays, None takes back what people have said.

        client.update_contact("ctc_3k9h…", notes="prefers to be called after four", company=None)
        """
        return Request("PATCH", _path(contact), json=words)

    @call
    def delete_contact(self, contact: str) -> Request[None]:
        """Whom a connector knows comes back with the next call.

        client.delete_contact("ctc_3k9h…")
        """
        return Request("DELETE", _path(contact))

    @call
    def refresh_contact(self, contact: str, *, deadline_ms: int | None = None) -> Request[RefreshedContact]:
        """Asks every source now, and waits for `deadline_ms`.

        client.refresh_contact("ctc_3k9h…")["errors"]
        """
        body = {} if deadline_ms is None else {"deadline_ms": deadline_ms}
        return Request("POST", f"{_path(contact)}/refresh", json=body)

    @call
    def merge_contact(self, contact: str, other: str) -> Request[Contact]:
        """Makes `other`, a contact or a number that is nobody's yet, part of `contact`.

        client.merge_contact("ctc_3k9h…", "+13175550143")["phones"]
        """
        return Request("POST", f"{_path(contact)}/merge", json={"from": other})

    @call
    def import_contacts(
        self,
        content: bytes,
        *,
        format: str = "csv",  # noqa: A002
        map: Mapping[str, str] | None = None,  # noqa: A002
        ignore: Sequence[str] = (),
        region: str | None = None,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[ImportReport]:
        """Brings a file of contacts in, "csv" or "ndjson". `map` says which columns are which fields,
        `ignore` which are left out ("*": all that are no field). `region` is the country of numbers without
        one. Bringing the same file in again changes nothing.

            client.import_contacts(
                b"Mobile,Full Name,Internal Id\\n+13175550142,Ada Example,7\\n",
                map={"Mobile": "phone", "Full Name": "name"}, ignore=["Internal Id"], dry_run=True,
            )["columns"]
        """
        query: Params = {
            "map": [f"{column}:{field}" for column, field in (map or {}).items()] or None,
            "ignore": ignore or None,
            "region": region,
            "dry_run": dry_run,
        }
        return Request(
            "POST", "/api/contacts/import", query, json=content, media=_MEDIA_TYPES[format],
            idempotency_key=idempotency_key,
        )  # fmt: skip

    @download
    def export_contacts(
        self,
        *,
        format: str = "csv",  # noqa: A002
        tag: str | None = None,
        order: str | None = None,
    ) -> Download:
        """The whole address book, as "csv" or "ndjson". One that breaks off raises: it is not whole.

        with open("contacts.csv", "wb") as file:
            file.writelines(client.export_contacts(tag="vip"))
        """
        return Download("/api/contacts", {"tag": tag, "order": order}, _MEDIA_TYPES[format])


def _path(contact: str) -> str:
    # No segment of a path holds a slash, which no id has, and which means nothing in a number: 030/20123400.
    return f"/api/contacts/{segment(contact.replace('/', '-'))}"

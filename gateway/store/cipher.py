"""Encryption at rest: AES-256-GCM under one data key per organization, itself wrapped by the master key.

A sealed value names nothing but its data key's number; organization, row, field and key number are bound as
associated data, so ciphertext that is moved to another row, field or organization does not open. Rotating the
master key rewraps the data keys only. Dropping an organization's data key makes its sealed data unreadable
(backups that hold the wrapped key stay readable until the master key that wrapped it is retired).

Layout of a sealed value: version (1 byte), data key number (2 bytes), nonce (12), ciphertext and tag.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.ids import contact_id

_VERSION: Final = b"\x01"
_CHECK: Final = b"hum-gateway master key check"


class SealBroken(Exception):
    """A sealed value does not open: wrong key, or not the row and field it was sealed for."""


class Cipher:
    """Seals and opens the values of one organization."""

    def __init__(self, org_id: str, number: int, key: bytes) -> None:
        self._org = org_id.encode()
        self._prefix = _VERSION + number.to_bytes(2, "big")
        self._aead = AESGCM(key)
        self._index_key = hmac.digest(key, b"hum-gateway index key", "sha256")

    def seal(self, row: str, field: str, plaintext: bytes) -> bytes:
        """Ciphertext for `field` of the row with the id `row`."""
        nonce = os.urandom(12)
        return self._prefix + nonce + self._aead.encrypt(nonce, plaintext, self._bind(row, field))

    def open(self, row: str, field: str, sealed: bytes) -> bytes:
        """What was sealed for exactly this row and field; SealBroken otherwise."""
        if sealed[:3] != self._prefix:
            raise SealBroken(f"{field} of {row} was sealed with another key")
        try:
            return self._aead.decrypt(sealed[3:15], sealed[15:], self._bind(row, field))
        except (InvalidTag, ValueError) as error:  # ValueError: cut short
            raise SealBroken(f"{field} of {row} does not open") from error

    def person(self, phone: str) -> bytes:
        """The keyed hash under which a phone number is indexed: useless without the organization's key."""
        return hmac.digest(self._index_key, phone.encode(), "sha256")[:16]

    def contact(self, phone: str) -> str:
        """The id of the contact whose first number (E.164) this is. It is made of another hash than `person`,
        so that whoever has seen a contact does not find it again in the log of erasures."""
        digest = hmac.digest(self._index_key, b"contact:" + phone.encode(), "sha256")
        return contact_id(digest[:16])

    def call(self, call_id: str) -> bytes:
        """The keyed hash under which the events of a call are indexed."""
        return self.person("call:" + call_id)

    def _bind(self, row: str, field: str) -> bytes:
        return b"|".join((self._org, row.encode(), field.encode(), self._prefix))


class MasterKeys:
    """The ring of master keys, newest first: the newest wraps, any of them unwraps."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("a master key is 32 bytes")
        self._ring = {key_id(key): AESGCM(key) for key in keys}
        self.newest = key_id(keys[0])
        self._check = keys[0]

    @property
    def several(self) -> bool:
        return len(self._ring) > 1

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the keys in the ring."""
        return frozenset(self._ring)

    def wrap(self, org_id: str, number: int, data_key: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._ring[self.newest].encrypt(nonce, data_key, _wrap_bind(org_id, number))

    def unwrap(self, org_id: str, number: int, wrapped: bytes, master_key_id: str) -> bytes:
        """The data key; SealBroken when the master key that wrapped it is not in the ring."""
        aead = self._ring.get(master_key_id)
        if aead is None:
            raise SealBroken(f"the data key of {org_id} was wrapped by a master key that is not given")
        try:
            return aead.decrypt(wrapped[:12], wrapped[12:], _wrap_bind(org_id, number))
        except (InvalidTag, ValueError) as error:  # ValueError: cut short
            raise SealBroken(f"the data key of {org_id} does not open") from error

    def check_value(self) -> bytes:
        """Kept in the database, so that a start with the wrong key is refused."""
        nonce = os.urandom(12)
        return self.newest.encode() + nonce + self._ring[self.newest].encrypt(nonce, _CHECK, b"check")

    def accepts(self, check_value: bytes) -> bool:
        """Whether one of these keys made the check value."""
        key, nonce, sealed = check_value[:16].decode("ascii", "replace"), check_value[16:28], check_value[28:]
        aead = self._ring.get(key)
        if aead is None:
            return False
        try:
            return aead.decrypt(nonce, sealed, b"check") == _CHECK
        except (InvalidTag, ValueError):
            return False


def key_id(master_key: bytes) -> str:
    """16 characters that name a master key without revealing it."""
    return hashlib.sha256(b"hum-gateway master key id" + master_key).hexdigest()[:16]


def _wrap_bind(org_id: str, number: int) -> bytes:
    return f"data key|{org_id}|{number}".encode()

"""WebDAV's XML, both ways: the bodies of PROPFIND and REPORT, and what a multistatus answer says.

Answers with a document type are refused unread: no WebDAV server needs one, and entities are how XML is
abused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

DAV: Final = "{DAV:}"
CARD: Final = "{urn:ietf:params:xml:ns:carddav}"
CTAG: Final = "{http://calendarserver.org/ns/}getctag"
ETAG: Final = f"{DAV}getetag"
DATA: Final = f"{CARD}address-data"
SYNC: Final = f"{DAV}sync-collection"

_STATUS = re.compile(r"HTTP/\d(?:\.\d)? (\d{3})(?: |\Z)")


class NotMultistatus(ValueError):
    """The answer is not the XML that a WebDAV server gives."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the answer says of one resource. `status` is None when it has properties instead; `found` are the
    properties that it does have."""

    href: str
    status: int | None
    found: tuple[Element, ...]

    def property(self, name: str) -> Element | None:
        return next((element for element in self.found if element.tag == name), None)

    def text(self, name: str) -> str | None:
        element = self.property(name)
        return None if element is None else element.text or ""

    def hrefs(self, name: str) -> list[str]:
        """The addresses in that property."""
        element = self.property(name)
        return [] if element is None else _texts(element, f"{DAV}href")

    def names(self, name: str) -> frozenset[str]:
        """The names of all elements in that property: resource types, reports, privileges."""
        element = self.property(name)
        return frozenset() if element is None else frozenset(str(inner.tag) for inner in element.iter())


@dataclass(frozen=True, slots=True)
class Multistatus:
    entries: tuple[Entry, ...]
    sync_token: str | None


def propfind(names: Iterable[str]) -> bytes:
    root = Element(f"{DAV}propfind")
    _properties(root, names)
    return _bytes(root)


def sync_collection(token: str) -> bytes:
    """What changed since the token; everything there is for an empty one."""
    root = Element(SYNC)
    SubElement(root, f"{DAV}sync-token").text = token
    SubElement(root, f"{DAV}sync-level").text = "1"
    _properties(root, [ETAG])
    return _bytes(root)


def multiget(hrefs: Iterable[str]) -> bytes:
    root = Element(f"{CARD}addressbook-multiget")
    _properties(root, [ETAG, DATA])
    for href in hrefs:
        SubElement(root, f"{DAV}href").text = href
    return _bytes(root)


def phone_query(notations: Iterable[str]) -> bytes:
    """Every card one of whose numbers contains one of the notations, as servers compare: as raw text. Each
    has a filter of its own: of several texts in one filter, Xandikos looks at the last alone."""
    root = Element(f"{CARD}addressbook-query")
    _properties(root, [ETAG, DATA])
    outer = SubElement(root, f"{CARD}filter", test="anyof")
    for notation in notations:
        inner = SubElement(outer, f"{CARD}prop-filter", name="TEL")
        match = SubElement(inner, f"{CARD}text-match", collation="i;unicode-casemap")
        match.set("match-type", "contains")
        match.text = notation
    return _bytes(root)


def read(content: bytes) -> Multistatus:
    """Raises NotMultistatus."""
    root = _parse(content)
    if root.tag != f"{DAV}multistatus":
        raise NotMultistatus("the answer is XML, but no multistatus")
    token = root.findtext(f"{DAV}sync-token")
    return Multistatus(tuple(_entries(root)), token.strip() if token else None)


def conditions(content: bytes) -> frozenset[str]:
    """Which preconditions an error answer names, such as `{DAV:}valid-sync-token`; none when it is no XML."""
    try:
        root = _parse(content)
    except NotMultistatus:
        return frozenset()
    return frozenset(str(element.tag) for element in root) if root.tag == f"{DAV}error" else frozenset()


def _parse(content: bytes) -> Element:
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise NotMultistatus(f"the answer is no XML ({type(error).__name__})") from None
    return root


def _entries(root: Element) -> Iterator[Entry]:
    for response in root.iterfind(f"{DAV}response"):
        status = _status(response.findtext(f"{DAV}status"))
        found = tuple(_found(response))
        for href in _texts(response, f"{DAV}href", deep=False):
            yield Entry(href, status, found)


def _found(response: Element) -> Iterator[Element]:
    for propstat in response.iterfind(f"{DAV}propstat"):
        if _status(propstat.findtext(f"{DAV}status")) in (200, None):
            for prop in propstat.iterfind(f"{DAV}prop"):
                yield from prop


def _status(line: str | None) -> int | None:
    found = _STATUS.match(line.strip()) if line else None
    return int(found[1]) if found else None


def _texts(element: Element, tag: str, *, deep: bool = True) -> list[str]:
    inner = element.iter(tag) if deep else element.iterfind(tag)
    return [found.text.strip() for found in inner if found.text and found.text.strip()]


def _properties(root: Element, names: Iterable[str]) -> None:
    prop = SubElement(root, f"{DAV}prop")
    for name in names:
        SubElement(prop, name)


def _bytes(root: Element) -> bytes:
    built: bytes = tostring(root, "utf-8", xml_declaration=True)
    return built

"""Contacts on a CardDAV server: found by phone, created, calls as lines of their notes. See README.md.

    connector.py     the four operations
    mapping.py       what a vCard says of a person, and how a call stands in its note
    vcard.py         content lines; an edit changes one line and leaves every other byte as it was
    replica.py       the local copy: found by phone, kept fresh by sync tokens
    changes.py       what an address book says has changed since it was last asked
    discovery.py     from a server's address to its address books
    dav.py           WebDAV over HTTP: PROPFIND, REPORT, GET, PUT, and what their answers mean
    multistatus.py   the XML of it, both ways

The tests run Radicale and Xandikos.
"""

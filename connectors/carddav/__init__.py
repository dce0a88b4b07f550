"""Contacts in any CardDAV server: Radicale, Xandikos, Nextcloud, iCloud and others. Read README.md first.

connector.py     the four operations
mapping.py       what a vCard says of a person, and how a call stands in its note
vcard.py         content lines; an edit changes one line and leaves every other byte as it was
replica.py       the local copy: found by phone, kept fresh by sync tokens
discovery.py     from a server's address to its address books
dav.py           WebDAV over HTTP: PROPFIND, REPORT, GET, PUT, and what their answers mean
multistatus.py   the XML of it, both ways
"""

"""Parties of a Tryton server: found by phone, created, calls as notes on the party. See README.md.

    connector.py   the four operations
    mapping.py     what a party is to HUM, a search by phone, a call as the text of a note
    client.py      Tryton's REST interface for user applications, and what its answers mean

The tests run Tryton on SQLite.
"""

"""An address book in any SQL database: contacts by phone, calls as rows.

    connector.py   the four things HUM asks for, in terms of tables
    plan.py        which tables and columns: the file that the operator writes
    schema.py      the plan held against the database: every name must be there
    search.py      the statements that find contacts
    writing.py     the statements that make contacts and log calls
    mapping.py     rows and HUM's models, both ways
    values.py      one value and the type of its column
    database.py    connections, time limits, and what errors mean

README.md: from nothing to a call in the database.
"""

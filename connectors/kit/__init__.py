"""What an integrator builds a connector with: `Connector`, the contract's models, phone matching, the server.

    contract.py      the bodies that go over the wire, as models
    connector.py     the class an author fills in: lookup, create, log_call, ping
    failures.py      what a CRM can answer instead, and what HUM hears of it
    phones.py        one number, its notations, and whether a stored number is it
    verify.py        bearer and signature, over the raw bytes, before anything is parsed
    ledger.py        which call became which activity; survives a restart
    server.py        the ASGI application
    conformance/     the check that every connector must pass

Never imports `gateway`: this is the second reading of the contract.
"""

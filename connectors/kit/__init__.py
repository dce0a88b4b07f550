"""What an integrator builds a connector with: `Connector`, the contract's models, phone matching, the server.

    connector.py     the class an author fills in: lookup, create, log_call, ping
    contract.py      the bodies that go over the wire, as models
    failures.py      what a CRM can do instead of answering, and what HUM hears of it

    server.py        the ASGI application; the way of a request:
    requests.py      read within bounds, verified, decoded
    verify.py        bearer and signature, over the raw bytes, before anything is parsed
    phones.py        one number, its notations, and whether a stored number is it
    candidates.py    which of the CRM's contacts has the number
    creations.py     one number becomes one contact
    calls.py         one call becomes one activity
    ledger.py        which became which; survives a restart
    claims.py        one at a time, over all processes on one ledger
    answers.py       what HUM is answered when something goes wrong

    transcript.py    a call as text for a person, cut visibly
    trial.py         asks a connector as HUM does, for an author's tests
    signing.py       signs a request as HUM does
    skeleton/        what `hum-connector new` begins with
    conformance/     the check that every connector must pass

Never imports `gateway`: this is the second reading of the contract.
"""

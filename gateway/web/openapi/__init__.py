"""The OpenAPI document, made from what the API declares, so that it cannot say anything else.

    document.py      joins the parts below; the whole of it as bytes
    operations.py    an operation of `web.api` becomes an Operation Object
    outgoing.py      what the gateway sends to others: a table, a row for each request
    parameters.py    what queries, paths and headers mean
    schemas.py       types of answers and models of requests become JSON Schemas
    fields.py        what the fields of requests mean, and the rules that their types do not tell
    errors.py        every error code, and which of them an operation can answer
    samples.py       the examples

Serving it, and the page made from it, is `web.docs_page`.
"""

"""The HUM gateway: signed webhooks out, events in, nothing acknowledged is ever lost.

The way of an event, file by file:

    web/routes.py            a request finds its operation
    web/operation.py         who asks, may they, what did they send
    web/api/events.py        POST /api/events
    domain/event.py          the body becomes a NewEvent, `data` stays the bytes that came
    ingest/accept.py         requests that arrive together share one transaction
    ingest/receivers.py      to whom it is owed: types and filters
    ingest/plan.py           the rows: event, deliveries, people
    store/group_commit.py    commit, then every waiting request gets its 202
    dispatch/dispatcher.py   the committed deliveries wait in memory, fairly, bounded
    dispatch/attempt.py      look up, load, build, send, judge, record
    dispatch/webhook.py      the signed request
    dispatch/call_sync.py    what a connector is told of a call: its state, and whose it is
    egress/client.py         the only way out: guarded, bounded, never an exception
    domain/outcome.py        what the answer means
    dispatch/record.py       the outcome becomes rows, fenced by the lease
    dispatch/claims.py       what falls due later, was left behind, or did not fit
    dispatch/lanes.py        webhooks with an order or a rate: one node serves them, in line

The way of a caller:

    web/api/callers.py       POST /api/callers/resolve
    domain/phone.py          whatever the network gave becomes a number, or a reason
    enrich/caller.py         every source at once, one deadline, always an answer
    enrich/recalls.py        what is kept, read for all who ask at the same time
    enrich/book.py           what people say in the address book
    enrich/connectors.py     what a CRM has said before, or says now
    enrich/questions.py      one question: put, put twice, put again, or spared
    enrich/numbers.py        what the provider of telephone data has told of the number
    enrich/lookups.py        each number claimed, charged and asked for once
    lookup/twilio.py         the provider, over the same guarded way out
    crm/wire.py              the signed request, over the same guarded way out
    crm/answers.py           what came back, read strictly: a failure is never "not found"
    domain/contact.py        several sources become one picture
    domain/context.py        the block for an agent's prompt
    enrich/resolutions.py    what was answered, for whoever asks again, and what came late
    enrich/keeping.py        answers are remembered, and written down behind
    enrich/creating.py       callers whom nobody knows, made once

The way of somebody with a browser:

    web/console/serving.py   who is inside, and is the form one of theirs
    web/console/pages/       what a page shows and does
    web/console/asking.py    operations of the API, asked with their rights: from here as every request
    web/console/drawing.py   what came back becomes a page, escaped

`app.py` joins all of it. Imports point down: app → web, cli → ingest, dispatch, manage → store, egress →
domain → errors, clock. `signing.py` stands alone: customers copy it.

Importing this package imports nothing else.
"""

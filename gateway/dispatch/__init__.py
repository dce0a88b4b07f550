"""From a committed delivery to a recorded outcome.

`dispatcher` holds what is to be sent and decides what goes next; `claims` brings in from the database what
falls due, was left behind or did not fit; `attempt` is the pipeline of one try; `record` writes what came of
it; `lease` says whether this node may send at all. `target`, `breaker`, `gate` and `fairness` are the rules
of flow, in memory; `webhook` builds the request.
"""

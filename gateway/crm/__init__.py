"""The contract's client side: what the gateway asks a connector, and what it takes from its answers.

`wire` builds and signs requests and makes direct calls; `taking` knows which secret a connector takes while
it is being rotated; `answers` reads what comes back, strictly. What is asked when, and what becomes of it, is
`gateway.enrich`; calls to be logged go through `gateway.dispatch`.
"""

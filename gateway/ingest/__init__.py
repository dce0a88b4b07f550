"""Accepting events: one transaction holds the event and every delivery it makes.

`accept` is the flow, `plan` makes the rows, `repeat` knows requests and events that were here before; `own`
makes the gateway's own events.
"""

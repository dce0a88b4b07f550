"""Providers of telephone data: how they are asked about a number, and how their answers are read.

`provider` is what every one of them is to the gateway; `twilio` asks Twilio Lookup v2, `answers` reads what
it says. Who is asked, when, and what is kept of it, is decided by `enrich`.
"""

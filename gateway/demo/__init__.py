"""The demonstration behind `hum-gateway demo`: a gateway of its own, a receiver, and what came of it.

    story     what happens, in order            samples   what is sent
    child     the gateway as a child process    receiver  verifies twice, keeps what arrived
    findings  what was expected against what arrived; whether that is good
    report    the findings for people

Nothing here reaches into the server: the demonstration uses the command line and the HTTP API, as a customer
would. `gateway.cli.demo` is what the command calls.
"""

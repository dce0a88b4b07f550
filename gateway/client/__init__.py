"""The typed HTTP client of the gateway's API: what the command line uses, and customers can.

    with GatewayClient("https://gateway.example", key) as client:
        client.send_event("call.completed", b'{"call_id": "call_1", "score": 1.10}')

`http` sends, retries and reports; `resources` names the calls. Nothing here imports the server.
"""

from gateway.client.http import GatewayError, Json
from gateway.client.resources import GatewayClient

__all__ = ["GatewayClient", "GatewayError", "Json"]

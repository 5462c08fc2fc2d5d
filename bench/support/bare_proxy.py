"""The least that a hop in Python can cost: a gRPC proxy that hands bytes on and looks at nothing.

    python -m bench.support.bare_proxy 127.0.0.1:8500

Prints its port. Messages are not parsed; there are no deadlines, limits, metrics or logs.
"""

from __future__ import annotations

import sys
from typing import Any

import grpc
import grpc.aio
import uvloop


class _Everything(grpc.GenericRpcHandler):
    """Every method, with one call to the same method of the server behind."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._handlers: dict[str, Any] = {}

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        if method not in self._handlers:
            ask = self._channel.unary_unary(method)

            async def answer(request: bytes, context: Any) -> bytes:
                del context
                return await ask(request)

            self._handlers[method] = grpc.unary_unary_rpc_method_handler(answer)
        return self._handlers[method]


async def serve(backend: str) -> None:
    async with grpc.aio.insecure_channel(backend) as channel:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((_Everything(channel),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)
        await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))

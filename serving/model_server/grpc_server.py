"""The gRPC server: services, addresses, TLS."""

from __future__ import annotations

import grpc

from darkroom.errors import DarkroomError
from serving.grpc_health import HealthService
from serving.model_server.core import ServingCore
from serving.model_server.grpc_adapter import ModelService, PredictionService
from serving.model_server.reflection import add_reflection
from serving.model_server.settings import ModelServerSettings
from serving.protos import model_service_pb2_grpc, prediction_service_pb2_grpc

_OPTIONS: dict[str, int | str] = {
    # TF Serving takes messages of any size.
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    # Otherwise a second server on the same port starts without complaint and takes half of the requests.
    "grpc.so_reuseport": 0,
}


class GrpcServer:
    """TF Serving's services, health and reflection on a TCP port, a Unix socket, or both."""

    def __init__(self, core: ServingCore, health: HealthService, settings: ModelServerSettings) -> None:
        """Nothing listens before `start`."""
        self._core = core
        self._health = health
        self._settings = settings
        self._server: grpc.aio.Server | None = None

    async def start(self) -> int | None:
        """Listen; returns the TCP port, None when there is none.

        Raises:
            DarkroomError: an address cannot be bound.
        """
        options = {**_OPTIONS, **self._settings.grpc_channel_arguments}
        server = grpc.aio.server(options=tuple(options.items()))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(self._core), server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self._core), server)
        self._health.add_to(server)
        add_reflection(server)
        port = None
        if self._settings.port is not None:
            host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
            port = self._bind(server, f"{host}:{self._settings.port}")
        if self._settings.grpc_socket_path is not None:
            self._bind(server, f"unix:{self._settings.grpc_socket_path}")
        await server.start()
        self._server = server
        return port

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls, let those under way finish for `grace_seconds`, then cancel them."""
        if self._server is not None:
            await self._server.stop(grace_seconds)

    def _bind(self, server: grpc.aio.Server, address: str) -> int:
        tls = self._settings.tls
        try:
            port: int = (
                server.add_insecure_port(address) if tls is None else server.add_secure_port(address, tls.credentials())
            )
        except (RuntimeError, ValueError) as error:
            hint = "" if tls is None else "; with TLS, a key or certificate that is no PEM has the same effect"
            raise DarkroomError(f"Cannot listen on {address} for gRPC: {error}{hint}") from error
        return port

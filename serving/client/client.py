"""The client that programs use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from serving.client.prediction import Prediction
from serving.client.transport import Transport

DEFAULT_TIMEOUT_SECONDS = 30.0


class GatewayClient:
    """Asks one gateway. Safe to share between threads."""

    def __init__(
        self,
        address: str,
        *,
        protocol: Literal["rest", "grpc"] = "rest",
        model: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """Nothing is sent yet.

        Args:
            address: `host:port`, of the REST port for "rest" and of the gRPC port for "grpc".
            protocol: "rest" or "grpc".
            model: whom to ask; None means the model that the gateway serves.
            timeout: seconds that a request may take; the gateway is told.

        Raises:
            ValueError: an unknown protocol, or a timeout that is not positive.
        """
        if timeout <= 0:
            raise ValueError(f"timeout must be positive, got {timeout}")
        self._model = model
        self._timeout = timeout
        self._transport: Transport
        if protocol == "rest":
            from serving.client.rest_transport import RestTransport  # noqa: PLC0415 - who uses one protocol pays for one

            self._transport = RestTransport(address)
        elif protocol == "grpc":
            from serving.client.grpc_transport import GrpcTransport  # noqa: PLC0415

            self._transport = GrpcTransport(address)
        else:
            raise ValueError(f"protocol must be 'rest' or 'grpc', got {protocol!r}")

    def predict(
        self,
        images: Sequence[bytes | Path],
        *,
        top_k: int | None = None,
        model: str | None = None,
        signature_name: str = "",
        timeout: float | None = None,
    ) -> list[Prediction]:
        """Ask about images in one request.

        Args:
            images: encoded images, or files with them. One that is refused fails the request.
            top_k: classes for each image; None leaves the number to the gateway.
            model: whom to ask, in place of the client's own.
            signature_name: of the model; empty for `serving_default`.
            timeout: seconds, in place of the client's own.

        Returns:
            A prediction for each image, in their order.

        Raises:
            ImageRefusedError: an image can't be decoded rightly or within the gateway's limits.
            ServingError: any other error of the gateway, or it can't be reached (UNAVAILABLE), or it takes too long
                (DEADLINE_EXCEEDED).
            OSError: a file can't be read.
        """
        if not images:
            return []
        encoded = [image.read_bytes() if isinstance(image, Path) else image for image in images]
        return self._transport.predict(
            encoded,
            model=model or self._model,
            top_k=top_k,
            signature_name=signature_name,
            timeout=self._timeout if timeout is None else timeout,
        )

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

"""The clients that programs use: one that waits, one that awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from serving.client.connection import Tls, connection_to
from serving.client.conversation import ask, ask_async, wait_until_ready, wait_until_ready_async
from serving.client.prediction import Prediction
from serving.client.protocol import AsyncTransport, Question, Transport
from serving.client.retry import RetryPolicy

DEFAULT_TIMEOUT_SECONDS = 30.0

ProtocolName = Literal["rest", "grpc"]

_DEFAULT_RETRY = RetryPolicy()


class _Settings:
    """What both clients are told; raises ValueError for an unknown protocol or a timeout that is not positive."""

    def __init__(self, protocol: str, model: str | None, timeout: float, retry: RetryPolicy | None) -> None:
        if timeout <= 0:
            raise ValueError(f"timeout must be positive, got {timeout}")
        if protocol not in ("rest", "grpc"):
            raise ValueError(f"protocol must be 'rest' or 'grpc', got {protocol!r}")
        self.model = model
        self.timeout = timeout
        self.retry = retry or _DEFAULT_RETRY


class GatewayClient:
    """Asks one gateway. Safe to share between threads.

    Example:
        with GatewayClient("127.0.0.1:8080") as client:
            (prediction,) = client.predict([Path("cat.jpg")])
    """

    def __init__(
        self,
        address: str,
        *,
        protocol: ProtocolName = "rest",
        model: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        tls: Tls | None = None,
        api_key: str | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            address: `host:port`, of the REST port for "rest" and of the gRPC port for "grpc"; with `https://` before
                it, TLS that trusts the system's authorities.
            protocol: "rest" or "grpc".
            model: whom to ask; None means the model that the gateway serves.
            timeout: seconds that a question may take, all attempts together; the gateway is told what is left.
            tls: whom to trust, and the client's own certificate; None speaks in the clear unless `https://` says else.
            api_key: an API key or a token, sent as `Authorization: Bearer`; None takes that of the environment
                variable DARKROOM_API_KEY, and an empty text sends none.
            retry: when to send a request again; None means `RetryPolicy()`.

        Raises:
            ValueError: an unknown protocol, a timeout that is not positive, or a key that no header can hold.
            OSError: a certificate can't be read.
        """
        self._settings = _Settings(protocol, model, timeout, retry)
        connection = connection_to(address, tls, api_key)
        self._transport: Transport
        if protocol == "rest":
            from serving.client.rest_transport import RestTransport  # noqa: PLC0415 - who uses one protocol pays for one

            self._transport = RestTransport(connection)
        else:
            from serving.client.grpc_transport import GrpcTransport  # noqa: PLC0415

            self._transport = GrpcTransport(connection)

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
        settings = self._settings
        question = Question(_encoded(images), model or settings.model, top_k, signature_name)
        return ask(self._transport, question, settings.retry, settings.timeout if timeout is None else timeout)

    def wait_until_ready(self, timeout: float) -> None:
        """Wait while the gateway is there and its model is still loading.

        A gateway that is not there is tried again as the retry policy says, and no longer: an address may be wrong.

        Raises:
            NotReadyError: it was not ready within `timeout` seconds.
            ServingError: it can't be reached.
        """
        wait_until_ready(self._transport, self._settings.retry, timeout)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncGatewayClient:
    """The same for asyncio; belongs to the event loop that it is first used in.

    Example:
        async with AsyncGatewayClient("127.0.0.1:8080") as client:
            (prediction,) = await client.predict([Path("cat.jpg")])
    """

    def __init__(
        self,
        address: str,
        *,
        protocol: ProtocolName = "rest",
        model: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        tls: Tls | None = None,
        api_key: str | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        """As `GatewayClient`."""
        self._settings = _Settings(protocol, model, timeout, retry)
        connection = connection_to(address, tls, api_key)
        self._transport: AsyncTransport
        if protocol == "rest":
            from serving.client.rest_transport import AsyncRestTransport  # noqa: PLC0415

            self._transport = AsyncRestTransport(connection)
        else:
            from serving.client.grpc_transport import AsyncGrpcTransport  # noqa: PLC0415

            self._transport = AsyncGrpcTransport(connection)

    async def predict(
        self,
        images: Sequence[bytes | Path],
        *,
        top_k: int | None = None,
        model: str | None = None,
        signature_name: str = "",
        timeout: float | None = None,
    ) -> list[Prediction]:
        """As `GatewayClient.predict`; files are read in a thread."""
        if not images:
            return []
        settings = self._settings
        needs_disk = any(isinstance(image, Path) for image in images)
        encoded = await asyncio.to_thread(_encoded, images) if needs_disk else _encoded(images)
        question = Question(encoded, model or settings.model, top_k, signature_name)
        return await ask_async(
            self._transport, question, settings.retry, settings.timeout if timeout is None else timeout
        )

    async def wait_until_ready(self, timeout_seconds: float) -> None:
        """As `GatewayClient.wait_until_ready`."""
        await wait_until_ready_async(self._transport, self._settings.retry, timeout_seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _encoded(images: Sequence[bytes | Path]) -> tuple[bytes, ...]:
    return tuple(image.read_bytes() if isinstance(image, Path) else image for image in images)

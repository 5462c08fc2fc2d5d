"""What the client needs of a protocol: the steps of a conversation, and ways to make one of them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from serving.client.prediction import Prediction

# Yields what to send, gets what came back (or has its error thrown in), and returns the predictions. So a
# conversation is written once and held by the client that waits and by the one that awaits.
Steps = Generator[Any, Any, list[Prediction]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        images: encoded.
        model: None means the one that the gateway serves.
        top_k: classes for each image; None leaves the number to the gateway.
        signature_name: empty for `serving_default`.
    """

    images: tuple[bytes, ...]
    model: str | None
    top_k: int | None
    signature_name: str


class ClientProtocol(Protocol):
    """One protocol's way to ask, whoever waits for the answer."""

    def steps(self, question: Question) -> Steps:
        """The conversation about a question."""


class Transport(ClientProtocol, Protocol):
    """One that waits."""

    def send(self, call: Any, seconds: float) -> Any:
        """Make one step.

        Raises:
            ServingError: what the gateway answered, or UNAVAILABLE or DEADLINE_EXCEEDED when it did not.
        """

    def probe(self, seconds: float) -> None:
        """Ask whether the gateway is ready.

        Raises:
            NotReadyError: it is there and not ready.
            ServingError: it can't be reached.
        """

    def close(self) -> None:
        """Close the connections."""


class AsyncTransport(ClientProtocol, Protocol):
    """One that awaits."""

    async def send(self, call: Any, seconds: float) -> Any:
        """Make one step; raises as `Transport.send`."""

    async def probe(self, seconds: float) -> None:
        """Ask whether the gateway is ready; raises as `Transport.probe`."""

    async def close(self) -> None:
        """Close the connections."""

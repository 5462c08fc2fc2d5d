"""What the client needs of a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from serving.client.prediction import Prediction


class Transport(Protocol):
    """One protocol's way to ask. Implementations hold connections and are closed at the end."""

    def predict(
        self, images: Sequence[bytes], *, model: str | None, top_k: int | None, signature_name: str, timeout: float
    ) -> list[Prediction]:
        """Ask about encoded images; `model` None means the one that the gateway serves.

        Raises:
            ServingError: what the gateway answered, or UNAVAILABLE or DEADLINE_EXCEEDED when it did not.
        """

    def close(self) -> None:
        """Close the connections."""

"""What runs a signature: the interface between serving and a runtime.

Requests, batching and versions know only this. Arrays are numpy's: strings are object arrays of `bytes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from serving.protos import meta_graph_pb2

Arrays = Mapping[str, npt.NDArray[Any]]


class Servable(Protocol):
    """One loaded version of a model. `run` may be called from several threads at once."""

    @property
    def signatures(self) -> Mapping[str, meta_graph_pb2.SignatureDef]:
        """The signatures, by name."""

    @property
    def runtime_name(self) -> str:
        """What runs them, for metrics."""

    def run(self, signature_name: str, inputs: Arrays, outputs: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Run one signature.

        Args:
            signature_name: one of `signatures`.
            inputs: an array for each input of the signature, already checked against its dtype and shape.
            outputs: which outputs to compute.

        Raises:
            ServingError: the model refused the inputs or failed.
        """

    def close(self) -> None:
        """Free what the version holds; no `run` is under way or follows."""


class Runtime(Protocol):
    """Loads versions."""

    def load(self, path: Path) -> Servable:
        """Load a version folder; blocks.

        Raises:
            ServingError: the folder cannot be loaded.
        """

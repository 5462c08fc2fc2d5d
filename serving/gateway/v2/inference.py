"""The protocol's questions, asked of the gateway's core; knows neither REST nor gRPC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from serving.errors import Code, ServingError
from serving.gateway.core import DEFAULT_SIGNATURE, GatewayCore
from serving.gateway.record import RequestRecord
from serving.gateway.v2.datatypes import datatype_of
from serving.protos import get_model_status_pb2, model_pb2, predict_pb2, tensor_pb2

SERVER_NAME = "darkroom"
PLATFORM = "tensorflow_savedmodel"
EXTENSIONS = ("binary_tensor_data",)

# The request parameter that chooses a signature; the protocol itself knows one function for each model.
SIGNATURE_PARAMETER = "signature_name"

_LARGEST_VERSION = 2**63 - 1
_AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


@dataclass(frozen=True, slots=True)
class InferRequest:
    """Tensors for a model.

    Attributes:
        version: a number, a label, or empty for the newest.
        outputs: names of the wanted ones, in the wanted order; empty for all.
    """

    model: str
    version: str
    signature_name: str
    inputs: dict[str, tensor_pb2.TensorProto]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InferAnswer:
    """What the model made of them."""

    model: str
    version: int
    outputs: dict[str, tensor_pb2.TensorProto]


@dataclass(frozen=True, slots=True)
class TensorDescription:
    """An input or output of a model; a size of -1 is not fixed."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a model takes and gives. `versions` are the available ones, newest first."""

    model: str
    versions: tuple[int, ...]
    inputs: tuple[TensorDescription, ...]
    outputs: tuple[TensorDescription, ...]


class OpenInference:
    """The protocol's operations on models; they fill the `RequestRecord` and raise `ServingError`, as the core's do."""

    def __init__(self, core: GatewayCore) -> None:
        self._core = core

    async def infer(self, request: InferRequest, record: RequestRecord) -> InferAnswer:
        """Run a signature.

        Raises:
            ServingError: INVALID_ARGUMENT for tensors that don't fit it, a refused image, an output that isn't there;
                what the model server said.
        """
        asked = predict_pb2.PredictRequest(
            model_spec=model_spec(request.model, request.version), output_filter=request.outputs
        )
        asked.model_spec.signature_name = request.signature_name
        for name, tensor in request.inputs.items():
            asked.inputs[name].CopyFrom(tensor)
        answer = await self._core.predict(asked, record)
        names = request.outputs or tuple(sorted(answer.outputs))
        for name in names:
            if name not in answer.outputs:
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"there is no output {name[:100]!r}; there are {', '.join(sorted(answer.outputs))}",
                )
        return InferAnswer(record.model, record.answered_version, {name: answer.outputs[name] for name in names})

    async def ready(self, model: str, version: str, record: RequestRecord) -> bool:
        """Whether the version, or any where none is named, is available.

        Raises:
            ServingError: NOT_FOUND for an unknown model.
        """
        return bool(await self._available(model_spec(model, version), record))

    async def describe(self, model: str, version: str, record: RequestRecord) -> ModelDescription:
        """The default signature's tensors.

        Raises:
            ServingError: NOT_FOUND for an unknown model or version.
        """
        spec = model_spec(model, version)
        found = await self._core.signatures(spec, record)
        versions = await self._available(spec, record)
        names = sorted(name for name in found.signatures if not name.startswith("__"))
        chosen = DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in found.signatures else next(iter(names), None)
        signature = found.signatures[chosen] if chosen is not None else None
        return ModelDescription(
            model=record.model,
            versions=versions,
            inputs=_descriptions(signature.inputs) if signature is not None else (),
            outputs=_descriptions(signature.outputs) if signature is not None else (),
        )

    async def _available(self, spec: model_pb2.ModelSpec, record: RequestRecord) -> tuple[int, ...]:
        answer = await self._core.status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec), record)
        versions = (status.version for status in answer.model_version_status if status.state == _AVAILABLE)
        return tuple(sorted(versions, reverse=True))


def model_spec(model: str, version: str) -> model_pb2.ModelSpec:
    """A model and its version: a number, a label, or empty for the newest.

    Raises:
        ServingError: INVALID_ARGUMENT for a number that no version has.
    """
    spec = model_pb2.ModelSpec(name=model)
    if re.fullmatch(r"[0-9]+", version):
        if len(version) > 19 or int(version) > _LARGEST_VERSION:
            raise ServingError(Code.INVALID_ARGUMENT, f"version {version[:40]} is not a 64-bit number")
        spec.version.value = int(version)
    elif version:
        spec.version_label = version
    return spec


def _descriptions(infos: Any) -> tuple[TensorDescription, ...]:
    """The tensors of a signature that the protocol has a datatype for."""
    return tuple(
        TensorDescription(name, datatype, tuple(dim.size for dim in infos[name].tensor_shape.dim))
        for name in sorted(infos)
        if (datatype := datatype_of(infos[name].dtype)) is not None
    )

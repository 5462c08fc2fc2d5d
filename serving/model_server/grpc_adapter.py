"""TF Serving's gRPC services over the core."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import grpc

from serving.errors import Code, ServingError
from serving.model_server import inference
from serving.model_server.core import Call, ServingCore
from serving.model_server.runner import Runner
from serving.model_server.signature import DEFAULT_SIGNATURE
from serving.protos import model_management_pb2, model_pb2, model_service_pb2_grpc, prediction_service_pb2_grpc

_log = logging.getLogger(__name__)

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"

# A status message travels in a header, and common limits for all headers together are 8 KiB.
MAX_MESSAGE_CHARACTERS = 2000

# A tensor of this size becomes an array within tens of microseconds.
_SMALL_REQUEST_BYTES = 64 * 1024

_Response = TypeVar("_Response")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, core: ServingCore) -> None:
        self._core = core

    async def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
        """Run a signature on named tensors."""

        async def answer() -> Any:
            result = await self._infer("Predict", request.model_spec, request, context, inference.predict)
            return result

        return await _answer(context, answer)

    async def Classify(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run a classification signature on tf.Examples."""

        async def answer() -> Any:
            result = await self._infer("Classify", request.model_spec, request, context, inference.classify)
            self._core.count_examples(request.model_spec.name, inference.example_count(request.input))
            return result

        return await _answer(context, answer)

    async def Regress(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run a regression signature on tf.Examples."""

        async def answer() -> Any:
            result = await self._infer("Regress", request.model_spec, request, context, inference.regress)
            self._core.count_examples(request.model_spec.name, inference.example_count(request.input))
            return result

        return await _answer(context, answer)

    async def MultiInference(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run several classification and regression signatures on the same tf.Examples."""

        async def answer() -> Any:
            if not request.tasks:
                raise ServingError(Code.INVALID_ARGUMENT, "Inference request should have at least one task")
            call = _call("MultiInference", request, context)
            spec = request.tasks[0].model_spec
            answered = await self._core.infer(spec, call, lambda runner: inference.multi_inference(runner, request))
            for result in answered.result.results:
                answered.fill(result.model_spec, result.model_spec.signature_name or DEFAULT_SIGNATURE)
            self._core.count_examples(spec.name, inference.example_count(request.input))
            return answered.result

        return await _answer(context, answer)

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The signatures of a model."""

        async def answer() -> Any:
            if not request.HasField("model_spec"):
                raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
            return self._core.model_metadata(request.model_spec, request.metadata_field)

        return await _answer(context, answer)

    async def _infer(
        self,
        api: str,
        spec: model_pb2.ModelSpec,
        request: Any,
        context: Any,
        function: Callable[[Runner, Any], Coroutine[Any, Any, Any]],
    ) -> Any:
        """A response with its `model_spec` filled in."""
        call = _call(api, request, context)
        answered = await self._core.infer(spec, call, lambda runner: function(runner, request))
        answered.fill(answered.result.model_spec, spec.signature_name or DEFAULT_SIGNATURE)
        return answered.result


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, core: ServingCore) -> None:
        self._core = core

    async def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The states of a model's versions."""

        async def answer() -> Any:
            if not request.HasField("model_spec"):
                raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
            return self._core.model_status(request.model_spec)

        return await _answer(context, answer)

    async def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Serve the models of another configuration; answers when the new ones are available."""

        async def answer() -> Any:
            _log.info("Reload of the model configuration was asked for: %s", str(request.config).replace("\n", " "))
            response = model_management_pb2.ReloadConfigResponse()
            for name, increase in (await self._core.reload(request.config, request.metric_names)).items():
                response.metric.add(name=name, int64_value_increase=increase)
            return response

        return await _answer(context, answer)


async def _answer(context: Any, work: Callable[[], Awaitable[_Response]]) -> _Response:
    """Run a handler, with errors as gRPC statuses."""
    try:
        return await work()
    except ServingError as error:
        code, message = error.code, error.message
    except Exception as error:  # noqa: BLE001 - the server answers, whatever a handler raised
        # The client gets the kind of failure; the log gets the rest.
        _log.exception("A request failed unexpectedly")
        code, message = Code.INTERNAL, f"Internal error: {type(error).__name__}; the server's log says more"
    if len(message) > MAX_MESSAGE_CHARACTERS:
        message = f"{message[:MAX_MESSAGE_CHARACTERS]}…"
    await context.abort(grpc.StatusCode[code.name], message)
    raise AssertionError("context.abort raises")


def _call(api: str, request: Any, context: Any) -> Call:
    small = True
    if api == "Predict":
        # One value may stand for a whole tensor, so few bytes can still mean a large array.
        shapes = (tensor.tensor_shape.dim for tensor in request.inputs.values())
        small = all(math.prod(dim.size for dim in shape) <= _SMALL_REQUEST_BYTES for shape in shapes)
    # Last, as it costs as much as writing the message again.
    small = small and request.ByteSize() <= _SMALL_REQUEST_BYTES
    return Call(api, "GRPC", _deadline(context), small=small, headers=lambda: context.invocation_metadata() or ())


def _deadline(context: Any) -> float | None:
    """The client's deadline on this machine's clock."""
    remaining = context.time_remaining()
    return None if remaining is None else time.monotonic() + remaining

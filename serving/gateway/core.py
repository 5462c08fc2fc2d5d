"""What the gateway does with a request, whichever protocol it came by."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from serving import rest_json, tensors
from serving.errors import Code, ServingError
from serving.gateway.image_check import ImageChecker
from serving.gateway.image_fetcher import ImageFetcher
from serving.gateway.labels import read_predictions
from serving.gateway.limits import Buffer, Limiter
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.pool import BackendPool
from serving.gateway.prediction import ImagesAnswer
from serving.gateway.record import Exchange, RequestRecord
from serving.gateway.releases.releases import Releases
from serving.gateway.servables import Servables, ServableSignatures, signature_of
from serving.gateway.settings import GatewaySettings
from serving.gateway.tracing.spans import step
from serving.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
    types_pb2,
)

_Answer = TypeVar("_Answer")

_LOG = logging.getLogger(__name__)

DEFAULT_SIGNATURE = "serving_default"

# `class_ids` and `labels` of a Darkroom model's answer hold at most this many classes.
MAX_TOP_K = 100

# Codes with which a model server answers a request that fits another version than the one that answered.
_MISFITS = (Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.NOT_FOUND)


class GatewayCore:
    """Every operation of the gateway; adapters translate to and from it.

    The methods fill the `RequestRecord` that they get as they learn about the request, and raise `ServingError`.
    """

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        model_name: str,
        pool: BackendPool,
        servables: Servables,
        checker: ImageChecker,
        fetcher: ImageFetcher,
        limiter: Limiter,
        releases: Releases,
        metrics: GatewayMetrics,
    ) -> None:
        self._settings = settings
        self._model_name = model_name
        self._pool = pool
        self._servables = servables
        self._checker = checker
        self._fetcher = fetcher
        self._limiter = limiter
        self._releases = releases
        self._metrics = metrics

    async def predict_images(
        self, spec: model_pb2.ModelSpec, images: Sequence[bytes | str], *, top_k: int | None, record: RequestRecord
    ) -> ImagesAnswer:
        """Classify (or regress) encoded images.

        Args:
            spec: the model, and the version, label or signature where the client named one.
            images: encoded, in any accepted format, or URLs of such.
            top_k: classes for each image, 1..min(K, 100); None gives the configured number, or K where that is less.
            record: of this request.

        Raises:
            ServingError: INVALID_ARGUMENT for a refused image, a wrong top_k or signature; PERMISSION_DENIED for a URL
                that may not be fetched, FAILED_PRECONDITION for one that can't be; what the model server said.
        """
        self._note_target(record, spec)
        _check_top_k(top_k)
        async with self._limiter.slot(record):
            response = await self._predict_encoded(spec, images, record)
            return await self._labelled(response, top_k, record)

    async def predict_images_as_tensors(
        self, spec: model_pb2.ModelSpec, images: Sequence[bytes | str], record: RequestRecord
    ) -> bytes:
        """The same question, answered in TF Serving's JSON: every output as it is, a row for each image.

        Raises:
            ServingError: as `predict_images`.
        """
        self._note_target(record, spec)
        async with self._limiter.slot(record):
            response = await self._predict_encoded(spec, images, record)
            return rest_json.render_predict(response.outputs, rest_json.RequestFormat.ROW)

    async def predict_json(self, spec: model_pb2.ModelSpec, parsed: rest_json.JsonBody, record: RequestRecord) -> bytes:
        """Answer a Predict request in TF Serving's JSON, in the same JSON; images in it are checked.

        Raises:
            ServingError: as TF Serving answers, and INVALID_ARGUMENT for a refused image.
        """
        async with self._limiter.slot(record):
            response, request_format = await self._predict_parsed(spec, parsed, record)
            return rest_json.render_predict(response.outputs, request_format)

    async def predict_json_labelled(
        self, spec: model_pb2.ModelSpec, parsed: rest_json.JsonBody, *, top_k: int | None, record: RequestRecord
    ) -> ImagesAnswer:
        """Answer images in TF Serving's JSON as `predict_images` does.

        Raises:
            ServingError: as `predict_json`; FAILED_PRECONDITION when the answer isn't one for each image.
        """
        _check_top_k(top_k)
        async with self._limiter.slot(record):
            response, _ = await self._predict_parsed(spec, parsed, record)
            return await self._labelled(response, top_k, record)

    async def _predict_encoded(
        self, spec: model_pb2.ModelSpec, images: Sequence[bytes | str], record: RequestRecord
    ) -> predict_pb2.PredictResponse:
        with self._limiter.buffer() as buffer:
            encoded = await self._fetched(images, buffer, record)

            async def attempt(found: ServableSignatures) -> predict_pb2.PredictResponse:
                signature = signature_of(found, spec.name, record.signature)
                request = predict_pb2.PredictRequest(model_spec=spec)
                tensor = request.inputs[self._image_input(found, signature, record)]
                tensor.dtype = types_pb2.DT_STRING
                tensor.tensor_shape.dim.add(size=len(encoded))
                tensor.string_val.extend(encoded)
                return await self._predict(request, encoded, record)

            self._inspect(encoded, record)
            return await self._with_signatures(spec, attempt, record)

    async def _fetched(self, images: Sequence[bytes | str], buffer: Buffer, record: RequestRecord) -> list[bytes]:
        """The images with those that are URLs fetched."""
        self._checker.check_count(len(images))
        urls = [self._fetcher.parse(image) for image in images if isinstance(image, str)]
        if not urls:
            return [image for image in images if isinstance(image, bytes)]
        started = time.perf_counter()
        with step("fetch"):
            fetched = iter(await self._fetcher.fetch(urls, buffer, record))
        record.timing_ms["fetch"] = (time.perf_counter() - started) * 1000
        return [image if isinstance(image, bytes) else next(fetched) for image in images]

    async def _predict_parsed(
        self, spec: model_pb2.ModelSpec, parsed: rest_json.JsonBody, record: RequestRecord
    ) -> tuple[predict_pb2.PredictResponse, rest_json.RequestFormat]:
        async def attempt(
            found: ServableSignatures,
        ) -> tuple[predict_pb2.PredictResponse, rest_json.RequestFormat]:
            signature = signature_of(found, spec.name, record.signature)
            inputs, request_format = rest_json.parse_predict(parsed, signature)
            request = predict_pb2.PredictRequest(model_spec=spec)
            for name, tensor in inputs.items():
                request.inputs[name].CopyFrom(tensor)
            images = self._checker.images_of_predict(request)
            self._inspect(images, record)
            return await self._predict(request, images, record), request_format

        spec.signature_name = parsed.signature_name
        self._note_target(record, spec)
        return await self._with_signatures(spec, attempt, record)

    async def _labelled(
        self, response: predict_pb2.PredictResponse, top_k: int | None, record: RequestRecord
    ) -> ImagesAnswer:
        preprocessing_version = await self._preprocessing_version(record)
        predictions = read_predictions(response, top_k, self._settings.top_k, record)
        record.timing_ms["total"] = record.elapsed_ms()
        return ImagesAnswer(
            model=record.model,
            version=record.answered_version,
            preprocessing_version=preprocessing_version,
            predictions=predictions,
            timing_ms=dict(record.timing_ms),
        )

    async def classify_json(
        self, spec: model_pb2.ModelSpec, parsed: rest_json.JsonBody, record: RequestRecord
    ) -> bytes:
        """TF Serving's JSON for Classify."""
        spec.signature_name = parsed.signature_name
        request = classification_pb2.ClassificationRequest(model_spec=spec, input=rest_json.parse_examples(parsed))
        return rest_json.render_classification((await self.classify(request, record)).result)

    async def regress_json(self, spec: model_pb2.ModelSpec, parsed: rest_json.JsonBody, record: RequestRecord) -> bytes:
        """TF Serving's JSON for Regress."""
        spec.signature_name = parsed.signature_name
        request = regression_pb2.RegressionRequest(model_spec=spec, input=rest_json.parse_examples(parsed))
        return rest_json.render_regression((await self.regress(request, record)).result)

    async def predict(self, request: predict_pb2.PredictRequest, record: RequestRecord) -> predict_pb2.PredictResponse:
        """Pass a Predict request on once its images are inspected."""
        self._note_target(record, request.model_spec)
        async with self._limiter.slot(record):
            images = self._checker.images_of_predict(request)
            self._inspect(images, record)
            return await self._releases.run(
                [request.model_spec], record, lambda: self._predict(request, images, record)
            )

    async def classify(
        self, request: classification_pb2.ClassificationRequest, record: RequestRecord
    ) -> classification_pb2.ClassificationResponse:
        """Pass a Classify request on once the images in its examples are inspected."""
        return await self._pass_examples("Classify", request, record)

    async def regress(
        self, request: regression_pb2.RegressionRequest, record: RequestRecord
    ) -> regression_pb2.RegressionResponse:
        """Pass a Regress request on once the images in its examples are inspected."""
        return await self._pass_examples("Regress", request, record)

    async def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest, record: RequestRecord
    ) -> inference_pb2.MultiInferenceResponse:
        """Pass a MultiInference request on once the images in its examples are inspected."""
        if request.tasks:
            self._note_target(record, request.tasks[0].model_spec)
        async with self._limiter.slot(record):
            images = self._checker.images_of_examples(request.input)
            self._inspect(images, record)
            return await self._releases.run(
                [task.model_spec for task in request.tasks],
                record,
                lambda: self._call("MultiInference", request, images, record),
            )

    async def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, record: RequestRecord
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """A version's signatures, as the model server answers."""
        self._note_target(record, request.model_spec, signature="")
        self._releases.point_at_stable(request.model_spec)
        response: get_model_metadata_pb2.GetModelMetadataResponse = await self._call(
            "GetModelMetadata", request, (), record
        )
        self._note_answer(request.model_spec, response.model_spec, record)
        return response

    async def signatures(self, spec: model_pb2.ModelSpec, record: RequestRecord) -> ServableSignatures:
        """A version's signatures, taken apart; those of the newest are asked for anew.

        Raises:
            ServingError: what the model server answered, such as NOT_FOUND.
        """
        self._note_target(record, spec, signature="")
        self._releases.point_at_stable(spec)
        found = await _in_time(self._servables.signatures(spec, fresh=not spec.HasField("version")), record)
        record.answered_version = found.version
        record.known_model = record.known_signature = True
        return found

    async def status(
        self, request: get_model_status_pb2.GetModelStatusRequest, record: RequestRecord
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions, as the model server answers."""
        self._note_target(record, request.model_spec, signature="")
        return await self._call("GetModelStatus", request, (), record)

    async def _pass_examples(self, method: str, request: Any, record: RequestRecord) -> Any:
        self._note_target(record, request.model_spec)
        async with self._limiter.slot(record):
            images = self._checker.images_of_examples(request.input)
            self._inspect(images, record)
            return await self._releases.run(
                [request.model_spec], record, lambda: self._answered(method, request, images, record)
            )

    def _inspect(self, images: Sequence[bytes], record: RequestRecord) -> None:
        started = time.perf_counter()
        with step("inspect"):
            self._checker.inspect(images, record)
        record.charge_images()
        record.timing_ms["inspect"] = (time.perf_counter() - started) * 1000

    async def _call(self, method: str, request: Any, images: Sequence[bytes], record: RequestRecord) -> Any:
        started = time.perf_counter()
        call = self._pool.call(method, request, record.remaining)
        try:
            response = await self._checker.beside(call, images, record)
        except ServingError as error:
            if error.code is Code.DEADLINE_EXCEEDED and record.is_late():
                raise record.deadline_exceeded() from error
            raise
        else:
            record.exchange = Exchange(method, request, response, images)
            return response
        finally:
            record.timing_ms["model"] = (time.perf_counter() - started) * 1000

    async def _predict(
        self, request: predict_pb2.PredictRequest, images: Sequence[bytes], record: RequestRecord
    ) -> predict_pb2.PredictResponse:
        response: predict_pb2.PredictResponse = await self._answered("Predict", request, images, record)
        return response

    async def _answered(self, method: str, request: Any, images: Sequence[bytes], record: RequestRecord) -> Any:
        response = await self._call(method, request, images, record)
        self._note_answer(request.model_spec, response.model_spec, record)
        self._releases.mirror(method, request, response, record)
        return response

    async def _with_signatures(
        self,
        spec: model_pb2.ModelSpec,
        attempt: Callable[[ServableSignatures], Awaitable[_Answer]],
        record: RequestRecord,
    ) -> _Answer:
        """Run `attempt` with the signatures of the version that will answer, which releases may choose."""
        return await self._releases.run([spec], record, lambda: self._with_its_signatures(spec, attempt, record))

    async def _with_its_signatures(
        self,
        spec: model_pb2.ModelSpec,
        attempt: Callable[[ServableSignatures], Awaitable[_Answer]],
        record: RequestRecord,
    ) -> _Answer:
        """Run `attempt` with the signatures of the version that `spec` names.

        When "the newest version" has moved on since they were looked up and the request does not fit any more, they are
        looked up again and the attempt is made once more.
        """
        found = await _in_time(self._servables.signatures(spec), record)
        try:
            return await attempt(found)
        except ServingError as error:
            if error.code not in _MISFITS or spec.HasField("version") or record.refusal is not None:
                raise
            fresh = await _in_time(self._servables.signatures(spec, fresh=True), record)
            if fresh.version == found.version:
                raise
            return await attempt(fresh)

    def _note_target(
        self, record: RequestRecord, spec: model_pb2.ModelSpec, signature: str = DEFAULT_SIGNATURE
    ) -> None:
        # A gateway serves one model in the first place; a gRPC client that names none means that one.
        spec.name = spec.name or self._model_name
        record.model = spec.name
        record.version = spec.version.value if spec.HasField("version") else None
        record.label = spec.version_label
        record.signature = spec.signature_name or signature
        record.known_model = spec.name == self._model_name or self._servables.knows(spec.name)

    def _note_answer(self, asked: model_pb2.ModelSpec, answered: model_pb2.ModelSpec, record: RequestRecord) -> None:
        record.answered_version = answered.version.value
        # The model server has this model and signature, so the names are real and may become a metric's labels.
        record.known_model = record.known_signature = True
        self._servables.answered(asked, record.answered_version)

    async def _preprocessing_version(self, record: RequestRecord) -> str | None:
        """Of the version that answered; None for a model that has none to tell."""
        try:
            found = await _in_time(self._servables.description(record.model, record.answered_version), record)
        except ServingError as error:
            if record.is_late():
                raise
            # The prediction stands. It may have come from a version that was unloaded a moment later.
            _LOG.warning(
                "Model %s version %d could not be asked for its description: %s",
                record.model,
                record.answered_version,
                error,
            )
            self._metrics.description_failed(record.model, error.code.name)
            return None
        return found.preprocessing_version if found is not None else None

    def _image_input(self, found: ServableSignatures, signature: Any, record: RequestRecord) -> str:
        """The input of a signature that takes encoded images."""
        inputs = {key: info.dtype for key, info in signature.inputs.items()}
        for candidate in self._settings.image_inputs:
            if inputs == {candidate: types_pb2.DT_STRING}:
                return candidate
        described = ", ".join(f"{key} ({tensors.dtype_name(dtype)})" for key, dtype in sorted(inputs.items()))
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"signature {record.signature!r} of model {record.model} version {found.version} does not take encoded "
            f"images: its inputs are {described or 'none'}, and an image needs "
            f"{' or '.join(self._settings.image_inputs)} (string) alone. Send TF Serving's JSON or gRPC instead",
        )


async def _in_time(lookup: Coroutine[Any, Any, _Answer], record: RequestRecord) -> _Answer:
    """Await what is shared with other requests for as long as this one has."""
    try:
        async with asyncio.timeout(record.deadline - time.monotonic()):
            return await lookup
    except TimeoutError as error:
        raise record.deadline_exceeded() from error


def _check_top_k(top_k: int | None) -> None:
    if top_k is not None and not 1 <= top_k <= MAX_TOP_K:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"top_k must be from 1 to the model's number of classes and at most {MAX_TOP_K}, got {top_k}",
        )

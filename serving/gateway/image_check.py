"""Images are looked at before a model sees them: the header at once, the whole file beside the model's call.

The rules are `preprocessing.images`, the same at ingestion. Inspection reads headers and costs microseconds, so it runs
in the event loop; verification decodes, so it runs in threads while the model server works on the same bytes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from preprocessing.images import ImageRefusedError, Refusal, inspect_image, verify_image
from preprocessing.images.header import ImageHeader
from serving.errors import Code, ServingError
from serving.gateway.record import RequestRecord
from serving.gateway.settings import GatewaySettings
from serving.gateway.tracing.spans import step
from serving.protos import input_pb2, predict_pb2, types_pb2

_Answer = TypeVar("_Answer")

# The feature that holds an encoded image in a tf.Example (DESIGN.md, contract 1).
_EXAMPLE_IMAGE = "image/encoded"


# Verification lets the call go out first: the thread that decodes and those that send would wait for each other, and
# the model would begin that much later. Where the answer comes sooner, verification begins with it.
_SENDING_SECONDS = 0.0015


class RefusedImageError(ServingError):
    """An image that no model gets to see.

    Attributes:
        reason: the rule that it broke.
        image: its place in the request, from 0.
    """

    def __init__(self, reason: Refusal, detail: str, image: int) -> None:
        super().__init__(Code.INVALID_ARGUMENT, f"image {image}: {detail}")
        self.reason = reason
        self.image = image


class ImageChecker:
    """Inspects and verifies the images of requests."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._limits = settings.limits
        self._max_images = settings.max_images_per_request
        self._inputs = settings.image_inputs
        self._verifies = settings.verify_images
        self._threads = ThreadPoolExecutor(settings.verify_threads, thread_name_prefix="verify-image")

    def close(self) -> None:
        """Stop the threads; images that still wait are not verified any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def check_count(self, count: int) -> None:
        """Refuse more images than a request may have.

        Raises:
            ServingError: INVALID_ARGUMENT that says the limit.
        """
        if count > self._max_images:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"the request has {count} images; one request may have {self._max_images}"
            )

    def inspect(self, images: Sequence[bytes], record: RequestRecord) -> None:
        """Read every image's header and note it in `record`.

        Raises:
            ServingError: INVALID_ARGUMENT for too many images; RefusedImageError for the first that breaks a rule.
        """
        self.check_count(len(images))
        record.images.clear()
        record.image_bytes.clear()
        for index, image in enumerate(images):
            try:
                header = inspect_image(image, self._limits)
            except ImageRefusedError as error:
                raise _refused(error, index, record) from error
            record.images.append(header)
            record.image_bytes.append(len(image))

    def images_of_predict(self, request: predict_pb2.PredictRequest) -> list[bytes]:
        """The images among a request's inputs.

        Raises:
            ServingError: INVALID_ARGUMENT when an image input's shape and values don't match one to one. TensorFlow
                would repeat the last value to fill the shape, so one small message could ask for a million decodes.
        """
        images: list[bytes] = []
        for name in self._inputs:
            if name not in request.inputs:
                continue
            tensor = request.inputs[name]
            if tensor.dtype != types_pb2.DT_STRING:
                continue  # not encoded images; whether that is right is for the signature to say
            count = math.prod(dim.size for dim in tensor.tensor_shape.dim)
            if tensor.tensor_content or tensor.tensor_shape.unknown_rank or count != len(tensor.string_val):
                shape = [dim.size for dim in tensor.tensor_shape.dim]
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"input {name!r} must carry each image as one element of string_val: its shape is {shape} and "
                    f"it has {len(tensor.string_val)}",
                )
            images.extend(tensor.string_val)
        return images

    def images_of_examples(self, examples: input_pb2.Input) -> list[bytes]:
        """The encoded images inside a Classify or Regress request's examples."""
        kind = examples.WhichOneof("kind")
        if kind is None:
            return []
        images: list[bytes] = []
        listed = getattr(examples, kind)
        candidates = list(listed.examples)
        if kind == "example_list_with_context":
            candidates.append(listed.context)
        for example in candidates:
            if _EXAMPLE_IMAGE in example.features.feature:
                images.extend(example.features.feature[_EXAMPLE_IMAGE].bytes_list.value)
        return images

    async def beside(
        self, call: Coroutine[Any, Any, _Answer], images: Sequence[bytes], record: RequestRecord
    ) -> _Answer:
        """Await `call` while the images, already inspected, are verified. A refused image wins over any answer.

        Raises:
            RefusedImageError: for damage that decoders pass over.
            ServingError: what `call` raised, or DEADLINE_EXCEEDED.
        """
        if not self._verifies or not images:
            return await call
        answering = asyncio.ensure_future(call)
        verifying = asyncio.ensure_future(self._verified_later(answering, images, record))
        both = {answering, verifying}
        try:
            await asyncio.wait(both, timeout=record.remaining(), return_when=asyncio.FIRST_EXCEPTION)
            if not verifying.done():
                # The model server failed, perhaps over the very damage that is being looked for.
                await asyncio.wait({verifying}, timeout=record.remaining())
            if not verifying.done():
                raise record.deadline_exceeded()
            verifying.result()
            return await answering
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _verified_later(
        self, answering: asyncio.Future[Any], images: Sequence[bytes], record: RequestRecord
    ) -> None:
        await asyncio.wait({answering}, timeout=_SENDING_SECONDS)
        with step("verify"):
            await self._verify(images, record.images, record)

    async def _verify(self, images: Sequence[bytes], headers: Sequence[ImageHeader], record: RequestRecord) -> None:
        loop = asyncio.get_running_loop()
        jobs = [
            loop.run_in_executor(self._threads, verify_image, image, header)
            for image, header in zip(images, headers, strict=True)
        ]
        try:
            for index, job in enumerate(jobs):
                try:
                    await job
                except ImageRefusedError as error:
                    raise _refused(error, index, record) from error
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)


def _refused(error: ImageRefusedError, index: int, record: RequestRecord) -> RefusedImageError:
    record.refusal = error.reason
    return RefusedImageError(error.reason, error.detail, index)

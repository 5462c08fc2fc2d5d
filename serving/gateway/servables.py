"""What the gateway knows about model versions: their signatures, and how Darkroom's own describe themselves."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from serving.errors import Code, ServingError
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.pool import BackendPool
from serving.protos import get_model_metadata_pb2, model_pb2, predict_pb2, types_pb2

_LOG = logging.getLogger(__name__)

# These calls are shared by all requests that wait for them, so they run under a deadline of their own.
_LOOKUP_SECONDS = 10.0
# A model server holds few versions at a time; the bound only keeps names that clients invent from piling up.
_KEPT_VERSIONS = 256

DESCRIBE_SIGNATURE = "describe"


@dataclass(frozen=True, slots=True)
class ServableSignatures:
    """A version's signatures, by name, as `meta_graph_pb2.SignatureDef`."""

    version: int
    signatures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServableDescription:
    """What a Darkroom model says about itself (its `describe` signature).

    Attributes:
        labels: class names in the order of the class ids; empty for regression.
    """

    task: str
    labels: tuple[str, ...]
    preprocessing_version: str | None
    document: dict[str, Any]


# (model name, version or 0, version label): 0 and no label is "whichever is newest".
_SpecKey = tuple[str, int, str]


class Servables:
    """Caches what does not change while a version lives."""

    def __init__(self, pool: BackendPool, metrics: GatewayMetrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._signatures: OrderedDict[tuple[str, int], ServableSignatures] = OrderedDict()
        self._descriptions: OrderedDict[tuple[str, int], ServableDescription | None] = OrderedDict()
        # Which version "the newest" or a label meant when last heard.
        self._resolved: OrderedDict[_SpecKey, int] = OrderedDict()
        self._lookups: dict[Any, asyncio.Task[Any]] = {}

    async def signatures(self, spec: model_pb2.ModelSpec, *, fresh: bool = False) -> ServableSignatures:
        """The signatures of the version that `spec` names; `fresh` asks again although the answer is known.

        Raises:
            ServingError: what the model server answered, such as NOT_FOUND.
        """
        key = _spec_key(spec)
        version = key[1] or self._resolved.get(key)
        if not fresh and version is not None and (key[0], version) in self._signatures:
            return self._signatures[key[0], version]
        found: ServableSignatures = await self._once(("signatures", key), self._fetch_signatures(spec))
        return found

    async def description(self, model: str, version: int) -> ServableDescription | None:
        """How a version describes itself; None when it is not one of Darkroom's.

        Raises:
            ServingError: when the model server does not answer.
        """
        key = (model, version)
        if key in self._descriptions:
            return self._descriptions[key]
        found: ServableDescription | None = await self._once(("description", key), self._fetch_description(*key))
        return found

    def answered(self, asked: model_pb2.ModelSpec, version: int) -> None:
        """Note which version answered a request, so that "the newest" follows the model server."""
        key = _spec_key(asked)
        if version and not key[1] and self._resolved.get(key) != version:
            _keep(self._resolved, key, version)

    def knows(self, model: str) -> bool:
        """Whether some version of `model` was looked up."""
        return any(name == model for name, _ in self._signatures)

    async def _once(self, key: Any, fetch: Coroutine[Any, Any, Any]) -> Any:
        """Run `fetch`, or wait for the same one that runs already. A caller that gives up does not stop it."""
        task = self._lookups.get(key)
        if task is None:
            task = self._lookups[key] = asyncio.create_task(fetch)
            task.add_done_callback(lambda done: self._lookup_ended(key, done))
        else:
            fetch.close()
        return await asyncio.shield(task)

    def _lookup_ended(self, key: Any, task: asyncio.Task[Any]) -> None:
        del self._lookups[key]
        if not task.cancelled():
            task.exception()  # marks it as seen when every caller has gone

    async def _fetch_signatures(self, spec: model_pb2.ModelSpec) -> ServableSignatures:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.CopyFrom(spec)
        answer = await self._pool.call("GetModelMetadata", request, lambda: _LOOKUP_SECONDS)
        packed = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(packed)
        version = answer.model_spec.version.value
        found = ServableSignatures(version, dict(packed.signature_def))
        _keep(self._signatures, (spec.name, version), found)
        self.answered(spec, version)
        return found

    async def _fetch_description(self, model: str, version: int) -> ServableDescription | None:
        spec = model_pb2.ModelSpec(name=model)
        spec.version.value = version
        if DESCRIBE_SIGNATURE not in (await self.signatures(spec)).signatures:
            _keep(self._descriptions, (model, version), None)
            return None
        request = predict_pb2.PredictRequest(model_spec=spec)
        request.model_spec.signature_name = DESCRIBE_SIGNATURE
        tensor = request.inputs["request"]
        tensor.dtype = types_pb2.DT_STRING
        tensor.tensor_shape.dim.add(size=1)
        tensor.string_val.append(b"")
        answer = await self._pool.call("Predict", request, lambda: _LOOKUP_SECONDS)
        try:
            found = _read_description(answer.outputs["description"].string_val[0])
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            # The model answers all the same; the answer lacks its preprocessing version, and the counter says why.
            _LOG.warning("Model %s version %d describes itself in a way that can't be read: %r", model, version, error)
            self._metrics.description_failed(model, "unreadable")
            found = None
        _keep(self._descriptions, (model, version), found)
        return found


def _read_description(text: bytes) -> ServableDescription:
    document = json.loads(text)
    preprocessing = document.get("preprocessing") or {}
    return ServableDescription(
        task=str(document["task"]),
        labels=tuple(str(label) for label in document.get("labels") or ()),
        preprocessing_version=preprocessing.get("version"),
        document=document,
    )


def signature_of(found: ServableSignatures, model: str, name: str) -> Any:
    """The signature `name` of a version.

    Raises:
        ServingError: INVALID_ARGUMENT that lists the signatures there are.
    """
    signature = found.signatures.get(name)
    if signature is None:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            # TF Serving's words first, for programs that look for them.
            f'Serving signature name: "{name}" not found in signature def; model {model} version {found.version} has '
            f"{', '.join(sorted(key for key in found.signatures if not key.startswith('__')))}",
        )
    return signature


def _spec_key(spec: model_pb2.ModelSpec) -> _SpecKey:
    return (spec.name, spec.version.value if spec.HasField("version") else 0, spec.version_label)


def _keep(cache: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > _KEPT_VERSIONS:
        cache.popitem(last=False)

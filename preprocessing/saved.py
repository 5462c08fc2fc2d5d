"""A preprocessing graph as a SavedModel, and the check that a loaded one is what it says it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf
from pydantic import ValidationError

from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics
from preprocessing.version import OP_REVISION, preprocessing_version

DESCRIPTION_FILE = "preprocessing.json"


class PreprocessingMismatchError(ValueError):
    """A stored preprocessing graph does not match the version, spec or statistics stored with it."""


def describe(graph: PreprocessingGraph) -> dict[str, Any]:
    """The JSON facts of a graph: `version`, `op_revision`, `spec`, `statistics`."""
    return {
        "version": graph.version,
        "op_revision": OP_REVISION,
        "spec": graph.spec.model_dump(mode="json"),
        "statistics": graph.statistics.model_dump(mode="json") if graph.statistics else None,
    }


def parse_description(description: dict[str, Any]) -> tuple[PreprocessingSpec, ChannelStatistics | None]:
    """Spec and statistics out of `describe`'s facts, checked against the version that stands beside them.

    Raises:
        PreprocessingMismatchError: a part is missing or malformed, was written by another op revision, or the version
            is not the one that spec and statistics give.
    """
    try:
        spec = PreprocessingSpec.model_validate(description["spec"])
        stored = description["statistics"]
        statistics = ChannelStatistics.model_validate(stored) if stored is not None else None
        claimed, revision = description["version"], description["op_revision"]
    except (KeyError, TypeError, ValidationError) as error:
        raise PreprocessingMismatchError(
            f"The preprocessing description is incomplete or malformed: {error}"
        ) from error
    if revision != OP_REVISION:
        raise PreprocessingMismatchError(
            f"The preprocessing graph was made by op revision {revision}, this code has revision {OP_REVISION}: its "
            "pixels may differ. Serve the model as it is, but retrain it before training from it or comparing with it."
        )
    actual = preprocessing_version(spec, statistics)
    if claimed != actual:
        raise PreprocessingMismatchError(
            f"The preprocessing version is given as {claimed!r}, but its spec and statistics make {actual!r}: one of "
            "them was changed after the export. Export the model again."
        )
    return spec, statistics


class _SavedPreprocessing(tf.Module):
    """What is written: the batch function and, as a constant inside the graph, its description."""

    def __init__(self, graph: PreprocessingGraph) -> None:
        super().__init__()
        self.graph = graph
        self._facts = json.dumps(describe(graph), sort_keys=True)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")], autograph=False)
    def preprocess(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"pixels": self.graph(image_bytes)}

    @tf.function(input_signature=[], autograph=False)
    def description(self) -> tf.Tensor:
        return tf.constant(self._facts)


def save_preprocessing(graph: PreprocessingGraph, path: str | Path) -> None:
    """Writes `graph` as a SavedModel with the signature `serving_default` (`image_bytes` -> `pixels`) to `path`.

    Beside it `preprocessing.json` holds the description for people; the copy inside the graph is the one that counts.
    """
    module = _SavedPreprocessing(graph)
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.preprocess})
    with tf.io.gfile.GFile(f"{path}/{DESCRIPTION_FILE}", "w") as file:
        file.write(json.dumps(describe(graph), indent=2) + "\n")


class LoadedPreprocessing:
    """A preprocessing graph read back from a SavedModel.

    Attributes:
        spec, statistics, version: as they were when it was saved.
    """

    def __init__(self, path: str | Path) -> None:
        """Loads and checks.

        Raises:
            PreprocessingMismatchError: the version stored beside the graph or inside it does not match its contents.
        """
        self._module = tf.saved_model.load(str(path))
        inside = json.loads(self._module.description().numpy())
        with tf.io.gfile.GFile(f"{path}/{DESCRIPTION_FILE}") as file:
            beside = json.load(file)
        if inside != beside:
            raise PreprocessingMismatchError(
                f"{path}/{DESCRIPTION_FILE} says version {beside.get('version')!r}, the graph itself says "
                f"{inside.get('version')!r}: the file was changed or belongs to another graph. Export it again."
            )
        self.spec, self.statistics = parse_description(inside)
        self.version: str = inside["version"]

    def __call__(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """`[N]` string to `[N, H, W, C]` float32."""
        return self._module.preprocess(image_bytes)["pixels"]

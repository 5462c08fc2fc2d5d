"""The SavedModel that is served: encoded images in, labels out, preprocessing inside."""

from __future__ import annotations

import json
from typing import Any

import keras
import tensorflow as tf

from pipeline import features
from pipeline.evaluation.eval_config import EVALUATE_SIGNATURE, PREDICTION_KEY
from preprocessing.graph import PreprocessingGraph

# `class_ids` and `labels` are ordered by falling probability; beyond this many nobody reads them, and for thousands of
# classes the strings would outweigh everything else in the answer.
MAX_RANKED_CLASSES = 100

CLASSIFY_SIGNATURE = "classify"
# tf.saved_model.save writes every signature as a Predict one; TF Serving's Classify wants its own method name.
_METHOD_NAMES = {CLASSIFY_SIGNATURE: "tensorflow/serving/classify"}

_PARSE = {features.ENCODED: tf.io.FixedLenFeature([], tf.string)}


class ServableClassifier(tf.Module):
    """The contract's signatures over one preprocessing graph and one network."""

    def __init__(
        self, graph: PreprocessingGraph, model: keras.Model, labels: tuple[str, ...], description: dict[str, Any]
    ) -> None:
        """Takes the parts.

        Args:
            graph: the run's preprocessing.
            model: `[N, H, W, C]` float32 to `[N, K]` probabilities.
            labels: K class names in id order.
            description: what the `describe` signature answers, as JSON.
        """
        super().__init__(name="darkroom")
        self.graph = graph
        # The network's tensors, and not the Keras model itself, hang on this module. Saved as an attribute, a Keras 3
        # model writes its values under copies of its variables (keras#20096): tf.saved_model.load finds them, a
        # session, which is how TF Serving loads, does not.
        self.network_variables = [variable.value for variable in model.variables]
        self._network = lambda pixels: model(pixels, training=False)
        self._labels = labels
        self._ranked = min(len(labels), MAX_RANKED_CLASSES)
        self._description = json.dumps(description, sort_keys=True)
        self.serving_pixels = tf.function(
            self._serving_pixels,
            input_signature=[tf.TensorSpec((None, *graph.spec.pixel_shape), tf.float32, name="pixels")],
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serving_default(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """`image_bytes [N]` to `probabilities [N, K]` in id order, and `class_ids`, `labels` `[N, R]` by rank."""
        return self._rank(self._probabilities(self.graph(image_bytes)))

    def _serving_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._rank(self._probabilities(pixels))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def preprocess(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """`image_bytes [N]` to `pixels [N, H, W, C]`: what the network sees, for people and for parity checks."""
        return {"pixels": self.graph(image_bytes)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """TF Serving's Classification API: serialised tf.Examples `[N]` to `classes`, `scores` `[N, K]`."""
        probabilities = self._probabilities(self.graph(_image_bytes(inputs)))
        classes = tf.tile(tf.constant([self._labels]), [tf.shape(probabilities)[0], 1])
        return {"classes": classes, "scores": probabilities}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """For TFMA: serialised tf.Examples `[N]` to `probabilities [N, K]`."""
        return {PREDICTION_KEY: self._probabilities(self.graph(_image_bytes(examples)))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="request")])
    def describe(self, request: tf.Tensor) -> dict[str, tf.Tensor]:
        """`request [N]`, its content ignored, to `description [N]`: what is in `darkroom.json` at export, as JSON."""
        return {"description": tf.fill(tf.shape(request), self._description)}

    def save(self, path: str) -> None:
        """Writes the SavedModel."""
        tf.saved_model.save(
            self,
            path,
            signatures={
                "serving_default": self.serving_default,
                "serving_pixels": self.serving_pixels,
                "preprocess": self.preprocess,
                CLASSIFY_SIGNATURE: self.classify,
                EVALUATE_SIGNATURE: self.evaluate,
                "describe": self.describe,
            },
        )
        updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(path)
        for signature, method in _METHOD_NAMES.items():
            updater.replace_method_name(signature_key=signature, method_name=method, tags=["serve"])
        updater.save()

    def _probabilities(self, pixels: tf.Tensor) -> tf.Tensor:
        return self._network(pixels)

    def _rank(self, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        _, class_ids = tf.math.top_k(probabilities, k=self._ranked)
        return {
            "probabilities": probabilities,
            "class_ids": tf.cast(class_ids, tf.int64),
            "labels": tf.gather(tf.constant(self._labels), class_ids),
        }


def _image_bytes(examples: tf.Tensor) -> tf.Tensor:
    return tf.io.parse_example(examples, _PARSE)[features.ENCODED]

"""The SavedModel that is served: encoded images in, predictions out, preprocessing inside."""

from __future__ import annotations

import abc
import json
from typing import Any, ClassVar

import keras
import tensorflow as tf

from pipeline import features
from pipeline.export.frozen import FrozenNetwork
from pipeline.signatures import EVALUATE_SIGNATURE
from preprocessing.graph import PreprocessingGraph

_PARSE = {features.ENCODED: tf.io.FixedLenFeature([], tf.string)}


class ServableModel(tf.Module):
    """One preprocessing graph and one network under the contract's signatures; a subclass says what they answer."""

    # TF Serving's own API for the task: the signature's name, and the method that TF Serving looks for in it.
    api: ClassVar[str]
    method_name: ClassVar[str]

    def __init__(
        self, graph: PreprocessingGraph, model: keras.Model | FrozenNetwork, description: dict[str, Any]
    ) -> None:
        """Takes the parts.

        Args:
            graph: the run's preprocessing.
            model: `[N, H, W, C]` float32 to the prediction.
            description: what the `describe` signature answers, as JSON.
        """
        super().__init__(name="darkroom")
        self.graph = graph
        # The network's tensors, and not the Keras model itself, hang on this module. Saved as an attribute, a Keras 3
        # model writes its values under copies of its variables (keras#20096): tf.saved_model.load finds them, a
        # session, which is how TF Serving loads, does not.
        self.network_variables = [variable.value for variable in model.variables]
        self._network = lambda pixels: model(pixels, training=False)
        self._description = json.dumps(description, sort_keys=True)
        self.serving_pixels = tf.function(
            self._serving_pixels,
            input_signature=[tf.TensorSpec((None, *graph.spec.pixel_shape), tf.float32, name="pixels")],
        )

    @abc.abstractmethod
    def answer(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """What clients get for what the network gives."""

    @abc.abstractmethod
    def api_answer(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """What TF Serving's own API for the task wants."""

    @abc.abstractmethod
    def evaluated(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """What TFMA gets."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")], autograph=False)
    def serving_default(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """`image_bytes [N]` to the answer."""
        return self.answer(self._network(self.graph(image_bytes)))

    def _serving_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.answer(self._network(pixels))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")], autograph=False)
    def preprocess(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """`image_bytes [N]` to `pixels [N, H, W, C]`: what the network sees, for people and for parity checks."""
        return {"pixels": self.graph(image_bytes)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")], autograph=False)
    def of_examples(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """TF Serving's own API for the task: of serialised tf.Examples `[N]`."""
        return self.api_answer(self._network(self.graph(_image_bytes(inputs))))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """For TFMA: serialised tf.Examples `[N]` to the prediction."""
        return self.evaluated(self._network(self.graph(_image_bytes(examples))))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="request")], autograph=False)
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
                self.api: self.of_examples,
                EVALUATE_SIGNATURE: self.evaluate,
                "describe": self.describe,
            },
        )
        # tf.saved_model.save writes every signature as a Predict one.
        updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(path)
        updater.replace_method_name(signature_key=self.api, method_name=self.method_name, tags=["serve"])
        updater.save()


def _image_bytes(examples: tf.Tensor) -> tf.Tensor:
    return tf.io.parse_example(examples, _PARSE)[features.ENCODED]

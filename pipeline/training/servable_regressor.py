"""What a regression answers."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from pipeline.signatures import VALUE
from pipeline.training.servable import ServableModel


class ServableRegressor(ServableModel):
    """`value [N]` in the targets' unit; TF Serving's Regression API."""

    api: ClassVar[str] = "regress"
    method_name: ClassVar[str] = "tensorflow/serving/regress"

    def answer(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """`value [N]`."""
        return {VALUE: tf.squeeze(prediction, axis=-1)}

    def api_answer(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """`outputs [N]`."""
        return {"outputs": tf.squeeze(prediction, axis=-1)}

    def evaluated(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """`value [N]`."""
        return {VALUE: tf.squeeze(prediction, axis=-1)}

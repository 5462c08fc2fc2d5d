"""What a classifier answers."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from pipeline.export.frozen import FrozenNetwork
from pipeline.signatures import PROBABILITIES
from pipeline.training.servable import ServableModel
from preprocessing.graph import PreprocessingGraph

# `class_ids` and `labels` are ordered by falling probability; beyond this many nobody reads them, and for thousands of
# classes the strings would outweigh everything else in the answer.
MAX_RANKED_CLASSES = 100


class ServableClassifier(ServableModel):
    """Probabilities in id order, and ids and labels by rank; TF Serving's Classification API."""

    api: ClassVar[str] = "classify"
    method_name: ClassVar[str] = "tensorflow/serving/classify"

    def __init__(
        self,
        graph: PreprocessingGraph,
        model: keras.Model | FrozenNetwork,
        labels: tuple[str, ...],
        description: dict[str, Any],
    ) -> None:
        """Takes the parts.

        Args:
            graph: the run's preprocessing.
            model: `[N, H, W, C]` float32 to `[N, K]` probabilities.
            labels: K class names in id order.
            description: what the `describe` signature answers, as JSON.
        """
        super().__init__(graph, model, description)
        self._labels = labels
        self._ranked = min(len(labels), MAX_RANKED_CLASSES)

    def answer(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """`probabilities [N, K]`, `class_ids [N, R]` int64, `labels [N, R]`."""
        _, class_ids = tf.math.top_k(prediction, k=self._ranked)
        return {
            "probabilities": prediction,
            "class_ids": tf.cast(class_ids, tf.int64),
            "labels": tf.gather(tf.constant(self._labels), class_ids),
        }

    def api_answer(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """`classes`, `scores` `[N, K]`."""
        classes = tf.tile(tf.constant([self._labels]), [tf.shape(prediction)[0], 1])
        return {"classes": classes, "scores": prediction}

    def evaluated(self, prediction: tf.Tensor) -> dict[str, tf.Tensor]:
        """`probabilities [N, K]`."""
        return {PROBABILITIES: prediction}

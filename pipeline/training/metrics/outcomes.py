"""Labels and predictions in one form, whatever form the loss takes them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import backend, ops


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Reads a classifier's labels and predictions.

    Attributes:
        n_classes: how many classes there are; 2 for a network with one output unit.
        from_logits: whether the network's last layer has no activation.
    """

    n_classes: int
    from_logits: bool = False

    def ids(self, y_true: Any) -> Any:
        """Class ids `[N]` int32, from ids `[N]`, or from shares `[N, K]`, of which the largest counts, or `[N, 1]`, the
        share of the second of two classes."""
        if len(y_true.shape) == 2 and y_true.shape[-1] == self.n_classes:
            return ops.cast(ops.argmax(y_true, axis=-1), "int32")
        flat = ops.reshape(y_true, (-1,))
        return ops.cast(ops.round(flat) if "float" in backend.standardize_dtype(flat.dtype) else flat, "int32")

    def probabilities(self, y_pred: Any) -> Any:
        """`[N, K]` float32; of one unit, which stands for the second class, both classes' probabilities.

        A prediction that is not a number counts as none at all: a network that gives these is ended elsewhere.
        """
        y_pred = ops.cast(y_pred, "float32")
        if y_pred.shape[-1] == 1:
            positive = ops.sigmoid(y_pred) if self.from_logits else y_pred
            y_pred = ops.concatenate([1 - positive, positive], axis=-1)
        elif self.from_logits:
            y_pred = ops.softmax(y_pred, axis=-1)
        return ops.nan_to_num(y_pred)

    def predicted(self, y_pred: Any) -> Any:
        """The likeliest class's id `[N]` int32."""
        return ops.cast(ops.argmax(self.probabilities(y_pred), axis=-1), "int32")


def numbers(y: Any, dtype: str = "float32") -> Any:
    """A regression's targets or predictions, `[N]`."""
    return ops.cast(ops.reshape(y, (-1,)), dtype)


def weights_of(y: Any, sample_weight: Any, dtype: str = "float32") -> Any:
    """How much each image counts, `[N]`: 1 where nothing is said."""
    if sample_weight is None:
        return ops.ones_like(y, dtype=dtype)
    return ops.cast(ops.reshape(sample_weight, (-1,)), dtype)

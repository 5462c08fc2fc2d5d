"""What is predicted, and what that asks of a network's last layer."""

from __future__ import annotations

from enum import StrEnum


class Task(StrEnum):
    """The kinds of prediction."""

    MULTICLASS = "multiclass"
    BINARY = "binary"
    REGRESSION = "regression"

    @property
    def activation(self) -> str:
        """Of the output layer that Darkroom builds."""
        return {Task.MULTICLASS: "softmax", Task.BINARY: "sigmoid", Task.REGRESSION: "linear"}[self]

    @property
    def output_name(self) -> str:
        """Name of the output layer that Darkroom builds."""
        return "value" if self is Task.REGRESSION else "probabilities"

    @property
    def has_classes(self) -> bool:
        """Whether labels are class ids rather than numbers."""
        return self is not Task.REGRESSION

    def units(self, n_classes: int) -> int:
        """Width of the output layer that Darkroom builds."""
        return n_classes if self is Task.MULTICLASS else 1


# The measures of the test split that tell most of each task.
MAIN_METRICS = {
    Task.MULTICLASS: ("accuracy", "f1_macro", "log_loss"),
    Task.BINARY: ("accuracy", "f1", "roc_auc"),
    Task.REGRESSION: ("rmse", "mae", "r2"),
}

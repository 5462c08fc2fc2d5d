"""Names for versions, such as `stable`: which label stands for which version of which model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from serving.errors import Code, ServingError
from serving.model_server.settings import ModelSettings

# Whether a version of a model answers requests.
IsAvailable = Callable[[str, int], bool]


class VersionLabels:
    """Labels stand only for versions that were available when they were attached, as in TF Serving.

    Those of the configuration at the start wait for their versions to load; a later configuration that names one that
    is not available is refused as a whole.
    """

    def __init__(self, models: Iterable[ModelSettings], is_available: IsAvailable, *, allow_unavailable: bool) -> None:
        """Takes the labels of the configuration at the start.

        Args:
            models: with their labels.
            is_available: asked at each decision.
            allow_unavailable: attach new labels to versions that are not available
                (`--allow_version_labels_for_unavailable_models`).
        """
        self._is_available = is_available
        self._allow_unavailable = allow_unavailable
        labels = {model.name: dict(model.version_labels) for model in models}
        self._attached: dict[str, dict[str, int]] = labels if allow_unavailable else {}
        self._waiting: dict[str, dict[str, int]] = {} if allow_unavailable else labels

    def version(self, model: str, label: str) -> int:
        """The version that a label stands for.

        Raises:
            ServingError: INVALID_ARGUMENT when it is not attached.
        """
        attached = self._attached.get(model, {}).get(label)
        if attached is not None:
            return attached
        waiting = self._waiting.get(model, {}).get(label)
        if waiting is not None and self._is_available(model, waiting):
            self._attached.setdefault(model, {})[label] = waiting
            return waiting
        raise ServingError(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")

    def attached(self, model: str) -> dict[str, int]:
        """The labels of a model that stand for an available version."""
        labels = {**self._waiting.get(model, {}), **self._attached.get(model, {})}
        return {label: version for label, version in labels.items() if self._is_available(model, version)}

    def replace(self, models: Iterable[ModelSettings]) -> None:
        """Attach the labels of a new configuration in place of all present ones.

        Raises:
            ServingError: FAILED_PRECONDITION when a label's version is not available; nothing has changed then.
        """
        labels = {model.name: dict(model.version_labels) for model in models}
        for model, versions in labels.items():
            for label, version in versions.items():
                moves = self._attached.get(model, {}).get(label, version) != version
                allowed = self._allow_unavailable and not moves
                if not allowed and not self._is_available(model, version):
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {version} of model {model}, which is not currently "
                        "available for inference",
                    )
        self._attached, self._waiting = labels, {}

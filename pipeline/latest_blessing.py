"""Which model a run is compared with, and may go on from: TFX's Resolver asks."""

from __future__ import annotations

from ml_metadata.metadata_store import metadata_store
from tfx.components.evaluator import constants
from tfx.dsl.components.common import resolver
from tfx.types import Artifact


class LatestBlessing(resolver.ResolverStrategy):
    """The model that was blessed last, in the input `model`, with its blessing in `model_blessing`.

    TFX's own strategy takes the newest model that was ever blessed. A configuration that is gone back to has its model
    from the cache: that model is blessed anew and pushed, but another one is newer.
    """

    def resolve_artifacts(
        self, store: metadata_store.MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]] | None:
        """Keeps one of each, or none where no model was blessed yet."""
        del store
        models = {model.id: model for model in input_dict["model"]}
        blessings = [
            blessing
            for blessing in input_dict["model_blessing"]
            if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == 1
            and _model_of(blessing) in models
        ]
        if not blessings:
            return {"model": [], "model_blessing": []}
        latest = max(blessings, key=lambda one: one.id)
        return {"model": [models[_model_of(latest)]], "model_blessing": [latest]}


def _model_of(blessing: Artifact) -> int:
    return int(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY))

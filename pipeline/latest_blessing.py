"""Which model a run is compared with, and may go on from: TFX's Resolver asks."""

from __future__ import annotations

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.components.evaluator import constants
from tfx.dsl.components.common import resolver
from tfx.types import Artifact

_OUTPUT = metadata_store_pb2.Event.OUTPUT


class LatestBlessing(resolver.ResolverStrategy):
    """The model that was blessed last, in the input `model`, with its blessing in `model_blessing`.

    TFX's own strategy takes the newest model that was ever blessed. When a configuration is gone back to, its model
    comes from the cache, and perhaps its evaluation, too: it is pushed once more, though another model is newer.
    """

    def resolve_artifacts(
        self, store: metadata_store.MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]] | None:
        """Keeps one of each, or none where no model was blessed yet."""
        models = {model.id: model for model in input_dict["model"]}
        blessings = {
            blessing.id: blessing
            for blessing in input_dict["model_blessing"]
            if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == 1
            and _model_of(blessing) in models
        }
        # An evaluation from the cache is the output of an execution of its own.
        given = [event for event in store.get_events_by_artifact_ids(list(blessings)) if event.type == _OUTPUT]
        if not given:
            return {"model": [], "model_blessing": []}
        latest = blessings[max(given, key=lambda event: event.execution_id).artifact_id]
        return {"model": [models[_model_of(latest)]], "model_blessing": [latest]}


def _model_of(blessing: Artifact) -> int:
    return int(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY))

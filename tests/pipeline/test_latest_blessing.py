"""The model that a run is compared with."""

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from pipeline.latest_blessing import LatestBlessing


class Pipeline:
    """Its records, and what the strategy chooses from them: the number of the model and of its blessing."""

    def __init__(self):
        self.store = metadata_store.MetadataStore(
            metadata_store_pb2.ConnectionConfig(fake_database=metadata_store_pb2.FakeDatabaseConfig())
        )
        self._evaluation = self.store.put_execution_type(metadata_store_pb2.ExecutionType(name="Evaluator"))
        self.models, self.blessings = [], []

    def _put(self, artifact, kind):
        type_id = self.store.put_artifact_type(metadata_store_pb2.ArtifactType(name=kind))
        [artifact.id] = self.store.put_artifacts([metadata_store_pb2.Artifact(type_id=type_id)])
        return artifact

    def model(self):
        self.models.append(self._put(standard_artifacts.Model(), "Model"))
        return self.models[-1].id

    def judge(self, model, *, blessed=True):
        blessing = self._put(standard_artifacts.ModelBlessing(), "ModelBlessing")
        blessing.set_int_custom_property("blessed", int(blessed))
        blessing.set_int_custom_property("current_model_id", model)
        self.blessings.append(blessing)
        self.give(blessing.id)
        return blessing.id

    def give(self, blessing):
        """An evaluation's result, or one from the cache."""
        [execution] = self.store.put_executions([metadata_store_pb2.Execution(type_id=self._evaluation)])
        event = metadata_store_pb2.Event(artifact_id=blessing, execution_id=execution)
        event.type = metadata_store_pb2.Event.OUTPUT
        self.store.put_events([event])

    def chosen(self):
        found = LatestBlessing().resolve_artifacts(self.store, {"model": self.models, "model_blessing": self.blessings})
        return [(one.id, other.id) for one, other in zip(found["model"], found["model_blessing"], strict=True)]


@pytest.fixture
def pipeline():
    return Pipeline()


def test_a_model_that_was_blessed_again_is_the_latest(pipeline):
    one, other = pipeline.model(), pipeline.model()
    first = pipeline.judge(one)
    assert pipeline.chosen() == [(one, first)]
    second = pipeline.judge(other)
    assert pipeline.chosen() == [(other, second)]
    third = pipeline.judge(one)
    assert pipeline.chosen() == [(one, third)]
    pipeline.give(second)
    assert pipeline.chosen() == [(other, second)]


def test_refused_models_and_blessings_without_their_model_do_not_count(pipeline):
    assert pipeline.chosen() == []
    one, other = pipeline.model(), pipeline.model()
    pipeline.judge(other, blessed=False)
    pipeline.judge(4711)
    assert pipeline.chosen() == []
    blessing = pipeline.judge(one)
    pipeline.judge(other, blessed=False)
    assert pipeline.chosen() == [(one, blessing)]

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from pipeline.validation.component import DataValidator
from pipeline.validation.data_check import BASELINE_PROPERTY, ENDS_RUN_KEY
from pipeline.validation.previous_data import VALIDATOR_TYPE, PreviousData

EXECUTION, EVENT = metadata_store_pb2.Execution, metadata_store_pb2.Event


class Pipeline:
    """What a pipeline's ML Metadata knows of its data, in memory."""

    def __init__(self):
        config = metadata_store_pb2.ConnectionConfig(fake_database=metadata_store_pb2.FakeDatabaseConfig())
        self.store = metadata_store.MetadataStore(config)
        self.validation = self.store.put_execution_type(metadata_store_pb2.ExecutionType(name=VALIDATOR_TYPE))
        self.statistics_gen = self.store.put_execution_type(metadata_store_pb2.ExecutionType(name="StatisticsGen"))
        self.resolver = self.store.put_execution_type(metadata_store_pb2.ExecutionType(name="Resolver"))
        self.types = {
            name: self.store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name))
            for name in ("Examples", "ExampleStatistics", "DataCheckResult")
        }
        self.known = []

    def statistics(self, span=None, files=None):
        """Statistics of files, of others each time when not given."""
        examples = metadata_store_pb2.Artifact(type_id=self.types["Examples"])
        examples.custom_properties["input_fingerprint"].string_value = files or f"files {len(self.known)}"
        made = standard_artifacts.ExampleStatistics()
        [made.id] = self.store.put_artifacts([metadata_store_pb2.Artifact(type_id=self.types["ExampleStatistics"])])
        [number] = self.store.put_executions([EXECUTION(type_id=self.statistics_gen)])
        self._event(EVENT.INPUT, number, self.store.put_artifacts([examples])[0], "examples")
        self._event(EVENT.OUTPUT, number, made.id, "statistics")
        [number] = self.store.put_executions([EXECUTION(type_id=self.resolver)])
        self._event(EVENT.INTERNAL_OUTPUT, number, made.id, "current")
        if span is not None:
            made.span = span
        self.known.append(made)
        return made

    def validated(self, statistics, state=EXECUTION.COMPLETE, *, baseline=True, ends_run=True, previous=None):
        """Records a validation as TFX does: what fails has no output."""
        execution = EXECUTION(type_id=self.validation, last_known_state=state)
        execution.custom_properties[ENDS_RUN_KEY].int_value = int(ends_run)
        [number] = self.store.put_executions([execution])
        self._event(EVENT.INPUT, number, statistics.id, "statistics")
        if previous is not None:
            self._event(EVENT.INPUT, number, previous.id, "previous")
        if state != EXECUTION.FAILED:
            result = metadata_store_pb2.Artifact(type_id=self.types["DataCheckResult"])
            result.custom_properties[BASELINE_PROPERTY].int_value = int(baseline)
            self._event(EVENT.OUTPUT, number, self.store.put_artifacts([result])[0], "data_check")
        return statistics

    def chosen(self, current):
        found = PreviousData().resolve_artifacts(self.store, {"current": [current], "previous": self.known})
        return [one.id for one in found["previous"]]

    def _event(self, kind, execution, artifact, key):
        event = EVENT(type=kind, execution_id=execution, artifact_id=artifact)
        event.path.steps.add(key=key)
        event.path.steps.add(index=0)
        self.store.put_events([event])


@pytest.fixture
def pipeline():
    return Pipeline()


@pytest.mark.parametrize(
    ("spans", "expected"),
    [((3, 4, 5), 1), ((4, 3), 0), ((4, 4), 1), ((5, 6), None)],
    ids=["the newest", "by number, not by time", "its last ingestion", "later ones are not before"],
)
def test_the_newest_earlier_span_is_taken(pipeline, spans, expected):
    earlier = [pipeline.validated(pipeline.statistics(span)).id for span in spans]
    assert pipeline.chosen(pipeline.statistics(5)) == ([] if expected is None else [earlier[expected]])


def test_without_spans_it_is_the_data_before(pipeline):
    first, second, third = (pipeline.validated(pipeline.statistics()) for _ in range(3))
    assert pipeline.chosen(third) == [second.id]
    assert pipeline.chosen(first) == []


@pytest.mark.parametrize("span", [None, 2], ids=["without spans", "a span"])
def test_blocked_data_is_no_data_before(pipeline, span):
    good = pipeline.validated(pipeline.statistics(span and 1))
    pipeline.validated(pipeline.statistics(span), EXECUTION.FAILED, previous=good)
    assert pipeline.chosen(pipeline.statistics(span and 3)) == [good.id]


def test_data_is_not_compared_with_itself(pipeline):
    good = pipeline.validated(pipeline.statistics())
    pipeline.validated(pipeline.statistics(files="the same"), ends_run=False)
    assert pipeline.chosen(pipeline.statistics(files="the same")) == [good.id]


def test_a_run_decides_over_what_was_looked_at_under_other_options(pipeline):
    pipeline.validated(pipeline.statistics(files="the same"), ends_run=False)
    pipeline.validated(pipeline.statistics(files="the same"), EXECUTION.FAILED)
    assert pipeline.chosen(pipeline.statistics()) == []


def test_data_that_was_never_validated_is_no_data_before(pipeline):
    pipeline.statistics()
    interrupted = pipeline.statistics()
    pipeline.validated(interrupted, EXECUTION.RUNNING)
    assert pipeline.chosen(pipeline.statistics()) == []


@pytest.mark.parametrize(
    ("validations", "counts"),
    [
        ([{"baseline": False, "ends_run": False}], False),
        ([{"ends_run": False}], True),
        ([{"state": EXECUTION.FAILED}, {"ends_run": False}], False),
        ([{}, {"baseline": False, "ends_run": False}], True),
        ([{"state": EXECUTION.FAILED}, {}], True),
        ([{}, {"state": EXECUTION.FAILED}], False),
        ([{"state": EXECUTION.CACHED}], True),
    ],
    ids=[
        "looked at, and it has drifted",
        "only looked at",
        "looked at after it was blocked",
        "looked at under stricter rules after a run took it",
        "taken after the rules were changed",
        "blocked after the rules were changed",
        "reused",
    ],
)
def test_the_last_run_decides_and_before_any_run_the_last_look(pipeline, validations, counts):
    data = pipeline.statistics()
    for validation in validations:
        pipeline.validated(data, **validation)
    assert pipeline.chosen(pipeline.statistics()) == ([data.id] if counts else [])


def test_the_validator_is_found_by_its_name_in_ml_metadata():
    assert DataValidator.get_class_type() == VALIDATOR_TYPE

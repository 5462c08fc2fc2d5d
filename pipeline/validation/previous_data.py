"""Which data a run's data is compared with: TFX's Resolver asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.components.example_gen.utils import FINGERPRINT_PROPERTY_NAME
from tfx.dsl.components.common import resolver
from tfx.orchestration.portable.mlmd import event_lib
from tfx.types import Artifact

from pipeline.validation.data_check import BASELINE_PROPERTY, ENDS_RUN_KEY

# What ML Metadata calls the component.
VALIDATOR_TYPE = "pipeline.validation.component.DataValidator"

_DECIDED = (
    metadata_store_pb2.Execution.COMPLETE,
    metadata_store_pb2.Execution.CACHED,
    metadata_store_pb2.Execution.FAILED,
)


class PreviousData(resolver.ResolverStrategy):
    """Statistics of the newest earlier span; without spans, of other data that was ingested last before.

    Data that validation blocked does not count: the next of its kind would be compared with it, and pass. Of several
    runs over the same data the last one decides; where no run did, what a command found that only looks at data.

    `current` are this run's statistics, `previous` all of the pipeline's. A run that is repeated compares with the same
    as before, so its result can be reused.
    """

    def resolve_artifacts(
        self, store: metadata_store.MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]] | None:
        """Keeps one of `previous`, or none where there is none."""
        [current] = input_dict["current"]
        span = current.span or 0
        data = _data_of(store, [one.id for one in (current, *input_dict["previous"])])
        if span:
            earlier = [one for one in input_dict["previous"] if (one.span or 0) < span]
        else:
            before = [one for one in input_dict["previous"] if one.id < current.id]
            earlier = [one for one in before if data[one.id] != data[current.id]]
        baselines = _baselines(store, {one.id: data[one.id] for one in earlier})
        counting = [one for one in earlier if data[one.id] in baselines]
        return {"current": [current], "previous": sorted(counting, key=lambda one: (one.span or 0, one.id))[-1:]}


def _data_of(store: metadata_store.MetadataStore, statistics: Sequence[int]) -> dict[int, str]:
    """What tells the data apart that some statistics, by id, are of: the fingerprint of its files, which several have.

    `darkroom data` and a run ingest the same files under different options.
    """
    made = {
        event.artifact_id: event.execution_id
        for event in store.get_events_by_artifact_ids(statistics)
        # What a Resolver chose counts as its output, too, under other keys.
        if event_lib.is_valid_output_event(event, "statistics")
    }
    examples = {
        event.execution_id: event.artifact_id
        for event in _events_of(store, made.values())
        if event_lib.is_valid_input_event(event, "examples")
    }
    properties = _properties(store, examples.values(), FINGERPRINT_PROPERTY_NAME)
    found = {number: properties.get(examples.get(made.get(number, 0), 0)) for number in statistics}
    return {number: value.string_value if value is not None else str(number) for number, value in found.items()}


def _baselines(store: metadata_store.MetadataStore, data: Mapping[int, str]) -> set[str]:
    """The data that later data may be compared with.

    Args:
        store: of the pipeline.
        data: what tells it apart, by the ids of statistics.
    """
    if not data:
        return set()
    read = {
        event.execution_id: data[event.artifact_id]
        for event in store.get_events_by_artifact_ids(list(data))
        if event_lib.is_valid_input_event(event, "statistics")
    }
    validations = [
        execution
        for execution in (store.get_executions_by_id(list(read)) if read else ())
        if execution.type == VALIDATOR_TYPE and execution.last_known_state in _DECIDED
    ]
    # What failed has none.
    results = {
        event.execution_id: event.artifact_id
        for event in _events_of(store, [execution.id for execution in validations])
        if event_lib.is_valid_output_event(event, "data_check")
    }
    properties = _properties(store, results.values(), BASELINE_PROPERTY)
    # Looks before runs, the earlier before the later: the last one stays.
    validations.sort(key=lambda execution: (execution.custom_properties[ENDS_RUN_KEY].int_value, execution.id))
    verdicts = {}
    for execution in validations:
        value = properties.get(results.get(execution.id, 0))
        verdicts[read[execution.id]] = value is not None and bool(value.int_value)
    return {name for name, is_baseline in verdicts.items() if is_baseline}


def _events_of(store: metadata_store.MetadataStore, executions: Iterable[int]) -> list[metadata_store_pb2.Event]:
    wanted = sorted(set(executions))
    found: list[metadata_store_pb2.Event] = store.get_events_by_execution_ids(wanted) if wanted else []
    return found


def _properties(
    store: metadata_store.MetadataStore, artifacts: Iterable[int], name: str
) -> dict[int, metadata_store_pb2.Value]:
    """A custom property of some artifacts, by id; those without it are left out."""
    wanted = sorted(set(artifacts))
    found = store.get_artifacts_by_id(wanted) if wanted else []
    return {one.id: one.custom_properties[name] for one in found if name in one.custom_properties}

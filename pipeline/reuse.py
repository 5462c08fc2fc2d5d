"""Results that a later run must not take from the cache."""

from __future__ import annotations

from ml_metadata.metadata_store import metadata_store
from tfx.types import Artifact

_PROPERTY = "reusable"
_NODE = "node"
_LOOKED_AT = 50


def mark_reusable(artifact: Artifact, *, reusable: bool) -> None:
    """Say of an output whether doing it again, with the same inputs, would end the same.

    TFX reuses whatever an execution that did not raise has written. What failed because the machine was busy would stay
    failed for as long as nothing else changes.
    """
    artifact.set_int_custom_property(_PROPERTY, int(reusable))


def ended_not_reusable(store: metadata_store.MetadataStore, pipeline_name: str, node_id: str) -> bool:
    """Whether the newest of a node's outputs that is marked at all is not reusable."""
    if not any(kind.name == _NODE for kind in store.get_context_types()):
        return False
    context = store.get_context_by_type_and_name(_NODE, f"{pipeline_name}.{node_id}")
    if context is None:
        return False
    newest_first = metadata_store.ListOptions(limit=_LOOKED_AT, order_by=metadata_store.OrderByField.ID, is_asc=False)
    outputs = store.get_artifacts_by_context(context.id, list_options=newest_first)
    marks = [one.custom_properties[_PROPERTY].int_value for one in outputs if _PROPERTY in one.custom_properties]
    return marks[:1] == [0]

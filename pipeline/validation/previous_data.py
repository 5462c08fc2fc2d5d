"""Which data a run's data is compared with: TFX's Resolver asks."""

from __future__ import annotations

from ml_metadata.metadata_store import metadata_store
from tfx.dsl.components.common import resolver
from tfx.types import Artifact


class PreviousData(resolver.ResolverStrategy):
    """Statistics of the newest earlier span; without spans, of what was ingested last before.

    `current` are this run's statistics, `previous` all of the pipeline's. A run that is repeated compares with the same
    as before, so its result can be reused.
    """

    def resolve_artifacts(
        self, store: metadata_store.MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]] | None:
        """Keeps one of `previous`, or none where there is none."""
        del store
        [current] = input_dict["current"]
        span = current.span or 0
        if span:
            earlier = [one for one in input_dict["previous"] if (one.span or 0) < span]
        else:
            earlier = [one for one in input_dict["previous"] if one.id < current.id]
        newest = sorted(earlier, key=lambda one: (one.span or 0, one.id))[-1:]
        return {"current": [current], "previous": newest}

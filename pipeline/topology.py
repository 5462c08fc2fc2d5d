"""Which component waits for which, told without importing TFX, which takes longer than a compilation may.

The pipeline itself is in `pipeline.pipeline`; a test holds this against what TFX makes of it.
"""

from __future__ import annotations

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.recipe_section import LATEST_BLESSED


def goes_on(config: DarkroomConfig) -> bool:
    """Whether training goes on from the latest blessed model."""
    recipe = config.training.recipe
    return recipe.name == "warm_start" and recipe.version == LATEST_BLESSED


def upstream_nodes(config: DarkroomConfig) -> dict[str, tuple[str, ...]]:
    """For each node of a pipeline those whose outputs it reads; no node comes before one that it waits for."""
    examples, baseline, trained = ("ImageExampleGen",), ("Baseline",) if goes_on(config) else (), ("Trainer",)
    tuner = ("Tuner",) if config.tuning.enabled else ()
    lite = ("LiteExport",) if config.export.lite is not None else ()
    # A curated schema is read from its file.
    inferred = ("StatisticsGen",) if config.data.validation.schema_file is None else ()
    nodes = {
        "Baseline": (),
        "ImageExampleGen": (),
        "StatisticsGen": examples,
        "SchemaGen": inferred,
        "ExampleValidator": ("StatisticsGen", "SchemaGen"),
        "PreviousData": ("StatisticsGen",),
        "DataValidator": ("StatisticsGen", "ExampleValidator", "PreviousData"),
        "Transform": (*examples, "SchemaGen", "DataValidator"),
        **dict.fromkeys(tuner, (*examples, "Transform", *baseline)),
        "Trainer": (*examples, "SchemaGen", "Transform", *baseline, *tuner),
        "Evaluator": (*examples, *trained, "Baseline"),
        **dict.fromkeys(lite, (*examples, *trained)),
        "ServingCheck": (*examples, *trained, "Evaluator"),
        "ModelPusher": (*trained, "Evaluator", *lite, "ServingCheck"),
    }
    return nodes

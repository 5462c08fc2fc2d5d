"""A search over tiny trainings, with its data where TFX would put it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from darkroom.configuration import DarkroomConfig
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.training.options import OPTIONS_KEY, TrainerOptions
from pipeline.tuning.options import TUNING_KEY, TUNING_ROOT_KEY
from pipeline.tuning.run import search_of
from pipeline.tuning.search import Search
from tests.pipeline.training.records import LABELS, write_split

_SIZES = {"train": 45, "eval": 12}


def write_examples(root: Path) -> Path:
    """An Examples artifact of two splits."""
    counts = {}
    for split, size in _SIZES.items():
        write_split(root / f"Split-{split}", size)
        counts[split] = {name: len(range(label, size, 3)) for label, name in enumerate(LABELS)}
    DatasetFacts(source="made", labels=LABELS, counts=counts, quarantined=0).write(str(root))
    return root


def made_search(examples: Path, root: Path, tuning: dict[str, Any], **training: Any) -> Search:
    """A search of a network that trains in a second or two."""
    config = DarkroomConfig.model_validate(
        {
            "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "symmetric"},
            "model": {"small_cnn": {"filters": [4], "dense_units": 8}},
            "training": {"epochs": 2, "batch_size": 16, "early_stopping": None, "learning_rate": 0.01} | training,
            "tuning": tuning,
        }
    )
    return search_of(
        SimpleNamespace(
            train_files=[f"{examples}/Split-train/*"],
            eval_files=[f"{examples}/Split-eval/*"],
            # Read only where the scaling needs statistics.
            transform_graph_path=str(root / "transform"),
            base_model=None,
            custom_config={
                OPTIONS_KEY: TrainerOptions.from_configuration(config, "0").model_dump_json(),
                TUNING_KEY: config.tuning.model_dump_json(exclude={"enabled"}),
                TUNING_ROOT_KEY: str(root / "tuning"),
            },
        )
    )

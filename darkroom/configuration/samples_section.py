"""`data.samples`: a job folder with `class_mapping.json`, `train_samples.json` and `val_samples.json`."""

from __future__ import annotations

from pydantic import Field

from darkroom.configuration.section import Section


class SamplesSection(Section):
    """Lists of `image_id` and `label`, beside a mapping of indices to class names."""

    folder: str = Field(
        description="The folder with class_mapping.json, train_samples.json, val_samples.json (for evaluation) and, if "
        "it is there, test_samples.json; without it the test split is drawn from the training samples."
    )
    images: str | None = Field(
        default=None, description="Where `image_id` paths start; the folder itself when not given."
    )

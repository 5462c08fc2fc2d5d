"""The LiteRT file as an artifact, and what is known of it."""

from __future__ import annotations

import tensorflow as tf
from pydantic import BaseModel, ConfigDict
from tfx.types.artifact import Artifact

from pipeline.artifact_files import LITE_FACTS_FILE, read_text, write_text

# In the artifact, and in `assets.extra/` of the pushed model.
LITE_FILE = "network.tflite"


class LiteModel(Artifact):
    """`network.tflite`, from pixels `[N, H, W, C]` to the prediction, where it passed; and its facts."""

    TYPE_NAME = "LiteModel"


class LiteFacts(BaseModel):
    """A LiteRT file and its evaluation.

    Attributes:
        quantization: of its weights, or of all.
        size_bytes: of the file; 0 where it could not be made.
        images: of the test split that it was evaluated on.
        metric: `accuracy`, or `mean_absolute_error` of a regression.
        value, network_value: the file's, and the network's on the same images.
        passed: whether it is pushed.
        sentence: what was required and measured, for people.
    """

    model_config = ConfigDict(frozen=True)

    quantization: str
    size_bytes: int = 0
    images: int = 0
    metric: str
    value: float | None = None
    network_value: float | None = None
    passed: bool
    sentence: str

    def write(self, uri: str) -> None:
        """Writes them into the artifact."""
        tf.io.gfile.makedirs(uri)
        write_text(f"{uri}/{LITE_FACTS_FILE}", self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, uri: str) -> LiteFacts:
        """Reads those of an artifact."""
        return cls.model_validate_json(read_text(f"{uri}/{LITE_FACTS_FILE}"))

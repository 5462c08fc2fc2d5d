"""`data.tfrecords`: TFRecord files of tf.Examples."""

from __future__ import annotations

from pydantic import Field

from darkroom.configuration.section import Section


class TfRecordKeys(Section):
    """Which feature of an example is what; the defaults are the ImageNet TFRecords' keys."""

    image: str = Field(default="image/encoded", description="The encoded image, bytes.")
    label: str = Field(
        default="image/class/label",
        description="The class, an integer: its place in `data.classes`, or a name of its own without them.",
    )
    text: str = Field(
        default="image/class/text", description="The class name, bytes; where it is there, `label` is not read."
    )
    target: str = Field(default="image/target", description="A regression's number, float or integer.")
    filename: str = Field(
        default="image/filename", description="What reports call the image, bytes; need not be there."
    )


class TfRecordsSection(Section):
    """TFRecord files, plain or gzipped, that carry encoded images with labels or targets."""

    pattern: str = Field(
        description="The files, with wildcards: `records/train-*`. Relative to darkroom.yaml, or absolute, or a URL."
    )
    keys: TfRecordKeys = Field(default_factory=TfRecordKeys, description="Other names of the examples' features.")
    first_label: int = Field(
        default=0, description="The integer of the first class: 1 where 0 stands for the background, as in ImageNet's."
    )
    extra: tuple[str, ...] = Field(
        default=(), description="Further features that are kept with each example, as `image/extra/<key>`."
    )

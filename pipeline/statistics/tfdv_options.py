"""How TFDV looks at image examples."""

from __future__ import annotations

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from darkroom.task import Task
from pipeline import features


def statistics_options(task: Task) -> tfdv.StatsOptions:
    """Options that tell TFDV which feature is an encoded image, and that class ids are no amounts.

    Without this it would count distinct values of the image bytes, and so hold every image of the set in memory.
    """
    schema = schema_pb2.Schema()
    encoded = schema.feature.add(name=features.ENCODED, type=schema_pb2.BYTES)
    encoded.image_domain.SetInParent()
    if task is not Task.REGRESSION:
        label = schema.feature.add(name=features.LABEL, type=schema_pb2.INT)
        label.int_domain.is_categorical = True
    return tfdv.StatsOptions(schema=schema)

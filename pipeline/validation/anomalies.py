"""TFDV's anomalies as sentences."""

from __future__ import annotations

import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import Artifact, artifact_utils


def read_anomalies(artifact: Artifact) -> list[str]:
    """What ExampleValidator found in each split, one sentence each."""
    found = []
    for split in artifact_utils.decode_split_names(artifact.split_names):
        uri = artifact_utils.get_split_uri([artifact], split)
        with tf.io.gfile.GFile(f"{uri}/SchemaDiff.pb", "rb") as file:
            anomalies = anomalies_pb2.Anomalies.FromString(file.read())
        found += [f"{split}: {name}: {info.description}" for name, info in sorted(anomalies.anomaly_info.items())]
        if anomalies.HasField("dataset_anomaly_info"):
            found.append(f"{split}: {anomalies.dataset_anomaly_info.description}")
    return found

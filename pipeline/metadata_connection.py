"""Where runs are recorded."""

from __future__ import annotations

import os

from ml_metadata.proto import metadata_store_pb2

from darkroom.configuration import DarkroomConfig


def metadata_connection(config: DarkroomConfig) -> metadata_store_pb2.ConnectionConfig:
    """The ML Metadata store of a configuration; it and its folder are made with the first run."""
    path = os.path.join(config.pipeline_root, "metadata.sqlite")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = path
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return connection

"""Where runs are recorded."""

from __future__ import annotations

import os

from ml_metadata.proto import metadata_store_pb2

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.metadata_section import MetadataSection


def metadata_connection(config: DarkroomConfig) -> metadata_store_pb2.ConnectionConfig:
    """The ML Metadata store of a configuration: its database, or else SQLite, made with its folder by the first run."""
    connection = metadata_store_pb2.ConnectionConfig()
    if config.pipeline.metadata is not None:
        _fill_in(connection.mysql, config, config.pipeline.metadata)
        return connection
    path = os.path.join(config.pipeline_root, "metadata.sqlite")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    connection.sqlite.filename_uri = path
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return connection


def _fill_in(
    database: metadata_store_pb2.MySQLDatabaseConfig, config: DarkroomConfig, section: MetadataSection
) -> None:
    database.host = section.host
    database.port = section.port
    database.database = section.database
    database.user = section.user
    database.password = os.environ.get(section.password_variable, "")
    if section.ca_file is not None:
        database.ssl_options.ca = config.resolve(section.ca_file)
        database.ssl_options.verify_server_cert = True

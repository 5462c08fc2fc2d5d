"""Where runs are recorded."""

from __future__ import annotations

import os

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.metadata_section import MetadataSection
from darkroom.errors import DarkroomError


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


def open_store(connection: metadata_store_pb2.ConnectionConfig) -> metadata_store.MetadataStore:
    """The store of a connection; its tables are made where they are missing.

    Raises:
        DarkroomError: there is no such database, or it lets nobody in; ML Metadata does not say which.
    """
    try:
        return metadata_store.MetadataStore(connection)
    except RuntimeError as error:
        if not connection.HasField("mysql"):
            raise
        place = f"{connection.mysql.database} at {connection.mysql.host}:{connection.mysql.port}"
        raise DarkroomError(
            f"pipeline.metadata: the database {place} cannot be opened as {connection.mysql.user}. Is it there, is the "
            "password in the environment (password_variable), and is the user's one of mysql_native_password? ML "
            "Metadata speaks no other"
        ) from error


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

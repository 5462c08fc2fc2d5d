"""`tensorflow_model_server`'s flags, put together into settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from darkroom.errors import ConfigurationError
from serving.model_server.batching.settings import BatchingSettings, read_batching_settings
from serving.model_server.model_config import read_model_config
from serving.model_server.repository import resolve_name
from serving.model_server.settings import METRICS_PATH, ModelServerSettings, ModelSettings
from serving.model_server.text_proto import MonitoringConfig, read_text_proto
from serving.model_server.tls import read_tls_settings
from serving.model_server.tracing.settings import TracingSettings

# TF Serving's name of the threads when no parameters file names them.
_THREAD_POOL_NAME = "model_server_batch_threads"


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags by their names; those of `ModelServerSettings` that no flag of TF Serving gives are at the end."""

    port: int | None
    rest_api_port: int | None
    rest_api_timeout_in_ms: int
    model_name: str | None
    model_base_path: Path | None
    model_config_file: Path | None
    model_config_file_poll_wait_seconds: float
    file_system_poll_wait_seconds: float
    monitoring_config_file: Path | None
    batching_parameters_file: Path | None
    enable_batching: bool
    allow_version_labels_for_unavailable_models: bool
    ssl_config_file: Path | None
    grpc_socket_path: Path | None
    grpc_channel_arguments: str
    enable_model_warmup: bool
    num_request_iterations_for_warmup: int
    tensorflow_intra_op_parallelism: int
    tensorflow_inter_op_parallelism: int
    host: str
    inference_threads: int
    drain_seconds: float
    tracing_otlp_endpoint: str | None
    tracing_sample_rate: float
    tracing_service_name: str

    def settings(self) -> ModelServerSettings:
        """What the server is to do; reads the files that the flags name.

        Raises:
            ConfigurationError: a file cannot be read, or flags contradict each other.
        """
        try:
            return ModelServerSettings(
                models=self._models(),
                host=self.host,
                port=self.port,
                rest_port=self.rest_api_port,
                grpc_socket_path=self.grpc_socket_path,
                grpc_channel_arguments=_channel_arguments(self.grpc_channel_arguments),
                tls=read_tls_settings(self.ssl_config_file) if self.ssl_config_file is not None else None,
                metrics_path=self._metrics_path(),
                poll_seconds=self.file_system_poll_wait_seconds,
                rest_timeout_seconds=self.rest_api_timeout_in_ms / 1000,
                intra_op_threads=self.tensorflow_intra_op_parallelism,
                inter_op_threads=self.tensorflow_inter_op_parallelism,
                enable_warmup=self.enable_model_warmup,
                warmup_iterations=max(1, self.num_request_iterations_for_warmup),
                drain_seconds=self.drain_seconds,
                batching=self._batching(),
                config_file=self.model_config_file,
                config_poll_seconds=self.model_config_file_poll_wait_seconds,
                allow_labels_for_unavailable=self.allow_version_labels_for_unavailable_models,
                tracing=self._tracing(),
                **({"inference_threads": self.inference_threads} if self.inference_threads else {}),
            )
        except ValueError as error:
            raise ConfigurationError(str(error)) from error

    def _models(self) -> tuple[ModelSettings, ...]:
        # As in TF Serving, the name and path of a single model are ignored when there is a file.
        if self.model_config_file is not None:
            return read_model_config(self.model_config_file)
        if self.model_base_path is None:
            raise ConfigurationError("Nothing says what to serve: give --model_base_path or --model_config_file")
        base_path = self.model_base_path.absolute()
        return (ModelSettings(resolve_name(base_path, self.model_name), base_path),)

    def _batching(self) -> BatchingSettings | None:
        if not self.enable_batching:
            if self.batching_parameters_file is not None:
                raise ConfigurationError("--batching_parameters_file is set without --enable_batching")
            return None
        if self.batching_parameters_file is None:
            return BatchingSettings(thread_pool_name=_THREAD_POOL_NAME)
        return read_batching_settings(self.batching_parameters_file)

    def _tracing(self) -> TracingSettings | None:
        if self.tracing_otlp_endpoint is None:
            return None
        return TracingSettings(self.tracing_otlp_endpoint, self.tracing_sample_rate, self.tracing_service_name)

    def _metrics_path(self) -> str | None:
        if self.monitoring_config_file is None:
            return METRICS_PATH
        prometheus = read_text_proto(self.monitoring_config_file, MonitoringConfig).prometheus_config
        return (prometheus.path or METRICS_PATH) if prometheus.enable else None


def _channel_arguments(text: str) -> dict[str, int | str]:
    """`key=value,key=value`; values that are whole numbers become numbers."""
    found: dict[str, int | str] = {}
    for pair in text.split(",") if text else ():
        key, equals, value = pair.strip().partition("=")
        if not equals or not key:
            raise ConfigurationError(f"--grpc_channel_arguments has {pair!r} where KEY=VALUE is wanted")
        try:
            found[key] = int(value)
        except ValueError:
            found[key] = value
    return found

"""The tf.distribute strategy that a configuration names."""

from __future__ import annotations

import socket
import urllib.parse

import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context

from darkroom.configuration.distribution_section import DistributionSection
from darkroom.errors import ConfigurationError
from pipeline.distribution.cluster import Cluster, cluster_from_environment

_MILLISECONDS = 1000

_TPU_PORT = 8470
_KNOCK_SECONDS = 20


def make_strategy(section: DistributionSection) -> tf.distribute.Strategy:
    """The strategy, ready for `scope()`.

    `multi_worker` must come before anything else that TensorFlow computes in this process (TensorFlow's own rule), and
    takes its place among the workers from TF_CONFIG.

    Raises:
        ConfigurationError: this machine has not what the configuration names.
    """
    if section.strategy == "mirrored":
        return _several_replicas(tf.distribute.MirroredStrategy(_mirrored_devices(section)))
    if section.strategy == "multi_worker":
        return _several_replicas(_multi_worker(section))
    if section.strategy == "tpu":
        return _tpu(section.tpu or "")
    return tf.distribute.get_strategy()


def _mirrored_devices(section: DistributionSection) -> list[str]:
    gpus = len(tf.config.list_physical_devices("GPU"))
    if section.virtual_devices is not None:
        return _split_cpu(section.virtual_devices)
    if section.gpus is not None:
        absent = [number for number in section.gpus if number >= gpus]
        if absent:
            raise ConfigurationError(
                f"training.distribution.gpus names GPU {absent[0]}, but TensorFlow sees {gpus} GPUs here"
                + (f", 0 to {gpus - 1}" if gpus else "")
            )
        return [f"GPU:{number}" for number in section.gpus]
    # Without a GPU MirroredStrategy trains on the one CPU; the same configuration works on a laptop.
    return [f"GPU:{number}" for number in range(gpus)] or ["CPU:0"]


def _split_cpu(count: int) -> list[str]:
    [cpu, *_] = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        if len(tf.config.list_logical_devices("CPU")) < count:
            raise ConfigurationError(
                f"training.distribution.virtual_devices: the CPU can be split in {count} devices only before "
                "TensorFlow first computes in a process, and it has computed in this one"
            ) from error
    return [f"CPU:{number}" for number in range(count)]


def _multi_worker(section: DistributionSection) -> tf.distribute.Strategy:
    cluster = cluster_from_environment()
    if cluster is None:
        raise ConfigurationError(
            "training.distribution.strategy is multi_worker, but no TF_CONFIG in the environment names the workers"
        )
    _watch_peers(cluster, section)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({job: list(addresses) for job, addresses in cluster.jobs.items()}),
        task_type=cluster.job,
        task_id=cluster.index,
        num_accelerators={"GPU": len(tf.config.get_visible_devices("GPU"))},
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except RuntimeError as error:
        raise ConfigurationError(
            f"strategy multi_worker must be made before TensorFlow first computes in a process: {error}"
        ) from error


def _watch_peers(cluster: Cluster, section: DistributionSection) -> None:
    """Bounds how long workers wait for one that is late, silent or gone; TensorFlow waits an hour for a late one."""
    leader = f"/job:{next(iter(cluster.jobs))}/replica:0/task:0"
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=leader,
        cluster_register_timeout_in_ms=section.start_seconds * _MILLISECONDS,
        heartbeat_timeout_in_ms=section.heartbeat_seconds * _MILLISECONDS,
        shutdown_barrier_timeout_in_ms=section.heartbeat_seconds * _MILLISECONDS,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name=job, num_tasks=len(addresses))
            for job, addresses in cluster.jobs.items()
        ],
    )


def _tpu(address: str) -> tf.distribute.Strategy:
    try:
        if address.startswith("grpc://"):
            _knock(address)
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address)
        if address != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        # What follows its first line is for TensorFlow's own developers.
        why = next(iter(str(error).splitlines()), "")
        raise ConfigurationError(
            f"training.distribution.tpu: there is no TPU at {address!r} that TensorFlow can reach: "
            f"{type(error).__name__}: {why}"
        ) from error


def _knock(address: str) -> None:
    """Raises OSError when nobody listens: TensorFlow itself would wait for a TPU without end."""
    where = urllib.parse.urlsplit(address)
    with socket.create_connection((where.hostname or "", where.port or _TPU_PORT), timeout=_KNOCK_SECONDS):
        pass


def _several_replicas(strategy: tf.distribute.Strategy) -> tf.distribute.Strategy:
    # Shares have the same number of batches on every worker; asking all of them before each step whether one has run
    # out would cost an exchange.
    strategy.extended.experimental_enable_get_next_as_optional = False
    return strategy

"""Strategies by configuration, and what is said where the hardware is not there."""

import pytest
import tensorflow as tf
from pydantic import ValidationError

from darkroom.configuration.distribution_section import DistributionSection
from darkroom.errors import ConfigurationError
from pipeline.distribution.strategy import make_strategy


def strategy(**options):
    return make_strategy(DistributionSection(**options))


def test_one_device_is_tensorflows_default():
    assert strategy() is tf.distribute.get_strategy()


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="this machine has GPUs")
def test_mirrored_trains_on_the_cpu_where_there_is_no_gpu():
    made = strategy(strategy="mirrored")
    assert isinstance(made, tf.distribute.MirroredStrategy)
    assert made.num_replicas_in_sync == 1


def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match=r"gpus names GPU 63, but TensorFlow sees \d+ GPUs"):
        strategy(strategy="mirrored", gpus=(63,))


def test_a_cpu_is_not_split_once_tensorflow_computes():
    assert tf.constant(1).numpy() == 1
    with pytest.raises(ConfigurationError, match="before TensorFlow first computes"):
        strategy(strategy="mirrored", virtual_devices=3)


def test_several_workers_need_a_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ConfigurationError, match="no TF_CONFIG in the environment"):
        strategy(strategy="multi_worker")


@pytest.mark.parametrize("address", ["local", "grpc://127.0.0.1:9"])
@pytest.mark.slow
def test_a_tpu_that_is_not_there_is_named(address):
    with pytest.raises(ConfigurationError, match=f"there is no TPU at '{address}'"):
        strategy(strategy="tpu", tpu=address)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 2}, "workers is for strategy multi_worker, but strategy is one_device"),
        ({"strategy": "mirrored", "tpu": "local"}, "tpu is for strategy tpu"),
        ({"strategy": "tpu"}, "strategy tpu needs tpu"),
        ({"strategy": "mirrored", "gpus": (0, 0)}, "each GPU once"),
        ({"strategy": "mirrored", "gpus": ()}, "gpus is empty"),
        ({"strategy": "mirrored", "gpus": (0,), "virtual_devices": 2}, "exclude each other"),
    ],
)
def test_options_that_do_not_fit_together(options, message):
    with pytest.raises(ValidationError, match=message):
        DistributionSection(**options)

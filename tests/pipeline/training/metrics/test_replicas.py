"""Metrics of two replicas are those of all their images together."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]

# In a process of its own, since a CPU can be split only before TensorFlow computes.
MEASURE = """
import json
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

from darkroom.configuration.metrics_section import MetricOptionsSection
from darkroom.task import Task
from pipeline.training.metrics.outcomes import Outcomes
from pipeline.training.metrics.registry import REGISTRY, Measured, make_metrics

random = np.random.default_rng(0)
labels = random.integers(0, 2, 30)
scores = random.uniform(size=(30, 1)).astype(np.float32)
found = {}
for task in (Task.BINARY, Task.REGRESSION):
    names = [name for name, kind in REGISTRY.items() if task in kind.tasks and name != "score"]
    measured = Measured(task, Outcomes(2), MetricOptionsSection(cost_matrix=((0, -1), (-2, 3)), lift_share=0.5))
    alone = make_metrics(names, measured)
    with strategy.scope():
        shared = make_metrics(names, measured)
    for start, middle, end in ((0, 7, 10), (10, 18, 25), (25, 26, 30)):
        parts = [(labels[start:middle], scores[start:middle]), (labels[middle:end], scores[middle:end])]
        for metric in alone:
            metric.update_state(labels[start:end], scores[start:end])

        @tf.function(autograph=False)
        def step(first, second):
            for metric in shared:
                metric.update_state(first, second)

        def of_replica(place):
            return strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(parts[context.replica_id_in_sync_group][place])
            )

        strategy.run(step, args=(of_replica(0), of_replica(1)))
    with strategy.scope():
        found |= {one.name: (float(one.result()), float(other.result())) for one, other in zip(alone, shared)}
print(json.dumps(found))
"""


@pytest.mark.slow
def test_replicas_add_up():
    done = subprocess.run(
        (sys.executable, "-c", MEASURE), capture_output=True, text=True, check=False, cwd=ROOT, timeout=200
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 16
    for name, (alone, shared) in found.items():
        assert shared == pytest.approx(alone, rel=1e-5), name

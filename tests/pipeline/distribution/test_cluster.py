"""TF_CONFIG, as TensorFlow and Kubeflow write it."""

import json

import pytest

from darkroom.errors import ConfigurationError
from pipeline.distribution.cluster import Cluster, cluster_from_environment, local_clusters

# What Kubeflow's training operator sets for a TFJob with a chief and two workers.
KUBEFLOW = {
    "cluster": {
        "chief": ["job-chief-0.ns.svc:2222"],
        "worker": ["job-worker-0.ns.svc:2222", "job-worker-1.ns.svc:2222"],
    },
    "task": {"type": "worker", "index": 1},
    "environment": "cloud",
}


def read(document):
    return cluster_from_environment({"TF_CONFIG": document if isinstance(document, str) else json.dumps(document)})


def test_kubeflows_cluster():
    cluster = read(KUBEFLOW)
    assert (cluster.size, cluster.number, cluster.is_chief) == (3, 2, False)
    assert read(KUBEFLOW | {"task": {"type": "chief", "index": 0}}).is_chief


def test_the_first_worker_is_chief_where_none_is_named():
    cluster = {"worker": ["a:1", "b:1"]}
    assert read({"cluster": cluster, "task": {"type": "worker", "index": 0}}).is_chief
    assert not read({"cluster": cluster, "task": {"type": "worker", "index": 1}}).is_chief


def test_a_master_is_a_chief():
    cluster = read({"cluster": {"worker": ["b:1"], "master": ["a:1"]}, "task": {"type": "master", "index": 0}})
    assert (cluster.job, cluster.number, cluster.addresses) == ("chief", 0, ("a:1", "b:1"))


def test_no_tf_config_is_no_cluster():
    assert cluster_from_environment({}) is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "TF_CONFIG cannot be read"),
        ({"cluster": {"worker": ["a:1"]}}, "KeyError: 'task'"),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}, "worker 1, but its cluster has 1"),
        ({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}, "'ps'"),
    ],
)
def test_what_cannot_be_used_is_named(document, message):
    with pytest.raises(ConfigurationError, match=message):
        read(document)


def test_local_workers_have_ports_of_their_own():
    clusters = local_clusters(3)
    assert [cluster.number for cluster in clusters] == [0, 1, 2]
    assert len(set(clusters[0].addresses)) == 3
    assert all(cluster.addresses == clusters[0].addresses for cluster in clusters)


def test_a_cluster_survives_the_environment():
    cluster = Cluster({"chief": ("a:1",), "worker": ("b:1", "c:1")}, "worker", 1)
    assert cluster_from_environment({"TF_CONFIG": cluster.to_tf_config()}) == cluster

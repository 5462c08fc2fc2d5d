"""TF_CONFIG out of what the pods of an Indexed Job know."""

import json

import pytest

from darkroom.errors import ConfigurationError
from pipeline.distribution.indexed_job import tf_config_of

ADDRESSES = {"DARKROOM_WORKER_ADDRESSES": "job-node-0-0.job:2222,job-node-0-1.job:2222"}


def test_each_pod_has_its_place():
    config = json.loads(tf_config_of(ADDRESSES | {"JOB_COMPLETION_INDEX": "1"}))
    assert config["cluster"] == {"worker": ["job-node-0-0.job:2222", "job-node-0-1.job:2222"]}
    assert config["task"] == {"type": "worker", "index": 1}


def test_what_an_operator_has_set_stays():
    assert tf_config_of(ADDRESSES | {"TF_CONFIG": "{}", "JOB_COMPLETION_INDEX": "1"}) is None
    assert tf_config_of({}) is None


@pytest.mark.parametrize("index", ["", "2", "-1", "first"])
def test_a_number_that_is_no_workers_is_refused(index):
    with pytest.raises(ConfigurationError, match="names 2 workers"):
        tf_config_of(ADDRESSES | {"JOB_COMPLETION_INDEX": index})

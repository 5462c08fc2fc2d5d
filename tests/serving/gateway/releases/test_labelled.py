"""Releases that name labels of the repository's versions."""

import pytest

from darkroom.errors import ConfigurationError
from serving.gateway.releases.labelled import labelled_releases
from serving.gateway.releases.settings import ReleaseSettings

CANARY = {"target": "canary", "weight": 0.1}


def test_without_releases_stable_answers_if_there_is_one():
    assert labelled_releases(None, {}) is None
    assert labelled_releases(None, {"stable": 4, "canary": 5}) == ReleaseSettings(stable=4)


def test_labels_become_versions():
    settings = ReleaseSettings(stable="stable", canary=CANARY, shadow={"target": 9})
    found = labelled_releases(settings, {"stable": 4, "canary": 5})
    assert found == ReleaseSettings(stable=4, canary={"target": 5, "weight": 0.1}, shadow={"target": 9})


def test_a_canary_whose_label_nothing_has_is_left_out():
    assert labelled_releases(ReleaseSettings(stable=4, canary=CANARY), {}) == ReleaseSettings(stable=4)


def test_stable_must_have_its_label():
    with pytest.raises(ConfigurationError, match="'stable', which no version"):
        labelled_releases(ReleaseSettings(stable="stable"), {"canary": 5})

import pytest
from pydantic import ValidationError

from serving.gateway.releases.settings import CanarySettings, ReleaseSettings, StopSettings


def test_versions_and_labels():
    settings = ReleaseSettings(stable="stable", canary={"target": 4, "weight": 0.05}, shadow={"target": 5})

    assert settings.targets() == ("stable", 4, 5)
    assert settings.canary.stop == StopSettings()


def test_the_header_is_found_in_whatever_case_it_is_written():
    assert ReleaseSettings(stable=1, sticky_header="X-Client-Id").sticky_header == "x-client-id"


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"stable": 0}, "stable"),
        ({"stable": "3"}, "stable"),
        ({"stable": True}, "stable"),
        ({"stable": 1.5}, "stable"),
        ({"stable": 2**63}, "stable"),
        ({"stable": "a/b"}, "stable"),
        ({"stable": ""}, "stable"),
        ({"canary": {"target": 2, "weight": 0.5}}, "stable"),
        ({"stable": 1, "canary": {"target": 2, "weight": 5}}, "weight"),
        ({"stable": 1, "canary": {"target": 2}}, "weight"),
        ({"stable": 1, "canary": {"target": 1, "weight": 0.1}}, "canary.target and stable are both 1"),
        ({"stable": 1, "shadow": {"target": 1}}, "shadow.target and stable are both 1"),
        ({"stable": 1, "shadow": {"target": 2, "max_in_flight": 0}}, "max_in_flight"),
        ({"stable": 1, "sticky_header": "client id"}, "header's name"),
        ({"stable": 1, "sticky_header": "client-bin"}, "header's name"),
        ({"stable": 1, "cannary": None}, "cannary"),
        (
            {"stable": 1, "canary": {"target": 2, "weight": 0.1, "stop": {"latency": "p99", "min_requests": 50}}},
            "a p99 needs min_requests of at least 100",
        ),
    ],
)
def test_what_can_not_be_meant_is_refused(wrong, where):
    with pytest.raises(ValidationError, match=where):
        ReleaseSettings(**wrong)


def test_a_canary_without_limits():
    assert CanarySettings(target=2, weight=0.1, stop=None).stop is None

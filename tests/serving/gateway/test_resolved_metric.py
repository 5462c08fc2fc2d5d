from prometheus_client import CollectorRegistry, Counter

from serving.gateway.resolved_metric import Resolved


def counted():
    registry = CollectorRegistry()
    return registry, Resolved(Counter("asked_total", "Asked.", ("server", "code"), registry=registry))


def test_the_same_labels_are_the_same_series():
    registry, metric = counted()
    metric.labels("a", "OK").inc()
    metric.labels("a", "OK").inc()
    metric.labels("a", "NOT_FOUND").inc()

    assert registry.get_sample_value("asked_total", {"server": "a", "code": "OK"}) == 2
    assert registry.get_sample_value("asked_total", {"server": "a", "code": "NOT_FOUND"}) == 1


def test_removed_series_begin_anew_and_are_seen():
    registry, metric = counted()
    metric.labels("a", "OK").inc(5)
    metric.labels("b", "OK").inc()
    metric.remove("server", "a")
    metric.labels("b", "OK").inc()
    gone = registry.get_sample_value("asked_total", {"server": "a", "code": "OK"})
    metric.labels("a", "OK").inc()

    assert gone is None
    assert registry.get_sample_value("asked_total", {"server": "a", "code": "OK"}) == 1
    assert registry.get_sample_value("asked_total", {"server": "b", "code": "OK"}) == 2

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.model_server.metrics import Counter, Histogram

PATH = "/monitoring/prometheus/metrics"


def samples(text: str) -> dict[str, float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    return found


def test_requests_are_counted_under_tf_servings_names(server):
    ok = ':tensorflow:serving:request_count{model_name="half_plus_two",status="OK"}'
    bad = ':tensorflow:serving:request_count{model_name="half_plus_two",status="INVALID_ARGUMENT"}'
    latency = ':tensorflow:serving:request_latency_count{model_name="half_plus_two",API="Predict",entrypoint="REST"}'
    runtime = ':tensorflow:serving:runtime_latency_count{model_name="half_plus_two",API="Predict",runtime="TF1"}'
    before = samples(server.http.get(PATH).text)
    server.http.post("/v1/models/half_plus_two:predict", json={"instances": [1.0]})
    server.http.post("/v1/models/half_plus_two:predict", json={"instances": ["a"]})
    after = samples(server.http.get(PATH).text)
    grown = {name: after[name] - before.get(name, 0) for name in (ok, bad, latency, runtime)}
    assert grown == {ok: 1, bad: 1, latency: 2, runtime: 1}


def test_the_page_is_prometheus_text(server):
    answer = server.http.get(PATH)
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family.type for family in text_string_to_metric_families(answer.text)}
    assert families[":tensorflow:serving:request_latency"] == "histogram"
    assert "# TYPE :tensorflow:serving:request_count counter" in answer.text


def test_buckets_have_tf_servings_limits():
    histogram = Histogram("/tensorflow/serving/request_latency", ("model_name",))
    histogram.observe(100.0, "m")
    lines = list(histogram.lines())
    limits = [re.search(r'le="([^"]*)"', line)[1] for line in lines if "_bucket" in line]
    assert limits[:7] == ["10", "18", "32.4", "58.32", "104.976", "188.957", "340.122"]
    assert limits[-1] == "+Inf"
    assert len(limits) == 34
    assert ':tensorflow:serving:request_latency_bucket{model_name="m",le="58.32"} 0' in lines
    assert ':tensorflow:serving:request_latency_bucket{model_name="m",le="104.976"} 1' in lines
    assert ':tensorflow:serving:request_latency_sum{model_name="m"} 100' in lines


@pytest.mark.parametrize(("value", "text"), [('a"b', 'a\\"b'), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb")])
def test_label_values_are_escaped(value, text):
    counter = Counter("/a", ("x",))
    counter.add(value)
    assert list(counter.lines()) == [f':a{{x="{text}"}} 1']


def test_invented_model_names_do_not_become_labels(server):
    server.http.post("/v1/models/invented-by-a-client:predict", json={"instances": [1.0]})
    assert "invented-by-a-client" not in server.http.get(PATH).text

"""Drift of a live gateway against a baseline that the model describes."""

import pytest

from preprocessing.images import ImageLimits, inspect_image
from preprocessing.population import Population
from preprocessing.population.pixel_facts import measure_pixels
from serving.gateway.drift.window import STEPS, PopulationWindow
from tests.serving.gateway.pictures import GREEN, RED, picture
from tests.serving.gateway.running import eventually, running_gateway
from tests.serving.gateway.test_metrics import samples, value

pytest_plugins = ("tests.serving.gateway.fixtures",)

# So many that the same looks the same; with fewer, chance and the smoothing of empty bins show.
ENOUGH = 30


def baseline_of(*images, label="cat", times=100):
    population = Population()
    for image in images * times:
        header = inspect_image(image, ImageLimits())
        population.add_image(header, len(image))
        population.add_pixels(measure_pixels(image, header))
        population.add_prediction(label, 0.75)
    return population.as_json()


def drifts(gateway, measure="psi"):
    return {
        dict(labels)["feature"]: number
        for (name, labels), number in samples(gateway).items()
        if name == f"darkroom_gateway_drift_{measure}"
    }


@pytest.fixture
def gateway(backend):
    backend.described = {"baseline": baseline_of(RED)}
    with running_gateway(backend.address, drift={"min_images": ENOUGH}) as running:
        yield running


def ask(gateway, image, times=ENOUGH):
    for _ in range(times):
        assert gateway.post(image).status_code == 200
    eventually(lambda: value(samples(gateway), "drift_baseline_images") == 100)


def test_images_like_the_baseline_do_not_drift(gateway):
    ask(gateway, RED)

    for found in (drifts(gateway), drifts(gateway, "jensen_shannon")):
        features = ("pixels", "aspect_ratio", "encoded_bytes", "format", "predicted_class", "confidence")
        assert max(found[feature] for feature in features) < 0.1
    assert value(samples(gateway), "drift_window_images", model="pets", version="1") == ENOUGH


def test_what_changed_is_what_drifts(gateway):
    ask(gateway, picture((250, 5, 5), "JPEG", size=(200, 20)))

    found = drifts(gateway)
    assert min(found[name] for name in ("pixels", "aspect_ratio", "format", "encoded_bytes")) > 0.25
    assert found["predicted_class"] < 0.1


def test_colours_and_brightness_drift_by_a_sample_of_the_images(backend):
    backend.described = {"baseline": baseline_of(RED)}
    with running_gateway(backend.address, drift={"min_images": 10, "decode_share": 1}) as gateway:

        def sampled():
            for _ in range(10):
                gateway.post(GREEN)
            return "green" in drifts(gateway)

        # How many are sampled depends on what else the machine does.
        eventually(sampled, 60)
        found = drifts(gateway)
        assert min(found[name] for name in ("red", "green", "brightness")) > 1
        assert found["blue"] < 0.25
        assert value(samples(gateway), "image_brightness_count") >= 10


def test_predictions_that_the_baseline_did_not_have_drift(backend):
    backend.described = {"baseline": baseline_of(RED, label="dog")}
    with running_gateway(backend.address, drift={"min_images": ENOUGH}) as gateway:
        ask(gateway, RED)

        assert drifts(gateway)["predicted_class"] > 0.25
        assert drifts(gateway, "jensen_shannon")["predicted_class"] > 0.5


def test_too_few_images_have_no_drift(gateway):
    ask(gateway, GREEN, times=ENOUGH - 1)

    assert "pixels" not in drifts(gateway)


@pytest.mark.parametrize("described", [{}, {"baseline": {"format_version": 99}}, {"baseline": "text"}])
def test_a_model_without_a_baseline_that_can_be_read_is_served_and_seen(backend, described):
    backend.described = described
    with running_gateway(backend.address, drift={"min_images": 1}) as gateway:
        assert gateway.post(RED).status_code == 200

        assert value(samples(gateway), "drift_window_images") == 1
        assert value(samples(gateway), "drift_baseline_images") == 0
        assert "pixels" not in drifts(gateway)


def test_each_version_has_its_own(gateway, backend):
    ask(gateway, RED)
    backend.version = 2
    gateway.post(GREEN)

    found = samples(gateway)
    assert value(found, "drift_window_images", version="1") == ENOUGH
    assert value(found, "drift_window_images", version="2") == 1


def test_drift_can_be_switched_off(backend):
    with running_gateway(backend.address, drift={"enabled": False}) as gateway:
        gateway.post(RED)

        assert "darkroom_gateway_drift" not in gateway.get("/metrics").text


def test_a_window_forgets_step_by_step():
    now = 0.0
    window = PopulationWindow(STEPS * 10.0, clock=lambda: now)
    header = inspect_image(RED, ImageLimits())
    seen = []
    for step in range(2 * STEPS):
        now = step * 10.0
        if step < STEPS:
            window.current().add_image(header, 1)
        seen.append(window.total().images)

    assert seen == [*range(1, STEPS + 1), *range(STEPS - 1, -1, -1)]

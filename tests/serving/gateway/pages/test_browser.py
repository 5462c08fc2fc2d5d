"""The pages in a real browser, in front of a real model."""

import pytest

from tests.serving.gateway.pictures import RED, picture
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

SHOWN = "!document.getElementById('answer').hidden && document.body.getAttribute('aria-busy') === null"
BARS = "[...document.querySelectorAll('#bars li')].map(li => li.innerText.replace(/\\s+/g, ' '))"
READY = "document.getElementById('state').textContent === 'ready'"


@pytest.fixture
def page(browser, served):
    browser.call("Page.setInterceptFileChooserDialog", enabled=False)
    browser.open(f"{served.url}/")
    browser.until(READY)
    yield browser
    assert browser.problems == []
    assert all(url.startswith((served.url, "blob:")) for url in browser.requests), browser.requests


@pytest.fixture
def files(tmp_path):
    for name, data in {
        "red.png": RED,
        "green.jpg": picture((5, 250, 5), "JPEG"),
        "text.png": b"not an image",
        "two.png": picture((250, 5, 5), size=(8, 8)),
    }.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_the_servers_state_is_shown(page):
    assert "version 1" in page.until("document.getElementById('server').innerText")
    assert "AVAILABLE" in page.text()
    assert "answered" in page.text()


def test_a_chosen_image_shows_bars_versions_and_both_pictures(page, files):
    page.choose("#file", files / "red.png")
    page.until(SHOWN)

    first, second = page.evaluate(BARS)
    assert (first.split()[0], second.split()[0]) == ("cat", "dog")
    assert float(first.split()[1]) > 90
    assert page.evaluate("document.querySelector('meter').value") > 0.9
    answered = page.evaluate("document.getElementById('answered').innerText")
    assert "pets" in answered
    assert "1-" in answered  # the preprocessing version
    assert page.evaluate("document.getElementById('original').naturalWidth") == 20
    assert "20 × 10" in page.text()


def test_the_picture_as_the_model_saw_it_is_painted(page, files):
    page.choose("#file", files / "green.jpg")
    page.until(SHOWN)

    canvas = "document.getElementById('seen')"
    assert page.evaluate(f"[{canvas}.width, {canvas}.height]") == [4, 4]
    red, green, blue, alpha = page.evaluate(f"[...{canvas}.getContext('2d').getImageData(1, 1, 1, 1).data]")
    assert green > 200
    assert max(red, blue) < 60
    assert alpha == 255
    assert page.evaluate("document.getElementById('seen-figure').hidden") is False


def test_a_dropped_image_is_predicted(page, files):
    page.drop(200, 150, files / "green.jpg")
    page.until(SHOWN)

    assert page.evaluate(BARS)[0].startswith("dog")


def test_it_works_by_keyboard(page, files):
    page.call("Page.setInterceptFileChooserDialog", enabled=True)
    for _ in range(10):
        page.press("Tab", 9)
        if page.evaluate("document.activeElement.id") == "drop":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.press("Enter", 13)
    chooser = page.next_event("Page.fileChooserOpened")
    page.call("DOM.setFileInputFiles", backendNodeId=chooser["backendNodeId"], files=[str(files / "red.png")])
    page.until(SHOWN)

    assert outline == "solid"
    assert page.evaluate(BARS)[0].startswith("cat")


def test_the_next_image_replaces_the_first(page, files):
    page.choose("#file", files / "red.png")
    page.until(f"{SHOWN} && {BARS}[0].startsWith('cat')")
    page.choose("#file", files / "green.jpg")
    page.until(f"{SHOWN} && {BARS}[0].startsWith('dog')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(page, scheme):
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    colors = page.evaluate(
        """(() => {
          const style = getComputedStyle(document.body);
          const faint = getComputedStyle(document.querySelector('.faint'));
          return [style.backgroundColor, style.color, faint.color].map(c => c.match(/\\d+/g).map(Number));
        })()"""
    )

    ground, *texts = (_luminance(color) for color in colors)
    assert (ground > 0.5) is (scheme == "light")
    for text in texts:  # WCAG 2.2, success criterion 1.4.3
        assert (max(ground, text) + 0.05) / (min(ground, text) + 0.05) >= 4.5


def _luminance(color):
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in color[:3])]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_narrow_screen_does_not_scroll_sideways(page, files):
    page.call("Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=1, mobile=True)
    try:
        page.choose("#file", files / "red.png")
        page.until(SHOWN)
        assert page.evaluate("document.documentElement.scrollWidth <= 320")
    finally:
        page.call("Emulation.clearDeviceMetricsOverride")


def test_the_documentation_shows_every_operation(browser, served):
    browser.open(f"{served.url}/docs")
    browser.until("document.getElementById('main') && !document.getElementById('main').hasAttribute('aria-busy')")

    shown = browser.evaluate("[...document.querySelectorAll('summary')].map(s => s.innerText)")
    document = served.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert any(text.startswith(f"{method.upper()}") and path in text for text in shown), path
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert "curl" in browser.text()
    assert browser.problems == []
    assert all(url.startswith(served.url) for url in browser.requests)


def test_a_refused_image_says_why(browser, served, files):
    browser.open(f"{served.url}/")
    browser.until(READY)
    browser.choose("#file", files / "text.png")

    said = browser.until("!document.getElementById('error').hidden && document.getElementById('error').innerText")
    assert "not an image" in said
    assert browser.evaluate("document.getElementById('answer').hidden") is True


def test_names_that_look_like_html_stay_text(browser, backend, files, monkeypatch):
    name = "<img src=x onerror=alert(1)>"
    monkeypatch.setattr("tests.serving.gateway.fake_backend.LABELS", (name, "dog"))
    with running_gateway(backend.address) as gateway:
        browser.open(f"{gateway.url}/")
        browser.until(READY)
        browser.choose("#file", files / "red.png")
        browser.until(SHOWN)

        assert browser.evaluate(BARS)[0].startswith(name)
        # The scripted model has no signature that would tell what it saw.
        assert "can't be shown" in browser.text()


def test_a_server_that_is_not_ready_says_so(browser, backend):
    backend.available = False
    with running_gateway(backend.address, wait_ready=False) as gateway:
        browser.open(f"{gateway.url}/")
        browser.until("document.getElementById('state').textContent === 'not ready'")

        assert "the model is not available" in browser.until("document.getElementById('server').innerText")


def test_releases_are_shown_with_who_gets_how_much(browser, backend):
    backend.loaded = {1, 2, 3}
    releases = {"stable": 1, "canary": {"target": 2, "weight": 0.05}, "shadow": {"target": 3, "share": 0.5}}
    with running_gateway(backend.address, releases=releases) as gateway:
        browser.open(f"{gateway.url}/")
        browser.until(READY)
        shown = browser.until(
            "document.getElementById('server').innerText.includes('shadow') && "
            "document.getElementById('server').innerText"
        ).replace("\n", " ")

    assert "stable version 1" in shown
    assert "canary version 2, 5 % of the requests" in shown
    assert "shadow version 3, 50 % of the requests" in shown

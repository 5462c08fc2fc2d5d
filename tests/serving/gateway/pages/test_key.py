"""The page in a real browser, in front of a gateway that wants an API key."""

import pytest

from serving.gateway.security.principal import Scope
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.security.secured import KeyFile, secured_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

READY = "document.getElementById('state').textContent === 'ready'"
ASKS = "!document.getElementById('access').hidden"
STATE = "document.getElementById('server').innerText"
ANSWERED = "!document.getElementById('answer').hidden && document.body.getAttribute('aria-busy') === null"


@pytest.fixture
def keys(tmp_path):
    return KeyFile(tmp_path / "keys.json")


def type_key(browser, key):
    browser.evaluate("document.getElementById('key').focus()")
    browser.call("Input.insertText", text=key)
    browser.press("Enter", 13)


def test_the_page_asks_for_a_key_and_sends_it_in_a_header_alone(browser, backend, keys, tmp_path):
    (tmp_path / "red.png").write_bytes(RED)
    key = keys.add("page", Scope.PREDICT, Scope.STATUS)
    with secured_gateway(backend.address, keys, authentication={"protect_metrics": True}) as gateway:
        browser.open(f"{gateway.url}/")
        browser.until(f"{READY} && {ASKS}")
        assert browser.evaluate("document.getElementById('key').type") == "password"
        browser.choose("#file", tmp_path / "red.png")
        assert "API key" in browser.until("document.getElementById('error').innerText")

        type_key(browser, f" {key} ")
        browser.until(f"{STATE}.includes('AVAILABLE') && {STATE}.includes('answered')")
        assert browser.evaluate(ASKS) is False
        browser.choose("#file", tmp_path / "red.png")
        browser.until(ANSWERED)
        assert "cat" in browser.text()

        # The tab goes on with it after a reload, and nothing shows it or holds it for longer.
        browser.call("Page.reload")
        browser.until(f"{READY} && {STATE}.includes('AVAILABLE')")
        assert browser.evaluate("localStorage.length + document.cookie.length") == 0
        assert key not in browser.evaluate("document.documentElement.outerHTML")
        assert all(key not in url for url in browser.requests)

        browser.evaluate("document.getElementById('forget').click()")
        browser.until(ASKS)
        assert browser.evaluate("sessionStorage.length") == 0


def test_a_wrong_key_and_one_without_the_scope_are_told_apart(browser, backend, keys, tmp_path):
    (tmp_path / "red.png").write_bytes(RED)
    predict_only = keys.add("predict-only", Scope.PREDICT)
    with secured_gateway(backend.address, keys) as gateway:
        browser.open(f"{gateway.url}/")
        browser.until(f"{READY} && {ASKS}")
        type_key(browser, "wrong")
        browser.until(f"{ASKS} && {STATE}.includes('not known')")
        type_key(browser, predict_only)
        browser.until(f"{STATE}.includes('needs the scope status')")
        assert browser.evaluate(ASKS) is False
        browser.choose("#file", tmp_path / "red.png")
        browser.until(ANSWERED)


def test_the_documentation_shows_scopes_and_a_key_in_its_examples(browser, backend, keys):
    keys.add("any")
    with secured_gateway(backend.address, keys) as gateway:
        browser.open(f"{gateway.url}/docs")
        browser.until("document.getElementById('main') && !document.getElementById('main').hasAttribute('aria-busy')")
        browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        shown = browser.text()

    assert "Needs the scope predict" in shown
    assert 'curl -H "Authorization: Bearer $DARKROOM_API_KEY" -H' in shown

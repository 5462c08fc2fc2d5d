"""Whatever the two headers hold, a caller is known or gets a denial."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import Code
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.security.authenticator import Authenticator, Credentials
from serving.gateway.security.errors import AccessError, Denial
from serving.gateway.security.settings import AuthenticationSettings
from tests.serving.gateway.security.issuer import AUDIENCE, ISSUER, Issuer
from tests.serving.gateway.security.secured import KeyFile


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    file, issuer = KeyFile(folder / "keys.json"), Issuer()
    jwt = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(issuer.write(folder / "jwks.json"))}
    found = AuthenticationSettings.model_validate({"api_keys_file": str(file.path), "jwt": jwt})
    key = file.add("k")
    return Authenticator(found, GatewayMetrics(max_classes=1)), key, issuer.token()


_LETTERS = st.text(st.characters(max_codepoint=255), max_size=60)
_SECRETS = st.one_of(_LETTERS, _LETTERS.map(lambda text: f"dkr_{text}"), st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*"))
_HEADERS = st.one_of(_LETTERS, _SECRETS.map(lambda text: f"Bearer {text}"))


@settings(max_examples=200, deadline=None)
@given(st.lists(_HEADERS, max_size=2), st.lists(_SECRETS, max_size=2))
def test_anything_gets_a_denial(known, authorization, api_key):
    with pytest.raises(AccessError) as failure:
        known[0].identify(Credentials(authorization, api_key))

    assert failure.value.code is Code.UNAUTHENTICATED
    assert failure.value.challenge.isascii()
    assert (failure.value.reason is Denial.MISSING) is (not authorization and not api_key)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_changed_key_or_token_is_another_one(known, data):
    authenticator, *secrets = known
    secret = data.draw(st.sampled_from(secrets))
    place = data.draw(st.integers(0, len(secret) - 2))  # a token's last letter has bits that mean nothing
    letter = data.draw(st.sampled_from("Aa0_-.~").filter(lambda letter: letter != secret[place]))

    with pytest.raises(AccessError):
        authenticator.identify(Credentials([f"Bearer {secret[:place]}{letter}{secret[place + 1 :]}"], []))


def test_the_same_key_in_both_headers_is_one(known):
    authenticator, key, token = known

    assert authenticator.identify(Credentials([f"Bearer {key}"], [key])).name == "k"
    assert authenticator.identify(Credentials([f"Bearer {token}"], [])).name == "alice"
    assert authenticator.identify(Credentials([f"Bearer {token}"] * 2, [])).name == "alice"

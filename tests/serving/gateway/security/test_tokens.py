"""JSON Web Tokens: what is accepted, and the well-known ways around it."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives import serialization

from darkroom.errors import ConfigurationError
from serving.errors import Code
from serving.gateway.security.errors import AccessError, Denial
from serving.gateway.security.principal import Scope
from serving.gateway.security.settings import JwtSettings
from serving.gateway.security.tokens import Tokens
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway
from tests.serving.gateway.security.issuer import AUDIENCE, ISSUER, Issuer
from tests.serving.gateway.security.secured import KeyFile, bearer

pytest_plugins = ("tests.serving.gateway.fixtures",)

NOW = int(time.time())


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture
def tokens(issuer, tmp_path):
    return make(issuer.write(tmp_path / "jwks.json"))


def make(path, **options):
    return Tokens(JwtSettings(issuer=ISSUER, audience=AUDIENCE, jwks_file=str(path), **options))


def refused(tokens, token):
    with pytest.raises(AccessError) as failure:
        tokens.identify(token)
    assert failure.value.code is Code.UNAUTHENTICATED
    return failure.value


def segment(value):
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).decode().strip("=")


def test_a_token_names_its_subject_and_scopes(issuer, tokens):
    found = tokens.identify(issuer.token(scope="openid predict status predictions"))

    assert (found.kind, found.name, found.scopes) == ("jwt", "alice", {Scope.PREDICT, Scope.STATUS})


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scp": ["predict"]}, {Scope.PREDICT}),
        ({"scp": "predict admin"}, {Scope.PREDICT, Scope.ADMIN}),
        ({"scope": "status", "scp": ["predict", 7, None]}, {Scope.STATUS, Scope.PREDICT}),
        ({}, set()),
        ({"scope": {"predict": True}}, set()),
        ({"scope": "PREDICT,status"}, set()),
    ],
)
def test_scopes_come_from_scope_or_scp(issuer, tokens, claims, scopes):
    assert tokens.identify(issuer.token(**{"scope": "", **claims})).scopes == scopes


def test_scopes_may_have_a_prefix(issuer, tmp_path):
    tokens = make(issuer.write(tmp_path / "jwks.json"), scope_prefix="darkroom:")

    assert tokens.identify(issuer.token(scope="predict darkroom:status")).scopes == {Scope.STATUS}


@pytest.mark.parametrize(("kind", "algorithm"), [("rsa", "RS256"), ("rsa", "PS384"), ("ec", "ES256"), ("ed", "EdDSA")])
def test_each_allowed_algorithm_is_verified_with_a_key_of_its_kind(issuer, tmp_path, kind, algorithm):
    tokens = make(issuer.write(tmp_path / "jwks.json"), algorithms=("RS256", "PS384", "ES256", "EdDSA"))

    assert tokens.identify(issuer.token(kind, algorithm)).name == "alice"


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"exp": NOW - 3600}, Denial.EXPIRED_TOKEN, "expired"),
        ({"exp": NOW - 31}, Denial.EXPIRED_TOKEN, "expired"),
        ({"without": ("exp",)}, Denial.INVALID_TOKEN, "no exp"),
        ({"exp": "soon"}, Denial.INVALID_TOKEN, "claims"),
        ({"nbf": NOW + 3600}, Denial.INVALID_TOKEN, "not valid yet"),
        ({"iss": "https://id.example/"}, Denial.INVALID_TOKEN, "another issuer"),
        ({"without": ("iss",)}, Denial.INVALID_TOKEN, "no iss"),
        ({"aud": "another"}, Denial.INVALID_TOKEN, "another audience"),
        ({"aud": ["another", "darkroom2"]}, Denial.INVALID_TOKEN, "another audience"),
        ({"without": ("aud",)}, Denial.INVALID_TOKEN, "no aud"),
        ({"without": ("sub",)}, Denial.INVALID_TOKEN, "no subject"),
        ({"headers": {"kid": "nobody"}}, Denial.INVALID_TOKEN, "no known key"),
        ({"headers": {"crit": ["b64"], "b64": True}}, Denial.INVALID_TOKEN, "not accepted"),
    ],
)
def test_other_tokens_are_refused(issuer, tokens, changes, reason, words):
    error = refused(tokens, issuer.token(**changes))

    assert (error.reason, words in error.message) == (reason, True), error.message


def test_clocks_may_differ_a_little(issuer, tokens):
    assert tokens.identify(issuer.token(exp=int(time.time()) - 5, nbf=int(time.time()) + 5)).name == "alice"


def test_a_list_of_audiences_may_have_more(issuer, tokens):
    assert tokens.identify(issuer.token(aud=["another", AUDIENCE])).name == "alice"


def test_another_issuers_signature_is_refused(tokens):
    assert "signature" in refused(tokens, Issuer().token()).message


def test_changed_claims_are_refused(issuer, tokens):
    header, claims, signature = issuer.token().split(".")
    found = json.loads(base64.urlsafe_b64decode(claims + "=="))

    assert "signature" in refused(tokens, f"{header}.{segment({**found, 'sub': 'eve'})}.{signature}").message


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, ["RS256"], "rs256"])
def test_no_algorithm_is_no_way_around_the_signature(issuer, tokens, name):
    _, claims, signature = issuer.token().split(".")
    for end in ("", signature):
        refused(tokens, f"{segment({'alg': name, 'kid': 'rsa'})}.{claims}.{end}")


def test_the_public_key_is_no_secret_of_a_hash(issuer, tokens):
    """HS256 with what everybody has, the public key in any of its forms."""
    public = issuer.keys["rsa"].public_key()
    forms = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        json.dumps(issuer.jwk("rsa")).encode(),
        b"",
    ]
    claims = issuer.token().split(".")[1]
    for secret in forms:
        for kid in ("rsa", None):
            signed = f"{segment({'alg': 'HS256', **({'kid': kid} if kid else {})})}.{claims}"
            signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            assert "algorithm" in refused(tokens, f"{signed}.{segment(signature)}").message


def test_a_key_that_the_token_brings_along_is_not_used(issuer, tokens):
    stranger = Issuer()
    for header in ({"jwk": stranger.jwk("rsa")}, {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example"}):
        refused(tokens, stranger.token(headers=header))


def test_an_algorithm_that_is_not_configured_is_refused(issuer, tokens):
    assert "algorithm" in refused(tokens, issuer.token("rsa", "RS512")).message


def test_a_key_is_for_the_algorithm_that_its_set_says(issuer, tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [issuer.jwk("rsa", alg="RS256"), issuer.jwk("ec")]}))
    tokens = make(path, algorithms=("RS256", "PS256", "ES256"))

    assert tokens.identify(issuer.token("rsa", "RS256")).name == "alice"
    assert "no known key" in refused(tokens, issuer.token("rsa", "PS256")).message
    # A signature of one kind under the key of another.
    assert "no known key" in refused(tokens, issuer.token("rsa", headers={"kid": "ec"})).message


def test_a_token_without_kid_needs_a_single_key_that_fits(issuer, tmp_path):
    path = tmp_path / "jwks.json"
    one = make(issuer.write(path, "rsa", "ec"))
    assert one.identify(issuer.token(headers={"kid": None})).name == "alice"
    path.write_text(json.dumps({"keys": [issuer.jwk("rsa"), Issuer().jwk("rsa", kid="second")]}))
    several = make(path)

    assert "several" in refused(several, issuer.token(headers={"kid": None})).message


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.b.c", "e30.e30.", "[" * 3000, f"{segment(b'[' * 4000)}.e30.e30", "x" * 9000, "\u00e4.\u00e4"],
    ids=["empty", "dot", "dots", "letters", "no-alg", "brackets", "nested", "long", "umlauts"],
)
def test_anything_else_is_refused_and_breaks_nothing(tokens, text):
    refused(tokens, text)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("nothing", "are not JSON"),
        ("[]", "Web Key Set"),
        ('{"keys": []}', "none that verifies"),
        ('{"keys": [7]}', "is not an object"),
        ('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "is a secret"),
        ('{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"}]}', "is a secret"),
        ('{"keys": [{"kty": "RSA", "n": "!"}]}', "can't be read"),
        ('{"keys": [{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}]}', "none that verifies"),
    ],
)
def test_a_wrong_key_set_is_named(tmp_path, document, words):
    path = tmp_path / "jwks.json"
    path.write_text(document)

    with pytest.raises(ConfigurationError, match=words):
        make(path)


def test_a_weak_key_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="fewer than 2048 bits"):
        make(Issuer(rsa_bits=1024).write(tmp_path / "jwks.json", "rsa"))


def test_two_keys_of_one_name_are_refused(issuer, tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [issuer.jwk("rsa"), Issuer().jwk("rsa")]}))

    with pytest.raises(ConfigurationError, match="two keys"):
        make(path)


def test_cryptography_is_loaded_only_where_tokens_are_used():
    code = "import sys, serving.gateway.server; print(sorted({'jwt', 'cryptography'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "[]\n"


def test_a_gateway_takes_tokens_and_keys_side_by_side_and_new_keys_of_the_issuer(backend, issuer, tmp_path):
    path, renewed = issuer.write(tmp_path / "jwks.json"), Issuer()
    file = KeyFile(tmp_path / "keys.json")
    key = file.add("k", Scope.PREDICT)
    authentication = {
        "api_keys_file": str(file.path),
        "jwt": {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(path)},
    }
    with running_gateway(backend.address, authentication=authentication, reload_seconds=0.05) as gateway:
        assert gateway.post(RED, **bearer(issuer.token())).status_code == 200
        assert gateway.post(RED, **bearer(key)).status_code == 200
        assert gateway.post(RED, x_api_key=issuer.token()).status_code == 401
        assert gateway.post(RED, **bearer(issuer.token(scope="status"))).status_code == 403
        assert gateway.post(RED, **bearer(issuer.token(exp=NOW - 600))).status_code == 401
        renewed.write(path)
        eventually(lambda: gateway.post(RED, **bearer(renewed.token())).status_code == 200)
        assert gateway.post(RED, **bearer(issuer.token())).status_code == 401
        path.write_text("{}")
        eventually(lambda: 'file="token keys",result="failed"} 1.0' in gateway.get("/metrics").text)
        assert gateway.post(RED, **bearer(renewed.token())).status_code == 200

"""Who may do what over REST."""

import json
import socket

import httpx
import pytest
from starlette.routing import Route

from serving.gateway.security.operations import METRICS_ROUTE, REST_ROUTES, UNLISTED, rest_operation
from serving.gateway.security.principal import Scope
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually
from tests.serving.gateway.security.secured import KeyFile, bearer, secured_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

OPEN = {"/", "/docs", "/openapi.json", "/livez", "/readyz", "/v2/health/live", "/v2/health/ready", METRICS_ROUTE}
PREDICTIONS = [
    ("POST", "/v1/models/pets:predict"),
    ("POST", "/v1/models/pets/versions/1:predict"),
    ("POST", "/v1/models/pets/labels/stable:predict"),
    ("POST", "/v1/models/pets:classify"),
    ("POST", "/v1/models/pets:regress"),
    ("POST", "/v2/models/pets/infer"),
    ("POST", "/v2/models/pets/versions/1/infer"),
]
STATUS = [
    ("GET", "/v1/models/pets"),
    ("GET", "/v1/models/pets/metadata"),
    ("GET", "/v1/models/pets/versions/1"),
    ("GET", "/releases"),
    ("GET", "/v2"),
    ("GET", "/v2/models/pets"),
    ("GET", "/v2/models/pets/ready"),
    ("GET", "/v2/models/pets/versions/1"),
]


def _routes(gateway):
    return [route for route in gateway.gateway.rest.routes if isinstance(route, Route)]


def test_every_route_is_listed_with_its_scope(gateway):
    paths = {route.path for route in _routes(gateway)}

    assert paths == REST_ROUTES.keys() | {METRICS_ROUTE}


def test_every_route_but_the_open_ones_wants_a_caller(gateway):
    with httpx.Client(base_url=gateway.url) as client:
        for route in _routes(gateway):
            path = route.path.replace("{path:path}", "pets")
            for method in sorted(route.methods):
                answer = client.request(method, path)
                is_open = route.path in OPEN or route.path.startswith("/static/")
                assert (answer.status_code == 401) is not is_open, (method, path, answer.status_code)


def test_a_route_that_is_not_listed_needs_admin():
    assert rest_operation("/new", "/new", protects_metrics=False) is UNLISTED
    assert UNLISTED.scope is Scope.ADMIN


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v2/models/infer", Scope.STATUS),
        ("/v2/models/m/versions/infer", Scope.STATUS),
        ("/v2/models/versions/infer", Scope.PREDICT),
        ("/v2/models/m/versions/infer/infer", Scope.PREDICT),
    ],
)
def test_a_name_that_looks_like_an_operation_is_none(path, scope):
    assert rest_operation("/v2/models/{path:path}", path, protects_metrics=False).scope is scope


@pytest.mark.parametrize(("allowed", "requests"), [(Scope.PREDICT, PREDICTIONS), (Scope.STATUS, STATUS)])
def test_a_scope_opens_its_own_requests_and_no_others(gateway, callers, allowed, requests):
    with httpx.Client(base_url=gateway.url, headers={"content-type": "image/png"}) as client:
        for scope, key in callers[1].items():
            for method, path in requests:
                content = RED if method == "POST" else None
                answer = client.request(method, path, content=content, headers=bearer(key))
                assert (answer.status_code == 403) is (scope is not allowed), (scope, path, answer.text)
                assert answer.status_code != 401
                if scope is not allowed:
                    assert f'error="insufficient_scope", scope="{allowed}"' in answer.headers["www-authenticate"]


def test_either_header_carries_the_key(gateway, callers):
    key = callers[1][Scope.PREDICT]

    assert gateway.post(RED, **bearer(key)).status_code == 200
    assert gateway.post(RED, x_api_key=key).status_code == 200
    assert gateway.post(RED, authorization=f"bearer  {key}").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer dkr_0000000000000000_" + "A" * 43},
        {"x-api-key": ""},
        {"x-api-key": "dkr_"},
        {"x-api-key": "\u00e4" * 60},
        {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    ],
    ids=["none", "empty", "basic", "unknown", "empty-key", "prefix", "umlauts", "token"],
)
def test_other_credentials_are_refused_in_the_same_form(gateway, headers):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = httpx.post(f"{gateway.url}/v1/models/pets:predict", content=RED, headers=encoded)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="darkroom"')
    assert answer.json()["code"] == "UNAUTHENTICATED"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    # RFC 6750, section 3.1: an error code only where something was sent.
    assert ("error=" in answer.headers["www-authenticate"]) is bool(headers)


def test_no_cache_may_keep_what_a_key_was_needed_for(gateway, callers):
    key = callers[1][Scope.STATUS]
    answer = httpx.get(f"{gateway.url}/v1/models/pets", headers={"x-api-key": key})

    assert answer.headers["cache-control"] == "no-store"
    assert gateway.get("/").headers["cache-control"] == "no-cache"


def test_a_key_with_one_wrong_letter_is_refused(gateway, callers):
    key = callers[1][Scope.PREDICT]
    for wrong in (key[:-1] + ("A" if key[-1] != "A" else "B"), key + "A", key[:-1], key.upper()):
        assert gateway.post(RED, x_api_key=wrong).status_code == 401


def test_two_different_keys_in_one_request_are_refused(gateway, callers):
    keys = callers[1]
    answer = gateway.post(RED, **bearer(keys[Scope.PREDICT]), x_api_key=keys[Scope.STATUS])

    assert answer.status_code == 401
    assert "several" in answer.json()["error"]


def test_a_key_in_the_address_is_no_key(gateway, callers):
    assert gateway.post(RED, f"?api_key={callers[1][Scope.PREDICT]}").status_code == 401


def test_a_stranger_is_answered_before_the_body_is_there(gateway):
    with socket.create_connection(("127.0.0.1", gateway.rest_port), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/models/pets:predict HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\n"
            b"content-length: 16000000\r\nexpect: 100-continue\r\n\r\n"
        )

        assert connection.recv(12) == b"HTTP/1.1 401"


def test_metrics_can_be_protected(backend, callers):
    file, keys = callers
    with secured_gateway(backend.address, file, authentication={"protect_metrics": True}) as gateway:
        assert gateway.get("/metrics").status_code == 401
        assert httpx.get(f"{gateway.url}/metrics", headers=bearer(keys[Scope.PREDICT])).status_code == 403
        assert httpx.get(f"{gateway.url}/metrics", headers=bearer(keys[Scope.STATUS])).status_code == 200


def test_log_and_metrics_name_the_key_and_never_hold_it(backend, callers, tmp_path):
    file, keys = callers
    key, log = keys[Scope.PREDICT], tmp_path / "log"
    with secured_gateway(backend.address, file, log={"path": str(log)}) as gateway:
        gateway.post(RED, **bearer(key))
        gateway.post(RED, x_api_key=key[:-1])
        gateway.post(RED, **bearer(keys[Scope.STATUS]))
        metrics = gateway.get("/metrics").text

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line.get("key"), line["code"], line["method"]) for line in lines] == [
        ("predict-only", "OK", "predict"),
        (None, "UNAUTHENTICATED", "predict"),
        ("status-only", "PERMISSION_DENIED", "predict"),
    ]
    assert 'darkroom_gateway_key_requests_total{code="OK",key="predict-only"} 1.0' in metrics
    assert 'darkroom_gateway_access_denied_total{reason="unknown_key"} 1.0' in metrics
    assert 'darkroom_gateway_access_denied_total{reason="scope"} 1.0' in metrics
    for secret in keys.values():
        assert secret.split("_", 2)[2] not in log.read_text() + metrics


def test_a_new_key_works_and_a_revoked_one_stops_without_a_restart(backend, tmp_path):
    from serving.gateway.security.api_key_file import revoke_key

    file = KeyFile(tmp_path / "keys.json")
    old = file.add("old")
    with secured_gateway(backend.address, file) as gateway:
        new = file.add("new")
        eventually(lambda: gateway.post(RED, x_api_key=new).status_code == 200)
        assert gateway.post(RED, x_api_key=old).status_code == 200
        revoke_key(file.path, "old")
        eventually(lambda: gateway.post(RED, x_api_key=old).status_code == 401)
        # A broken file, and one that is gone, leave the keys as they are.
        file.path.write_text("{")
        failed = 'darkroom_gateway_file_reloads_total{file="API keys",result="failed"}'
        eventually(lambda: f"{failed} 1.0" in gateway.get("/metrics").text)
        assert gateway.post(RED, x_api_key=new).status_code == 200
        file.path.unlink()
        eventually(lambda: f"{failed} 2.0" in gateway.get("/metrics").text)
        assert gateway.post(RED, x_api_key=new).status_code == 200


def test_the_openapi_document_asks_for_what_the_gateway_asks(gateway, callers):
    document = gateway.get("/openapi.json").json()
    assert {"bearer", "apiKey"} == document["components"]["securitySchemes"].keys()
    client = httpx.Client(base_url=gateway.url)
    for path, methods in document["paths"].items():
        url = path.replace("{model}", "pets").replace("{version_or_label}", "1").replace("{version}", "1")
        for method, operation in methods.items():
            answer = client.request(method, url.replace("{label}", "x"))
            needs_key = bool(operation.get("security")) and {} not in operation["security"]
            assert (answer.status_code == 401) is needs_key, path
            if needs_key:
                (scope,) = operation["security"][0]["bearer"]
                other = Scope.STATUS if scope == "predict" else Scope.PREDICT
                headers = bearer(callers[1][other])
                assert client.request(method, url, headers=headers).status_code == 403, path
                assert {"401", "403", "429"} <= operation["responses"].keys()

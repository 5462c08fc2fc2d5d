"""The pages' files and the OpenAPI document, without a browser."""

import json
import re
from importlib.metadata import version
from importlib.resources import files

import httpx
import pytest

from serving.gateway.metrics import GatewayMetrics
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

STATIC = files("serving.gateway.pages") / "static"


@pytest.mark.parametrize("path", ["/", "/docs", "/static/pages.css", "/static/try.js", "/openapi.json"])
def test_files_come_with_a_strict_policy(backend, path):
    with running_gateway(backend.address) as gateway:
        answer = gateway.get(path)
        again = httpx.get(f"{gateway.url}{path}", headers={"if-none-match": answer.headers["etag"]})

    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/static/", "/static/openapi.json", "/static/../routes.py", "/static/%2e%2e/routes.py"]
)
def test_nothing_else_is_served(backend, path):
    with running_gateway(backend.address) as gateway:
        assert gateway.get(path).status_code == 404


@pytest.mark.parametrize("name", sorted(file.name for file in STATIC.iterdir()))
def test_no_file_names_another_host_or_has_inline_code(name):
    text = (STATIC / name).read_text()

    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)) <= {"http://www.w3.org"}
    assert not re.search(r"<script>|\sstyle=|\son\w+=|<style", text)


@pytest.fixture(scope="module")
def document(served):
    answer = served.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_the_document_has_the_installed_version(document):
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == version("darkroom")


def test_every_reference_leads_somewhere(document):
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for key in reference.split("/"):
            found = found[key]


def test_every_documented_operation_exists_and_answers_as_documented(document, served):
    """With its own example where it has one; what the test's model can't do must fail in a documented way."""
    for path, methods in document["paths"].items():
        url = served.url + (
            path.replace("{model}", "pets")
            .replace("{version_or_label}", "1")
            .replace("{version}", "1")
            .replace("{label}", "x")
        )
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "image/*" in content:
                answers = [httpx.post(url, content=RED, headers={"content-type": "image/png"}, timeout=20)]
                examples = [item["value"] for item in content["application/json"]["examples"].values()]
                answers += [httpx.post(url, json=example, timeout=20) for example in examples]
            elif content:
                answers = [httpx.post(url, json=content["application/json"]["example"], timeout=20)]
            else:
                answers = [httpx.request(method, url, timeout=20)]
            for answer in answers:
                documented = operation["responses"].get(str(answer.status_code))
                assert documented is not None, (method, path, answer.status_code, answer.text)
                expected = {200} if "{label}" not in path and ":regress" not in path else {200, 400, 404}
                assert answer.status_code in expected, (path, answer.text)


def test_the_pages_counters_exist():
    metrics = GatewayMetrics(max_classes=1)
    names = (
        {sample.name for family in metrics.registry.collect() for sample in family.samples}
        | {family.name + "_total" for family in metrics.registry.collect() if family.type == "counter"}
        | {family.name for family in metrics.registry.collect()}
    )

    wanted = set(re.findall(r"darkroom_gateway_\w+", (STATIC / "model.js").read_text()))
    assert wanted
    assert wanted <= names

"""What the OpenAPI allows and what it doesn't, against a live gateway: answers are as it says, and never a 5xx."""

from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from serving.gateway import pages
from tests.fuzz.length import EXAMPLES
from tests.serving.gateway.fake_backend import FakeBackend
from tests.serving.gateway.running import running_gateway

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: uv sync installs the dev group")
CHECKS = pytest.importorskip("schemathesis.checks").CHECKS

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


_DEADLINES = {"x-deadline-ms", "grpc-timeout"}


class ClassifyingBackend(FakeBackend):
    """Says of Regress what a server says whose model has no such signature."""

    def Regress(self, request, context):  # noqa: N802
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Expected regression signature method_name to be ...")


@pytest.fixture(scope="module")
def gateway():
    with ClassifyingBackend() as backend, running_gateway(backend.address) as found:
        yield found
        assert found.get("/readyz").status_code == 200


SCHEMA = schemathesis.openapi.from_path(Path(pages.__file__).parent / "static" / "openapi.json")
OPERATIONS = {operation.label: operation for operation in (found.ok() for found in SCHEMA.get_all_operations())}


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
def test_answers_are_as_described(gateway, label, mode):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=EXAMPLES < 100,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(OPERATIONS[label].as_strategy(generation_mode=mode))
    def ask(case):
        answer = case.call(base_url=gateway.url, timeout=20)
        # 504 is what a client gets that allows less than a millisecond.
        is_late = answer.status_code == 504 and _DEADLINES & {name.lower() for name in case.headers or {}}
        names = _CHECKS[1:] if is_late else _CHECKS
        case.validate_response(answer, checks=CHECKS.get_by_names(names))

    try:
        ask()
    except Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE  # there is nothing in it that could be wrong

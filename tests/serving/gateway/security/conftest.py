import pytest

from serving.gateway.security.principal import Scope
from tests.serving.gateway.security.secured import KeyFile, secured_gateway


@pytest.fixture(scope="module")
def callers(tmp_path_factory):
    """A file of keys, and a key of each scope."""
    file = KeyFile(tmp_path_factory.mktemp("keys") / "keys.json")
    return file, {scope: file.add(f"{scope}-only", scope) for scope in Scope}


@pytest.fixture
def gateway(backend, callers):
    with secured_gateway(backend.address, callers[0]) as gateway:
        yield gateway

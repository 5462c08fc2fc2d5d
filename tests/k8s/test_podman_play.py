"""The overlay for one node, played by podman: a real pod under the restrictions that the manifests set."""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.k8s.kustomize import NEEDS_KUBECTL, rendered
from tests.k8s.podman import MOUNTED, Podman
from tests.serving.gateway.pictures import RED
from tests.serving.models import export_darkroom_model

pytestmark = [NEEDS_KUBECTL, pytest.mark.slow, pytest.mark.timeout(400)]

# `podman kube play` of 4.3 ignores what else there is in the overlay.
PLAYED = ("Deployment", "PersistentVolumeClaim", "ConfigMap")


def with_this_machine(document):
    """The same with what the image would bring."""
    if document["kind"] == "Deployment":
        pod = document["spec"]["template"]["spec"]
        [container] = pod["containers"]
        for number, path in enumerate(MOUNTED):
            pod["volumes"].append({"name": f"machine-{number}", "hostPath": {"path": path, "type": "Directory"}})
            container["volumeMounts"].append({"name": f"machine-{number}", "mountPath": path, "readOnly": True})
    return document


@pytest.fixture(scope="module")
def podman():
    if shutil.which("podman") is None or os.geteuid() != 0:
        pytest.skip("needs podman (apt-get install podman runc) and root")
    # Podman wants short paths.
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        found = Podman(Path(folder))
        found.make_image("localhost/nothing:1")
        problem = found.problem("localhost/nothing:1")
        if problem is not None:
            pytest.skip(f"podman can't run containers here: {problem}")
        yield found


@pytest.fixture(scope="module")
def pod(podman, tmp_path_factory):
    """Plays the overlay and puts a model into its volume; the container's name and the pod's address."""
    documents = [with_this_machine(found) for found in rendered("dev") if found["kind"] in PLAYED]
    [deployment] = [found for found in documents if found["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    podman.make_image(container["image"])
    manifest = tmp_path_factory.mktemp("manifest") / "dev.yaml"
    manifest.write_text(yaml.safe_dump_all(documents))
    podman("kube", "play", str(manifest))
    try:
        # As a push does: beside, then renamed.
        models = Path(podman("volume", "inspect", "--format", "{{.Mountpoint}}", "models"))
        (models / "pets").mkdir()
        export_darkroom_model(models / "staged").rename(models / "pets" / "1")
        [name] = [
            found["Names"][0] for found in json.loads(podman("ps", "--all", "--format", "json")) if not found["IsInfra"]
        ]
        yield name, address_of(podman, name)
    finally:
        podman("kube", "down", str(manifest))


def address_of(podman, name):
    infra = podman.inspect(podman.inspect(name)["HostConfig"]["NetworkMode"].removeprefix("container:"))
    [network] = infra["NetworkSettings"]["Networks"].values()
    return f"http://{network['IPAddress']}:8080"


def wait_ready(podman, name, address, seconds=300):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            assert podman.inspect(name)["State"]["Running"], podman("logs", name)
        time.sleep(0.2)
    pytest.fail(podman("logs", name))


def test_the_overlay_for_one_node_answers_with_a_prediction_and_drains(podman, pod):
    name, address = pod
    wait_ready(podman, name, address)
    answer = httpx.post(
        f"{address}/v1/models/pets:predict", content=RED, headers={"content-type": "image/png"}, timeout=60
    )
    assert answer.json()["predictions"][0]["label"] == "cat"

    found = podman.inspect(name)
    assert found["Config"]["User"] == "10001:10001"
    assert found["HostConfig"]["ReadonlyRootfs"]
    assert not found["EffectiveCaps"]

    podman("stop", "--time", "60", name)
    assert podman.inspect(name)["State"]["ExitCode"] == 0

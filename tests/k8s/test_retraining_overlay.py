"""What starts a run when drift is told of, as `kubectl kustomize` makes it, and Alertmanager's side of it."""

import kubernetes_validate
import pytest
import yaml

from darkroom.cli.alert_receiver import command
from darkroom.configuration.load import parse_configuration
from tests.k8s.kustomize import K8S, NEEDS_KUBECTL, rendered

pytestmark = NEEDS_KUBECTL


@pytest.fixture(scope="module")
def resources():
    return {resource["kind"]: resource for resource in rendered("retraining")}


@pytest.fixture
def pod(resources):
    return resources["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture
def options(pod):
    """Of the command, as the manifest gives them."""
    [container] = pod["containers"]
    assert container["command"] == ["darkroom", command.name]
    return command.make_context(command.name, list(container["args"])).params


@pytest.fixture(scope="module")
def webhook():
    """Of Alertmanager's configuration."""
    configuration = yaml.safe_load((K8S / "overlays" / "monitoring" / "alertmanager.yaml").read_text())
    [found] = [one for one in configuration["receivers"] if "webhook_configs" in one]
    assert found["name"] == configuration["route"]["routes"][0]["receiver"]
    return found["webhook_configs"][0]


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_every_resource_fits_the_strict_schema(version):
    for resource in rendered("retraining"):
        kubernetes_validate.validate(resource, version, strict=True)


def test_its_configuration_is_one_that_runs_can_be_submitted_with(resources, tmp_path):
    config = parse_configuration(resources["ConfigMap"]["data"]["darkroom.yaml"], tmp_path / "darkroom.yaml")
    assert config.kubeflow.host is not None
    assert config.pipeline.metadata is not None


def test_files_that_the_command_is_given_are_mounted_and_only_its_state_can_be_written(pod, options):
    [container] = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    writable = {mount["mountPath"]: not mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert writable == {"/etc/darkroom": False, "/etc/alert-receiver": False, "/state": True, "/tmp": True}
    assert options["config_path"].startswith("/etc/darkroom/")
    assert options["token_file"].match("/etc/alert-receiver/*")
    assert options["state"].match("/state/*")


def test_alertmanager_asks_where_it_listens(resources, options, webhook):
    service = resources["Service"]
    [port] = service["spec"]["ports"]
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    assert webhook["url"] == f"http://{name}.{namespace}:{port['port']}/alerts"
    assert port["port"] == options["port"]


def test_alertmanager_brings_the_token_that_the_receiver_reads(pod, options, webhook):
    [secret] = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
    file = webhook["http_config"]["authorization"]["credentials_file"]
    assert file.endswith(f"/secrets/{secret}/{options['token_file'].name}")


def test_only_alertmanager_reaches_it(resources):
    spec = resources["NetworkPolicy"]["spec"]
    assert spec["podSelector"]["matchLabels"] == resources["Deployment"]["spec"]["selector"]["matchLabels"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    [rule] = spec["ingress"]
    [source] = rule["from"]
    assert set(source) == {"namespaceSelector", "podSelector"}


def test_it_has_time_to_finish_submitting(pod):
    assert pod["terminationGracePeriodSeconds"] > 60


def test_one_receiver_answers_at_a_time(resources):
    spec = resources["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})

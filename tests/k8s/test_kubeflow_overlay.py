"""What steps in Kubeflow share, as `kubectl kustomize` makes it, and the configuration that docs/kubeflow.md gives."""

import re
from pathlib import Path

import kubernetes_validate
import pytest

from darkroom.configuration.load import parse_configuration
from pipeline.training_job.tf_job import TFJob
from pipeline.training_job.train_job import TrainJob
from tests.k8s.kustomize import NEEDS_KUBECTL, rendered

pytestmark = NEEDS_KUBECTL

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def resources():
    return {(one["kind"], one["metadata"]["name"]): one for one in rendered("kubeflow")}


@pytest.fixture
def config(tmp_path):
    """That of the page."""
    [text] = re.findall(r"```yaml\n(data: .*?)```", (ROOT / "docs" / "kubeflow.md").read_text(), re.DOTALL)
    return parse_configuration(text, tmp_path / "darkroom.yaml")


@pytest.fixture
def database(resources):
    return resources["StatefulSet", "darkroom-metadata"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_every_resource_fits_the_strict_schema(resources, version):
    for resource in resources.values():
        kubernetes_validate.validate(resource, version, strict=True)


def test_the_page_names_what_the_overlay_makes(resources, config):
    assert ("Service", config.pipeline.metadata.host.partition(".")[0]) in resources
    for volume in config.kubernetes.volumes:
        claim = resources["PersistentVolumeClaim", volume.claim]
        assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_database_and_steps_have_the_password_from_one_secret(resources, config, database):
    [container] = database["containers"]
    variables = {entry["name"]: entry for entry in container["env"]}
    taken = variables["MARIADB_PASSWORD"]["valueFrom"]["secretKeyRef"]
    [secret] = config.kubernetes.secrets
    assert (taken["name"], taken["key"]) == (secret.secret, secret.key)
    assert secret.variable == config.pipeline.metadata.password_variable
    assert variables["MARIADB_DATABASE"]["value"] == config.pipeline.metadata.database
    assert variables["MARIADB_USER"]["value"] == config.pipeline.metadata.user
    assert not [name for kind, name in resources if kind == "Secret"]


def test_the_database_may_do_nothing_that_it_need_not(database):
    assert database["securityContext"]["runAsNonRoot"]
    assert database["automountServiceAccountToken"] is False
    [container] = database["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["image"].rpartition(":")[2] not in {"", "latest"}


def test_only_steps_reach_the_database(resources, database):
    policy = resources["NetworkPolicy", "darkroom-metadata"]["spec"]
    labels = resources["StatefulSet", "darkroom-metadata"]["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    [rule] = policy["ingress"]
    assert [source["podSelector"]["matchLabels"] for source in rule["from"]] == [
        # https://github.com/kubeflow/pipelines: what its compiler puts on each step's pod.
        {"pipelines.kubeflow.org/v2_component": "true"},
        # The pod of darkroom schedule --render.
        {"app.kubernetes.io/name": "darkroom", "app.kubernetes.io/component": "pipeline"},
    ]


def test_steps_may_do_with_training_jobs_what_they_do_and_no_more(resources):
    """What the Trainer step asks for, its tests see: tests/pipeline/training_job/cluster.py."""
    rules = resources["Role", "darkroom-training"]["rules"]
    allowed = {
        (group, name): rule["verbs"] for rule in rules for group in rule["apiGroups"] for name in rule["resources"]
    }
    own = {(one.group, one.plural) for kind in (TFJob, TrainJob) for one in kind.resources}
    assert set(allowed) == own | {("", "pods"), ("", "pods/log")}
    assert all(allowed[one] == ["create", "get", "patch", "delete"] for one in own)
    assert (allowed["", "pods"], allowed["", "pods/log"]) == (["list"], ["get"])
    binding = resources["RoleBinding", "darkroom-training"]
    assert binding["roleRef"]["name"] == "darkroom-training"
    assert {subject["namespace"] for subject in binding["subjects"]} == {binding["metadata"]["namespace"]}

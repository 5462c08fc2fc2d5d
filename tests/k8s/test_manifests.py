"""What `kubectl kustomize` makes of each overlay, without a cluster."""

import kubernetes_validate
import pytest
import yaml

from darkroom.configuration import load_configuration
from tests.k8s.kustomize import NEEDS_KUBECTL, rendered

pytestmark = NEEDS_KUBECTL

SERVING = ("dev", "prod", "prod-gpu", "prod-bucket")
# docs/operations.md names both.
OLDEST, NEWEST = "1.29", "1.37"
# Kinds of the Prometheus operator, whose schemas are not Kubernetes' own.
OPERATOR = "monitoring.coreos.com/v1"


def of_kind(overlay, *kinds):
    return {resource["metadata"]["name"]: resource for resource in rendered(overlay) if resource["kind"] in kinds}


def pod_specs(overlay):
    return {
        name: resource["spec"]["template"]["spec"]
        for name, resource in of_kind(overlay, "Deployment", "StatefulSet").items()
    }


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_resource_fits_the_strict_schema(version):
    # Most resources are the same in several overlays.
    distinct = {
        yaml.safe_dump(resource): resource
        for overlay in (*SERVING, "monitoring")
        for resource in rendered(overlay)
        if resource["apiVersion"] != OPERATOR
    }
    for resource in distinct.values():
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("overlay", SERVING)
def test_pods_may_do_nothing_that_they_need_not(overlay):
    for name, spec in pod_specs(overlay).items():
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["serviceAccountName"] != "default", name
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False), name


@pytest.mark.parametrize("overlay", SERVING)
def test_containers_say_what_they_take_and_how_they_are_probed(overlay):
    priorities = set(of_kind(overlay, "PriorityClass"))
    for name, spec in pod_specs(overlay).items():
        assert spec["priorityClassName"] in priorities
        for container in spec["containers"]:
            for what in ("requests", "limits"):
                assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"][what]), name
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name


@pytest.mark.parametrize("overlay", SERVING)
def test_images_have_a_set_tag(overlay):
    for spec in pod_specs(overlay).values():
        for container in spec["containers"]:
            _, _, tag = container["image"].rpartition("/")[2].partition(":")
            assert tag not in {"", "latest"}, container["image"]


@pytest.mark.parametrize("overlay", [*SERVING, "monitoring"])
def test_no_manifest_holds_a_secret(overlay):
    assert of_kind(overlay, "Secret") == {}


def configuration(overlay, tmp_path):
    [found] = [
        resource["data"]["darkroom.yaml"]
        for resource in rendered(overlay)
        if resource["kind"] == "ConfigMap" and "darkroom.yaml" in resource["data"]
    ]
    path = tmp_path / "darkroom.yaml"
    path.write_text(found)
    return load_configuration(path)


@pytest.mark.parametrize("overlay", SERVING)
def test_the_gateway_has_time_to_finish_the_longest_request(overlay, tmp_path):
    serving = configuration(overlay, tmp_path).serving
    assert serving.drain_seconds > serving.max_deadline_seconds
    grace = pod_specs(overlay)["gateway"]["terminationGracePeriodSeconds"]
    # The embedded model server has another ten to end.
    assert grace > serving.drain_delay_seconds + serving.drain_seconds + 10


@pytest.mark.parametrize("overlay", SERVING)
def test_probes_and_services_name_ports_that_containers_have(overlay):
    services = of_kind(overlay, "Service")
    for name, spec in pod_specs(overlay).items():
        [container] = spec["containers"]
        ports = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in services[name]["spec"]["ports"]} <= ports
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            [how] = [container[probe][kind] for kind in ("httpGet", "tcpSocket") if kind in container[probe]]
            assert how["port"] in ports


@pytest.mark.parametrize("overlay", ["prod", "prod-gpu"])
def test_each_backend_is_the_name_of_a_model_server(overlay, tmp_path):
    server = of_kind(overlay, "StatefulSet")["model-server"]["spec"]
    wanted = [f"model-server-{index}.{server['serviceName']}:8500" for index in range(server["replicas"])]
    assert list(configuration(overlay, tmp_path).serving.backends)[: len(wanted)] == wanted


@pytest.mark.parametrize("overlay", ["prod", "prod-gpu", "prod-bucket"])
def test_only_the_gateway_reaches_a_model_server(overlay):
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies["nothing-else"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    model_server = {"app.kubernetes.io/name": "model-server"}
    allowed = [
        source["podSelector"]["matchLabels"]
        for policy in policies.values()
        if policy["spec"]["podSelector"].get("matchLabels") == model_server
        for rule in policy["spec"].get("ingress", ())
        for source in rule["from"]
    ]
    assert allowed == [{"app.kubernetes.io/name": "gateway"}]


def test_production_scales_and_survives_a_drained_node():
    scaler = of_kind("prod", "HorizontalPodAutoscaler")["gateway"]["spec"]
    assert [metric["type"] for metric in scaler["metrics"]] == ["Resource", "Pods"]
    assert scaler["minReplicas"] >= 2
    # A replica count in the manifest would undo the autoscaler's at each apply.
    assert "replicas" not in of_kind("prod", "Deployment")["gateway"]["spec"]
    assert set(of_kind("prod", "PodDisruptionBudget")) == set(pod_specs("prod"))
    assert all("topologySpreadConstraints" in spec for spec in pod_specs("prod").values())


def test_production_speaks_tls_and_is_probed_with_it(tmp_path):
    assert configuration("prod", tmp_path).serving.tls is not None
    [container] = pod_specs("prod")["gateway"]["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["scheme"] == "HTTPS"


def test_the_gpu_variant_asks_for_a_gpu_and_runs_the_image_for_it():
    [container] = pod_specs("prod-gpu")["model-server"]["containers"]
    assert container["image"].endswith("-gpu")
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_model_servers_read_a_bucket_in_place_of_a_volume():
    assert of_kind("prod-bucket", "PersistentVolumeClaim") == {}
    [container] = pod_specs("prod-bucket")["model-server"]["containers"]
    assert "/models" not in [mount["mountPath"] for mount in container["volumeMounts"]]
    [configuration] = [
        resource["data"]
        for resource in of_kind("prod-bucket", "ConfigMap").values()
        if "models.config" in resource["data"]
    ]
    assert 'base_path: "gs://' in configuration["models.config"]
    # What else they are started with stays.
    assert set(configuration) == {"batching.config", "models.config", "monitoring.config"}
    [rule, _] = of_kind("prod-bucket", "NetworkPolicy")["model-server-storage"]["spec"]["egress"]
    assert 443 in [port["port"] for port in rule["ports"]]


def test_runs_of_a_cron_job_reach_the_pushgateway_and_nothing_else():
    policy = of_kind("prod", "NetworkPolicy")["pipeline"]["spec"]
    # What darkroom schedule --render puts on its pods: pipeline/cron_job.py.
    assert policy["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "darkroom",
        "app.kubernetes.io/component": "pipeline",
    }
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [9091, 53, 53]


def test_the_dev_overlay_is_one_pod_with_an_embedded_model_server(tmp_path):
    assert list(pod_specs("dev")) == ["gateway"]
    assert configuration("dev", tmp_path).serving.backends == ()
    [container] = pod_specs("dev")["gateway"]["containers"]
    # The gateway's own image has no TensorFlow.
    assert "/darkroom-model-server:" in container["image"]
    assert "/models" in [mount["mountPath"] for mount in container["volumeMounts"]]

"""The compiled pipeline, read by the Kubeflow Pipelines SDK's own loader."""

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from darkroom.configuration.load import parse_configuration
from darkroom.errors import ConfigurationError
from pipeline.kubeflow.compilation import compile_pipeline
from pipeline.topology import upstream_nodes
from tests.darkroom.command import darkroom

TEXT = """\
# Comments and 'quotes' {{ and $braces }} travel, too.
data: {images: images}
model: {name: My_pets.v2}
training: {epochs: 7}
pipeline: {metadata: {host: mysql.kubeflow}}
kubernetes:
  image: registry/darkroom:1
  environment: {TF_CPP_MIN_LOG_LEVEL: "2"}
  default: {memory: 2Gi, retries: 3, retry_seconds: 5}
  steps:
    Trainer:
      gpus: 2
      cpu: "8"
      memory: 32Gi
      node_selector: {pool: gpu}
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      timeout_minutes: 90
"""
MULTI_WORKER = ("training.distribution.strategy=multi_worker",)


def configuration(tmp_path, text=TEXT, *overrides):
    return parse_configuration(text, tmp_path / "darkroom.yaml", overrides)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return compile_pipeline(configuration(tmp_path_factory.mktemp("project")), TEXT)


@pytest.fixture(scope="module")
def documents(compiled):
    return list(yaml.safe_load_all(compiled))


@pytest.fixture(scope="module")
def tasks(documents):
    """Of all levels, by name."""
    found = dict(documents[0]["root"]["dag"]["tasks"])
    for component in documents[0]["components"].values():
        found.update(component.get("dag", {}).get("tasks", {}))
    return found


def container(documents, step):
    return documents[0]["deploymentSpec"]["executors"][f"exec-{step}"]["container"]


def on_platform(documents, step):
    return documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{step}"]


def test_the_sdk_loads_it(compiled):
    loaded = components.load_component_from_text(compiled)
    assert loaded.name == "my-pets-v2"
    assert loaded.component_spec.inputs["configuration"].default == TEXT
    assert loaded.component_spec.inputs["training_epochs"].default == 7
    assert set(loaded.component_spec.inputs) == {
        "configuration",
        "data_span",
        "training_epochs",
        "overrides",
        "trigger",
    }


def test_every_field_is_one_of_the_published_messages(documents):
    json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(documents[1], pipeline_spec_pb2.PlatformSpec())
    for executor in documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        json_format.ParseDict(executor, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_a_task_for_each_node_waits_for_those_that_the_node_reads(documents, tasks, tmp_path):
    names = {task["taskInfo"]["name"]: name for name, task in tasks.items()}
    for node, upstream in upstream_nodes(configuration(tmp_path)).items():
        task = tasks[names[node]]
        assert set(task.get("dependentTasks", [])) == {names[other] for other in upstream}, node
        arguments = container(documents, names[node])["args"]
        assert arguments[:2] == ["step", node]


def test_training_waits_for_the_decision_of_the_first_step(tasks):
    [train] = [task for task in tasks.values() if task["taskInfo"]["name"] == "train"]
    assert train["dependentTasks"] == ["prepare"]
    assert train["triggerPolicy"]["condition"].endswith("== 'train'")


def test_the_last_step_comes_whatever_happened(documents):
    finish = documents[0]["root"]["dag"]["tasks"]["finish"]
    assert finish["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert finish["dependentTasks"] == ["exit-handler-1"]
    assert set(documents[0]["root"]["dag"]["tasks"]) == {"finish", "exit-handler-1"}


def test_kubeflow_caches_no_step(tasks):
    for name, task in tasks.items():
        assert not task.get("cachingOptions", {}).get("enableCache"), name


def test_steps_are_tried_again(tasks):
    assert tasks["transform"]["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "5s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }


def test_the_trainer_takes_what_it_is_configured_to(documents):
    resources = container(documents, "trainer")["resources"]
    assert resources["accelerator"]["resourceCount"] == "2"
    assert resources["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert (resources["resourceCpuRequest"], resources["resourceMemoryLimit"]) == ("8", "32Gi")
    platform = on_platform(documents, "trainer")
    assert platform["nodeSelector"] == {"labels": {"pool": "gpu"}}
    assert platform["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert platform["activeDeadlineSeconds"] == "5400"


def test_other_steps_take_the_default(documents):
    resources = container(documents, "transform")["resources"]
    assert "accelerator" not in resources
    assert resources["resourceMemoryLimit"] == "2Gi"
    assert {"nodeSelector", "tolerations", "activeDeadlineSeconds"}.isdisjoint(on_platform(documents, "transform"))


def test_every_step_has_image_volume_password_and_environment(documents):
    executors = documents[0]["deploymentSpec"]["executors"]
    assert len(executors) == 14
    for name, executor in executors.items():
        assert executor["container"]["image"] == "registry/darkroom:1", name
        assert {"name": "TF_CPP_MIN_LOG_LEVEL", "value": "2"} in executor["container"]["env"], name
        platform = on_platform(documents, name.removeprefix("exec-"))
        assert [mount["mountPath"] for mount in platform["pvcMount"]] == ["/darkroom"], name
        assert platform["secretAsEnv"][0]["secretName"] == "darkroom-metadata", name


def test_what_kubeflow_shows_has_its_types(documents):
    def types(component):
        outputs = documents[0]["components"][component]["outputDefinitions"]["artifacts"]
        return {name: output["artifactType"]["schemaTitle"] for name, output in outputs.items()}

    assert types("comp-evaluator") == {
        "metrics": "system.Metrics",
        "confusion_matrix": "system.ClassificationMetrics",
    }
    assert types("comp-finish") == {"report": "system.HTML"}


def test_a_search_and_an_export_are_steps_where_they_are_asked_for(tmp_path):
    config = configuration(tmp_path, TEXT, "tuning.enabled=true", "export.lite={}")
    executors = next(yaml.safe_load_all(compile_pipeline(config, TEXT)))["deploymentSpec"]["executors"]
    assert {"exec-tuner", "exec-lite-export"} <= set(executors)


def test_steps_that_have_to_do_with_a_training_job_know_their_pod(tmp_path):
    config = configuration(tmp_path, TEXT, *MULTI_WORKER, "kubeflow.training_job={workers: 2}")
    documents = list(yaml.safe_load_all(compile_pipeline(config, TEXT)))
    for step, knows in (("trainer", True), ("finish", True), ("transform", False)):
        fields = {one["name"]: one["fieldPath"] for one in on_platform(documents, step)["fieldPathAsEnv"]}
        assert ("DARKROOM_POD_UID" in fields) is knows, step
    assert fields == {"DARKROOM_RUN_ID": "metadata.labels['pipeline/runid']"}
    assert on_platform(documents, "trainer")["fieldPathAsEnv"][1:] == [
        {"name": "DARKROOM_POD_NAME", "fieldPath": "metadata.name"},
        {"name": "DARKROOM_POD_UID", "fieldPath": "metadata.uid"},
        {"name": "DARKROOM_POD_NAMESPACE", "fieldPath": "metadata.namespace"},
    ]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("pipeline.metadata=null",), "pipeline.metadata is missing"),
        (("kubeflow.training_job={workers: 2}",), "found one_device"),
        (
            ("kubeflow.training_job={workers: 2}", *MULTI_WORKER, "training.distribution.workers=2"),
            "processes of one pod",
        ),
        (MULTI_WORKER, "nothing starts the workers"),
        (("kubeflow.parameters=[training.epoks]",), "training.epoks is no key"),
        (("kubeflow.parameters=[training.optimizer]",), "is a section"),
    ],
)
def test_what_cannot_be_compiled_is_said(overrides, said, tmp_path):
    with pytest.raises(ConfigurationError, match=said):
        compile_pipeline(configuration(tmp_path, TEXT, *overrides), TEXT)


def test_a_configuration_that_is_no_argument_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="102,400"):
        compile_pipeline(configuration(tmp_path), TEXT + "#" * 102_400)


def test_the_command_writes_a_file_that_the_sdk_loads(tmp_path):
    (tmp_path / "darkroom.yaml").write_text(TEXT)
    target = tmp_path / "out" / "pipeline.yaml"
    done = darkroom("compile", "-c", tmp_path / "darkroom.yaml", "--set", "training.epochs=9", "-o", target)
    assert (done.returncode, done.stdout) == (0, f"{target}\n"), done.stderr
    loaded = components.load_component_from_file(str(target))
    assert loaded.component_spec.inputs["training_epochs"].default == 9
    assert yaml.safe_load(loaded.component_spec.inputs["configuration"].default)["training"] == {"epochs": 9}
    assert target.stat().st_size < 200_000

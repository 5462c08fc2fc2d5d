"""The compiled pipeline, run: each step and worker its command line in a process of its own, records in MariaDB.

The runs share one project, in the order in which a cluster would see them.
"""

import json
import os
import shutil
import signal
import time

import pytest

from darkroom.configuration import load_configuration
from pipeline.runs.history import RunHistory
from tests.darkroom.command import darkroom
from tests.monitoring.runs import held
from tests.pipeline.image_sets import write_digits
from tests.pipeline.kubeflow.ir_runner import IrRunner
from tests.pipeline.training_job import cluster as training_cluster

pytest_plugins = ("tests.monitoring.programs", "tests.pipeline.kubeflow.mariadb")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NODES = {
    "baseline",
    "image-example-gen",
    "statistics-gen",
    "schema-gen",
    "example-validator",
    "previous-data",
    "data-validator",
    "transform",
    "trainer",
    "evaluator",
    "serving-check",
    "model-pusher",
}
EPOCHS = 12
RUN = "00000000-run-2"
PARAMETERS = {"training_epochs": EPOCHS, "overrides": ["data.splits.eval=0.25"]}


class Cluster:
    """A volume with images and configuration, a database, a cluster, and the pipeline compiled for them."""

    def __init__(self, root, mariadb, pushgateway, kubernetes):
        self.root, self.pushgateway, self.kubernetes = root, pushgateway, kubernetes
        write_digits(root / "images")
        self.config = root / "darkroom.yaml"
        told = f", pushgateway: '{pushgateway}'" if pushgateway else ""
        database = f"{{host: 127.0.0.1, port: {mariadb.port}, database: {mariadb.name}, user: {mariadb.user}}}"
        self.config.write_text(f"""\
# It's the "cluster's" own.
data: {{images: images}}
preprocessing: {{height: 8, width: 8, channels: 1}}
model: {{name: digits, dropout: 0.1, small_cnn: {{filters: [16, 32]}}}}
training:
  {{epochs: 8, batch_size: 32, learning_rate: 0.01, distribution: {{strategy: multi_worker, sync_batch_norm: true}}}}
serving_check: {{enabled: false}}
pipeline: {{metadata: {database}{told}}}
kubernetes:
  folder: {root}
  volumes: [{{claim: darkroom, path: {root}}}]
  default: {{retries: 1, retry_seconds: 0}}
  environment: {{KUBECONFIG: {root}/kubeconfig}}
kubeflow: {{training_job: {{workers: 2}}}}
""")
        done = darkroom("compile", "-c", self.config)
        assert done.returncode == 0, done.stderr
        secrets = {("darkroom-metadata", "password"): mariadb.password}
        self.runner = IrRunner(done.stdout, root / "kubeflow", secrets)

    def versions(self):
        return sorted(int(path.name) for path in (self.root / "models" / "digits").glob("*"))

    def history(self):
        return RunHistory.of(load_configuration(self.config)).runs()


def kill_training(step, attempt, process, log):
    """Ends the Trainer's first try as a lost node would: without a word, while its workers train."""
    if (step, attempt) != ("trainer", 0):
        return
    while process.poll() is None and "epoch 4/" not in log.read_text(errors="replace"):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, mariadb, request):
    has_gateway = shutil.which("prometheus-pushgateway") is not None
    gateway = request.getfixturevalue("pushgateway") if has_gateway else None
    root = tmp_path_factory.mktemp("cluster")
    kubernetes = training_cluster.Cluster(root / "pods")
    with pytest.MonkeyPatch.context() as patch, training_cluster.serving(kubernetes) as url:
        patch.setenv("DARKROOM_METADATA_PASSWORD", mariadb.password)
        (root / "kubeconfig").write_text(training_cluster.kubeconfig(url))
        yield Cluster(root, mariadb, gateway, kubernetes)


@pytest.fixture(scope="module")
def first(cluster):
    """A run on this machine, on the same root and database."""
    alone = ("--set", "training.distribution={}")
    done = darkroom("run", "-c", cluster.config, "--json", *alone, timeout=500)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def second(cluster, first):
    """The compiled pipeline, with parameters that make every step's work anew."""
    return cluster.runner.run(RUN, PARAMETERS, watch=kill_training)


@pytest.fixture(scope="module")
def scheduled(cluster, second):
    return cluster.runner.run("00000000-run-3", {**PARAMETERS, "trigger": "schedule"})


@pytest.fixture(scope="module")
def refused(cluster, scheduled):
    """A run whose parameter asks for a step that is not there."""
    return cluster.runner.run("00000000-run-4", {"overrides": ["export.lite={}"]})


def succeeded(steps):
    return {name for name, step in steps.items() if step.state == "SUCCEEDED"}


def logs(steps):
    """What failed, for people."""
    ends = {name: step.log.read_text(errors="replace")[-3000:] for name, step in steps.items() if step.log}
    return "\n".join(f"== {name}: {steps[name].attempts}\n{text}" for name, text in ends.items())


def test_every_step_succeeds_and_the_model_is_pushed(cluster, first, second):
    assert succeeded(second) == {*NODES, "prepare", "finish"}, logs(second)
    assert len(cluster.versions()) == 2


def test_a_step_that_is_killed_is_tried_again_and_goes_on_with_its_workers(cluster, second):
    assert second["trainer"].attempts == [-signal.SIGKILL, 0]
    assert "An earlier try of this step left the TFJob" in second["trainer"].log.read_text(errors="replace")
    assert len(cluster.kubernetes.started) == 2
    assert not cluster.kubernetes.pods
    assert not cluster.kubernetes.objects("tfjobs")


def test_the_model_of_the_run_before_is_the_baseline(cluster, first, second):
    here, there = (next(run for run in cluster.history() if (run.run_id == RUN) is wanted) for wanted in (True, False))
    [baseline] = here.nodes["Evaluator"].inputs["baseline_model"]
    assert baseline.uri == there.output("Trainer", "model").uri
    _, metrics = second["evaluator"].artifacts["metrics"]
    assert 0 < metrics["baseline_accuracy"] <= 1


def test_one_database_holds_the_run_of_all_steps(cluster, second):
    [run] = [run for run in cluster.history() if run.run_id == RUN]
    assert len(run.nodes) == len(NODES)
    assert run.failed_node is None
    assert run.facts.configuration["training"]["epochs"] == EPOCHS
    assert run.facts.configuration["data"]["splits"]["eval"] == 0.25


def test_kubeflow_shows_measures_confusion_matrix_and_page(second):
    _, metrics = second["evaluator"].artifacts["metrics"]
    assert metrics["accuracy"] > 0.8
    assert metrics["blessed"] == 1.0
    _, classification = second["evaluator"].artifacts["confusion_matrix"]
    matrix = classification["confusionMatrix"]
    assert [label["displayName"] for label in matrix["annotationSpecs"]] == ["0", "1", "2"]
    assert sum(sum(row["row"]) for row in matrix["rows"]) == metrics["images"]
    page, facts = second["finish"].artifacts["report"]
    assert facts["outcome"] == "pushed"
    assert "</html>" in page.read_text()


def test_a_scheduled_run_without_news_trains_nothing_and_says_so(scheduled):
    assert succeeded(scheduled) == {"prepare", "finish"}, logs(scheduled)
    assert scheduled["prepare"].outputs == {"decision": "nothing_new"}
    page, facts = scheduled["finish"].artifacts["report"]
    assert facts["outcome"] == "nothing_new"
    assert "nothing was trained" in page.read_text()


def test_a_run_here_can_look_for_news_too(cluster, scheduled):
    settings = ("--set", f"training.epochs={EPOCHS}", "--set", "data.splits.eval=0.25")
    done = darkroom("run", "-c", cluster.config, "--if-new", *settings)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"are those of the run {RUN}" in done.stderr
    assert len(cluster.versions()) == 2


def test_the_last_step_tells_of_a_run_that_was_refused(refused):
    assert succeeded(refused) == {"finish"}, logs(refused)
    assert refused["prepare"].attempts == [2, 2]
    page, facts = refused["finish"].artifacts["report"]
    assert facts["outcome"] == "bad_input"
    assert "run darkroom compile" in page.read_text()


def test_prometheus_is_told_of_each_run(cluster, second, refused):
    if cluster.pushgateway is None:
        pytest.skip("prometheus-pushgateway is missing: install Debian's package of that name")
    found = held(cluster.pushgateway, "digits")
    assert found["darkroom_run_outcome", "bad_input"] == 1
    assert found["darkroom_run_failed_in_a_row",] == 1
    # What the runs before found out stays.
    assert found["darkroom_run_pushed_version",] == cluster.versions()[-1]
    assert found["darkroom_run_metric", "accuracy"] == second["evaluator"].artifacts["metrics"][1]["accuracy"]

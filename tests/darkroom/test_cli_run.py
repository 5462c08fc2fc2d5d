"""`darkroom run`, whole: from a folder of images to a pushed model, and every way in which it does not get there; and
`darkroom tune`, which runs a part of it.

The runs share one project, in the order in which a user would make them.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from preprocessing.graph import PreprocessingGraph
from preprocessing.population import Population
from preprocessing.saved import LoadedPreprocessing, parse_description
from tests.darkroom.command import darkroom
from tests.monitoring.runs import held
from tests.pipeline.image_sets import write_bad_files, write_digits

pytest_plugins = ("tests.monitoring.programs",)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Small enough for seconds, good enough for three digits.
QUICK = ("--set", "training.epochs=18", "--set", "model.small_cnn.filters=[16, 32]", "--set", "model.dropout=0.1")

# A server for the first run is enough.
UNSERVED = ("--set", "serving_check.enabled=false")


SEARCH = (
    *("--set", "training.epochs=1"),
    *("--set", "tuning.algorithm=random"),
    *("--set", "tuning.trials=2"),
)


class Project:
    """A folder with images, a configuration and what runs leave."""

    def __init__(self, root):
        self.images = write_digits(root / "images")
        self.bad = write_bad_files(self.images / "1")
        self.config = root / "darkroom.yaml"
        self.model = root / "models" / "digits"
        self.artifacts = root / ".darkroom" / "artifacts"
        made = darkroom("init", self.images, "-o", root, "--name", "digits")
        assert made.returncode == 0, made.stderr
        # The bad files are 5 of 125.
        text = self.config.read_text()
        self.config.write_text(text.replace("max_quarantined: 0.01", "max_quarantined: 0.05"))

    def run(self, *arguments):
        return darkroom("run", "-c", self.config, "--json", *arguments, timeout=500)

    def versions(self):
        return sorted(int(path.name) for path in self.model.glob("*"))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def first(project, request):
    """The first run: pushed. It tells a Pushgateway, where there is one."""
    tells = ()
    if shutil.which("prometheus-pushgateway"):
        tells = ("--set", f"pipeline.pushgateway={request.getfixturevalue('pushgateway')}")
    # A busy machine may take long to start TensorFlow.
    return project.run(*QUICK, *tells, "--set", "serving_check.load_seconds=400")


@pytest.fixture(scope="module")
def summary(first):
    assert first.returncode == 0, first.stderr
    return json.loads(first.stdout)


def test_a_good_model_is_pushed(project, summary):
    assert summary["blessed"]
    assert summary["metrics"]["accuracy"] > 0.9
    assert summary["baseline_metrics"] == {}
    assert project.versions() == [summary["pushed_version"]]
    assert sum(summary["images"].values()) == 120
    assert len(summary["serving"]) == 8
    assert not [sentence for sentence in summary["serving"] if "failed" in sentence]
    assert summary["refusals"] == []
    assert summary["export"].startswith("The network is served ")


def test_a_pushgateway_holds_what_the_run_found(pushgateway, summary):
    found = held(pushgateway, "digits")
    assert found["darkroom_run_outcome", "pushed"] == 1
    assert found["darkroom_run_pushed_version",] == summary["pushed_version"]
    assert found["darkroom_run_metric", "accuracy"] == summary["metrics"]["accuracy"]
    assert found["darkroom_run_images", "train"] == summary["images"]["train"]
    assert found["darkroom_run_quarantined_images",] == len(summary["quarantined"])
    assert {name[1] for name in found if name[0] == "darkroom_run_component_seconds"} == set(summary["seconds"])


def test_the_screen_shows_components_training_and_outcome_and_no_noise(first, summary):
    for component in summary["seconds"]:
        assert re.search(rf"✓ {component} +done +\d+\.\d s\n", first.stderr), component
    assert re.search(r"epoch +1/18 .*\bloss \d", first.stderr)
    assert f"version {summary['pushed_version']} in {summary['pushed_to']}" in first.stderr
    assert "There is no blessed model yet to compare with." in first.stderr
    noise = [line for line in first.stderr.splitlines() if re.search(r"WARNING|[IWE]\d{4} |absl|tensorflow/", line)]
    assert noise == []


def test_bad_files_are_named_and_cost_no_other_image(project, first, summary):
    found = {entry["file"].removeprefix("1/"): entry["reason"] for entry in summary["quarantined"]}
    assert found == project.bad
    for name, reason in project.bad.items():
        assert f"put aside 1/{name}: {reason}: " in first.stderr


def test_the_pushed_model_describes_itself(project, summary):
    folder = project.model / str(summary["pushed_version"])
    description = json.loads((folder / "assets.extra" / "darkroom.json").read_text())
    assert description["labels"] == ["0", "1", "2"]
    assert description["preprocessing"]["version"] == summary["preprocessing_version"]
    assert description["evaluation"] == summary["metrics"]
    assert (folder / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0


def test_the_pushed_model_carries_the_baseline_that_served_images_are_compared_with(project, summary):
    folder = project.model / str(summary["pushed_version"])
    description = json.loads((folder / "assets.extra" / "darkroom.json").read_text())

    assert description["baseline"]["images"] == description["data"]["images"]["eval"]
    assert (
        Population.from_json(description["baseline"]).numeric["confidence"].total == description["baseline"]["images"]
    )


def test_trainer_and_server_see_the_same_pixels_bit_for_bit(project, summary):
    """Through tf.data as the trainer reads, through the preprocessing exported once for the run, and through the model
    as TF Serving loads it."""
    folder = str(project.model / str(summary["pushed_version"]))
    description = json.loads(
        (project.model / str(summary["pushed_version"]) / "assets.extra/darkroom.json").read_text()
    )
    spec, statistics = parse_description(description["preprocessing"])
    graph = PreprocessingGraph(spec, statistics)
    images = [path.read_bytes() for path in sorted(project.images.glob("*/*.png")) if path.stem.isdigit()]
    trained = np.stack(
        [pixels.numpy() for pixels in tf.data.Dataset.from_tensor_slices(images).map(graph.preprocess_one)]
    )
    [exported] = project.artifacts.glob("**/preprocessing/preprocessing.json")
    assert np.array_equal(LoadedPreprocessing(exported.parent)(tf.constant(images)).numpy(), trained)
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], folder).signature_def["preprocess"]
        served = session.run(signature.outputs["pixels"].name, {signature.inputs["image_bytes"].name: images})
    assert np.array_equal(served, trained)


def test_an_unchanged_run_reuses_everything_and_pushes_nothing_new(project, summary):
    again = project.run(*QUICK, *UNSERVED)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["pushed_version"] == summary["pushed_version"]
    assert project.versions() == [summary["pushed_version"]]
    for component in ("ImageExampleGen", "StatisticsGen", "Transform", "Trainer"):
        assert re.search(rf"↺ {component} +cached", again.stderr), component


def test_a_worse_model_is_compared_with_the_blessed_one_and_not_pushed(project, summary):
    slow = ("--set", "training.epochs=1", "--set", "training.learning_rate=0.000001", "--description", "much too slow")
    worse = project.run(*QUICK, *slow)
    assert worse.returncode == 3
    verdict = json.loads(worse.stdout)
    assert not verdict["blessed"]
    assert verdict["pushed_to"] is None
    assert verdict["baseline_metrics"]["accuracy"] == pytest.approx(summary["metrics"]["accuracy"])
    assert "failed." in verdict["reasons"][0]
    assert verdict["reasons"][0] in worse.stderr.replace("\n", " ") or "was not blessed" in worse.stderr
    assert project.versions() == [summary["pushed_version"]]


def asked(project, command, *arguments):
    found = darkroom(command, *arguments, "-c", project.config)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_all_runs_are_listed_newest_first(project, summary):
    worse, again, first = json.loads(asked(project, "runs", "--json"))
    assert [run["outcome"] for run in (worse, again, first)] == [
        "not blessed",
        f"pushed as {summary['pushed_version']}",
        f"pushed as {summary['pushed_version']}",
    ]
    assert first["metrics"]["accuracy"] == pytest.approx(summary["metrics"]["accuracy"])
    assert worse["test_set"] == first["test_set"]
    assert worse["description"] == "much too slow"
    header, *lines = asked(project, "runs", "--csv", "--metric", "log_loss").splitlines()
    assert header.endswith("test_images,spans,code_revision,seconds,log_loss")
    assert len(lines) == 3


def test_each_run_has_a_page_that_needs_nothing_else(project, first, summary):
    [written] = re.findall(r"report: (\S+\.html)", first.stderr)
    page = Path(written).read_text()
    assert f"Blessed, and pushed as version {summary['pushed_version']}." in page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert len(page) < 3_000_000
    assert len(list((project.config.parent / ".darkroom" / "reports").glob("*.html"))) == 3


def test_a_report_is_written_again_as_facts_and_as_a_model_card(project, summary, tmp_path):
    version = str(summary["pushed_version"])
    facts = json.loads(asked(project, "report", version, "--format", "json"))
    assert facts["evaluation"]["rules"][0]["sentence"] == summary["reasons"][0]
    assert facts["configuration"]["model"]["name"] == "digits"
    asked(project, "report", version, "-o", tmp_path / "card.md")
    card = (tmp_path / "card.md").read_text()
    assert card.startswith("# digits\n")
    assert f"| Accuracy | {summary['metrics']['accuracy']:.4f} |" in card


def test_what_changed_between_two_runs_is_said(project, summary):
    found = json.loads(asked(project, "diff", str(summary["pushed_version"]), "latest", "--json"))
    changed = {(each["area"], each["name"]): (each["first"], each["second"]) for each in found}
    assert changed["configuration", "training.learning_rate"] == (0.001, 0.000001)
    assert changed["measures", "accuracy"][0] > changed["measures", "accuracy"][1]
    assert not [area for area, _ in changed if area in ("data", "code", "packages")]


def test_a_version_is_traced_back_to_the_images_that_trained_it(project, summary):
    version = str(summary["pushed_version"])
    lineage = json.loads(asked(project, "lineage", version, "--json"))
    assert lineage["trained_in"] == lineage["pushed_in"] == lineage["ingested_in"]
    assert lineage["preprocessing_version"] == summary["preprocessing_version"]
    images = [json.loads(line) for line in asked(project, "lineage", version, "--images", "train").splitlines()]
    assert len(images) == summary["images"]["train"]
    for image in images:
        assert image["label"] == image["image"].split("/")[0]
        assert hashlib.sha256((project.images / image["image"]).read_bytes()).hexdigest() == image["sha256"]
    unknown = darkroom("lineage", "7", "-c", project.config)
    assert unknown.returncode != 0
    assert f"no run pushed a version 7; there are {version}" in unknown.stderr


@pytest.fixture(scope="module")
def searched(project, summary):
    """`darkroom tune`, when there are new images."""
    write_digits(project.images, of_each=44)
    return darkroom("tune", "-c", project.config, "--json", *QUICK, *SEARCH, timeout=500)


@pytest.fixture(scope="module")
def report(searched):
    assert searched.returncode == 0, searched.stderr
    return json.loads(searched.stdout)


def test_trials_are_ranked_and_the_best_is_said(searched, report):
    scores = [trial["score"] for trial in report["trials"]]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert report["best"] == report["trials"][0]["values"]
    assert len(re.findall(r"trial \d  learning_rate .* val_accuracy \d\.\d+  1 epochs", searched.stderr)) == 2
    for key, value in report["best"].items():
        assert f"--set {key}={json.dumps(value)}" in searched.stderr
    assert "as configured" in searched.stderr


def test_a_run_sees_new_images_and_uses_what_was_found_without_searching_again(project, report):
    run = project.run(*QUICK, *SEARCH, *UNSERVED, "--set", "tuning.enabled=true")
    assert run.returncode in (0, 3), run.stderr
    assert re.search(r"↺ Tuner +cached", run.stderr)
    summary = json.loads(run.stdout)
    assert sum(summary["images"].values()) == 132
    assert summary["tuned"] == report["best"]
    [newest] = [max(project.artifacts.glob("Trainer/model/*"), key=lambda path: int(path.name))]
    description = json.loads((newest / "Format-Serving/assets.extra/darkroom.json").read_text())
    used = description["training"]["options"] | {"dropout": description["training"]["model"]["dropout"]}
    assert {key: used[key.rpartition(".")[2]] for key in report["best"]} == report["best"]


def test_a_folder_that_is_not_listed_is_bad_data(project):
    write_digits(project.images, digits=(3,), of_each=4)
    answer = project.run(*QUICK)
    assert answer.returncode == 2
    assert "'3'" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_wrong_key_ends_before_anything_starts(project):
    answer = project.run("--set", "training.epoch=1")
    assert answer.returncode == 2
    assert "did you mean training.epochs?" in answer.stderr


def test_images_that_are_gone_are_bad_data(project, tmp_path):
    answer = project.run("--set", f"data.images={tmp_path}/nothing")
    assert answer.returncode == 2
    assert "nothing is not a folder" in answer.stderr


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root.mkdir(), "no class folders"),
        (lambda root: write_digits(root, digits=(1,), of_each=9), "only one class folder"),
        (lambda root: [(root / name).mkdir(parents=True) for name in "ab"], "no usable image"),
    ],
    ids=["empty", "one class", "no images"],
)
def test_folders_that_cannot_be_trained_on_are_bad_data(tmp_path, make, message):
    make(tmp_path / "images")
    (tmp_path / "darkroom.yaml").write_text("data: {images: images}\n")
    answer = darkroom("run", "-c", tmp_path / "darkroom.yaml")
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr

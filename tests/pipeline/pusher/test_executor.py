"""The Pusher's executor on made artifacts."""

import json

import pytest
from tfx.types import standard_artifacts

from pipeline.lite_export.lite_model import LITE_FILE, LiteFacts, LiteModel
from pipeline.pusher import executor
from pipeline.pusher.executor import ModelPusherExecutor
from pipeline.pusher.refusal import REFUSAL_KEY
from serving.model_repository.local_storage import LocalStorage
from serving.model_repository.model_config_file import MODEL_CONFIG_FILE
from serving.model_repository.repository import ModelVersions
from tests.pipeline.report.made_report import made_evaluation, made_report

EVALUATION, _ = made_evaluation()


class Push:
    """What the executor reads and writes."""

    def __init__(self, root):
        self.root = root
        self.number = 0
        self.repository = ModelVersions(LocalStorage(root / "models"), "pets")

    def __call__(self, *, labels=("cat", "dog"), preprocessing="1-abc", **properties):
        self.number += 1
        folder = self.root / f"run{self.number}"
        made = made_report(self.root).model
        description = made | {
            "labels": labels,
            "preprocessing": made["preprocessing"] | {"version": preprocessing},
            "created": self.number,
        }
        self._write(folder / "model/Format-Serving/saved_model.pb", "graph")
        self._write(folder / "model/Format-Serving/assets.extra/darkroom.json", json.dumps(description))
        self._write(folder / "model_run/preprocessing/preprocessing.json", json.dumps({"version": "1-abc"}))
        return self.again(**properties)

    def again(self, *, blessed=True, checked=True, lite=None, **properties):
        folder = self.root / f"run{self.number}"
        blessing, infra = standard_artifacts.ModelBlessing(), standard_artifacts.InfraBlessing()
        blessing.set_int_custom_property("blessed", int(blessed))
        infra.set_int_custom_property("blessed", int(checked))
        model, run, evaluation = (
            standard_artifacts.Model(),
            standard_artifacts.ModelRun(),
            standard_artifacts.ModelEvaluation(),
        )
        self._write(folder / "check/tf_serving_warmup_requests", "requests")
        infra.uri = str(folder / "check")
        for artifact, name in ((model, "model"), (run, "model_run"), (evaluation, "evaluation")):
            artifact.uri = str(folder / name)
        pushed = standard_artifacts.PushedModel()
        pushed.uri = str(folder / "pushed")
        inputs = {
            "model": [model],
            "model_run": [run],
            "model_blessing": [blessing],
            "infra_blessing": [infra],
            "evaluation": [evaluation],
        }
        if lite is not None:
            artifact = LiteModel()
            artifact.uri = str(folder / "lite")
            lite.write(artifact.uri)
            self._write(folder / "lite" / LITE_FILE, "small")
            inputs["lite_model"] = [artifact]
        settings = {
            "repository": str(self.root / "models"),
            "model_name": "pets",
            "served_path": "",
            "allow_label_change": 0,
            **properties,
        }
        ModelPusherExecutor().Do(inputs, {"pushed_model": [pushed]}, settings)
        return pushed

    def _write(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def push(tmp_path, monkeypatch):
    monkeypatch.setattr(executor.EvaluationReport, "read", lambda uri: EVALUATION)
    return Push(tmp_path)


def refusal(pushed):
    assert pushed.get_int_custom_property("pushed") == 0
    return pushed.get_string_custom_property(REFUSAL_KEY) if pushed.has_custom_property(REFUSAL_KEY) else None


def test_a_blessed_model_is_pushed_with_its_evaluation_logged_and_listed(push, tmp_path):
    version = int(push(served_path="/srv/models").get_string_custom_property("pushed_version"))
    assert push.repository.facts(version).description["evaluation"] == EVALUATION.values
    card = (tmp_path / "models" / "pets" / str(version) / "assets.extra/model_card.md").read_text()
    assert card.startswith("# pets\n")
    assert (tmp_path / "models" / "pets" / str(version) / "assets.extra/tf_serving_warmup_requests").read_text() == (
        "requests"
    )
    assert [(record.action, record.after) for record in push.repository.history()] == [("push", version)]
    assert 'base_path: "/srv/models/pets"' in (tmp_path / "models" / MODEL_CONFIG_FILE).read_text()


def test_a_model_that_was_pushed_keeps_its_version(push):
    first = push().get_string_custom_property("pushed_version")
    assert push.again().get_string_custom_property("pushed_version") == first
    assert push.repository.versions() == [int(first)]


def test_a_model_that_is_gone_back_to_becomes_the_newest_version(push):
    first = int(push().get_string_custom_property("pushed_version"))
    second = int(push().get_string_custom_property("pushed_version"))
    push.number -= 1
    third = int(push.again().get_string_custom_property("pushed_version"))
    assert first < second < third
    assert push.repository.versions() == [first, second, third]


@pytest.mark.parametrize("verdict", ["blessed", "checked"])
def test_a_model_that_failed_evaluation_or_serving_check_is_not_pushed(push, verdict):
    refusal(push(**{verdict: False}))
    assert push.repository.versions() == []


def test_a_model_with_other_preprocessing_is_refused(push):
    assert "built with preprocessing 1-xyz" in refusal(push(preprocessing="1-xyz"))
    assert push.repository.versions() == []


def test_changed_labels_are_refused_unless_they_are_meant(push):
    push()
    assert "new: cow" in refusal(push(labels=("cat", "dog", "cow")))
    assert len(push.repository.versions()) == 1
    push(labels=("cat", "dog", "cow"), allow_label_change=1)
    assert len(push.repository.versions()) == 2


def test_a_version_is_above_every_pushed_one_even_when_that_was_deleted(push):
    push()
    future = push.repository.versions()[-1] + 1_000_000
    push.repository.record_push(future)
    assert int(push().get_string_custom_property("pushed_version")) == future + 1


def test_a_bucket_gets_the_whole_model(push):
    pushed = push(repository=f"ram://{push.root.name}/models")
    assert pushed.get_string_custom_property("pushed_destination").startswith("ram://")


@pytest.mark.parametrize("passed", [True, False])
def test_a_file_for_devices_travels_with_the_model_if_it_passed(push, tmp_path, passed):
    facts = LiteFacts(quantization="int8", metric="accuracy", value=0.7, passed=passed, sentence="It is small.")
    version = push(lite=facts).get_string_custom_property("pushed_version")
    assert (tmp_path / "models" / "pets" / version / "assets.extra" / LITE_FILE).exists() is passed
    assert push.repository.facts(int(version)).description["lite"]["value"] == 0.7
    assert push.again(lite=facts).get_string_custom_property("pushed_version") == version

"""A run's report that no run made."""

import numpy as np
import tensorflow as tf

from darkroom.configuration import DarkroomConfig
from darkroom.task import Task
from pipeline import features
from pipeline.evaluation.assessment import assess
from pipeline.evaluation.measures.answers import ClassAnswers
from pipeline.evaluation.options import EvaluationOptions
from pipeline.evaluation.recorded import Recorded
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.report.run_report import NodeReport, RunReport
from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import describe
from preprocessing.spec import PreprocessingSpec
from tests.preprocessing.made_images import png_bytes

LABELS = ("cat", "<b>dog</b>", "a|b")
COUNT = 60


def made_evaluation(baseline=True):
    random = np.random.default_rng(0)
    labels = np.arange(COUNT) % 3

    def answers(seed):
        noise = np.random.default_rng(seed).dirichlet(np.ones(3), COUNT)
        noise[np.arange(COUNT), labels] += random.uniform(0, 1, COUNT)
        return ClassAnswers(labels, (noise / noise.sum(axis=1, keepdims=True)).astype(np.float32))

    recorded = Recorded(
        sha256=np.array([f"{number:064x}" for number in range(COUNT)]),
        filename=np.array([f"<{number}>.png" for number in range(COUNT)]),
        size=np.full(COUNT, 100.0),
        brightness=np.full(COUNT, np.nan),
        extra=tuple({"camera": "left & right"} for _ in range(COUNT)),
        candidate=answers(1),
        baseline=answers(2) if baseline else None,
        images=COUNT,
    )
    counts = {"train": dict.fromkeys(LABELS, 10)}
    facts = DatasetFacts(source="made", labels=LABELS, counts=counts, quarantined=0)
    options = EvaluationOptions.from_configuration(DarkroomConfig())
    return assess(recorded, facts, options, {}, None if baseline else "There is none."), facts


def made_report(folder, **changes):
    found, facts = made_evaluation()
    graph = PreprocessingGraph(PreprocessingSpec(height=8, width=8, channels=1, scaling="symmetric"))
    training = {
        "architecture": "small_cnn",
        "parameters": 1234,
        "optimizer": "Adam",
        "epochs_run": 3,
        "best_epoch": 2,
        "seconds": 1.5,
        "weights": None,
        "tuned": {"training.learning_rate": 0.01},
        "findings": [{"kind": "plateau", "seen": "It stood still.", "advice": "Stop."}],
        "ended": None,
    }
    values = {
        "run_id": "2026-01-02T03:04:05+00:00",
        "pipeline": "pets",
        "description": "with <more> data",
        "started": "2026-01-02T03:04:05+00:00",
        "ended": "2026-01-02T03:05:05+00:00",
        "outcome": "pushed as 12",
        "blessed": True,
        "pushed_version": 12,
        "nodes": (NodeReport(name="Trainer", state="done", seconds=3.0),),
        "data": facts.model_dump(mode="json"),
        "data_check": {
            "previous": "span 6",
            "anomalies": ["train: image/class/text: Examples contain values missing from the schema: c"],
            "comparisons": [
                {
                    "kind": "drift",
                    "base": "span 6",
                    "current": "span 7",
                    "feature": "brightness",
                    "measure": "jensen_shannon",
                    "value": 0.31,
                    "limit": 0.1,
                    "images": 900,
                    "is_exceeded": True,
                },
            ],
            "blocked_by": [],
        },
        "put_aside": {"corrupt": 2},
        "put_aside_files": ({"file": "x<y>.png", "detail": "cut short"},),
        "model": {
            "model_name": "pets",
            "task": str(Task.MULTICLASS),
            "labels": list(LABELS),
            "created": "2026-01-02",
            "preprocessing": describe(graph),
            "training": training,
            "data": {"source": "made", "images": {"train": 30, "eval": 6, "test": COUNT}},
        },
        "history": {"loss": [2.0, 1.0, 0.5], "val_loss": [2.0, 1.5, 1.6], "phase": ["scratch"] * 3},
        "evaluation": found,
        "serving_check": ({"name": "loads", "sentence": "It must load: passed.", "passed": True},),
        "refusal": None,
        "lite": None,
        "artifacts": {"ImageExampleGen": {"examples": str(folder)}},
        "fingerprint": "abc",
        "code_revision": None,
        "packages": {"tensorflow": "2.21.0"},
        "configuration": {"model": {"name": "pets"}},
    }
    return RunReport.model_validate(values | changes)


def write_examples(folder):
    """The test images that its mistakes are about, as an Examples artifact has them."""
    (folder / "Split-test").mkdir()
    image = png_bytes(np.arange(64, dtype=np.uint8).reshape(8, 8))
    with tf.io.TFRecordWriter(str(folder / "Split-test" / "data.gz"), "GZIP") as writer:
        for number in range(COUNT):
            values = {features.ENCODED: image, features.SHA256: f"{number:064x}".encode()}
            feature = {
                key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for key, value in values.items()
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())

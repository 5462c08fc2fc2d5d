"""The gate: TFMA runs on real SavedModels whose mistakes are known, and the verdict explains what it decided."""

from pathlib import Path

import pytest
import tensorflow as tf
from tfx.components.evaluator.executor import Executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, path_utils, proto_utils

from darkroom.configuration.sections import EvaluationSection
from pipeline import features
from pipeline.evaluation.eval_config import EVALUATE_SIGNATURE, PROBABILITIES, eval_config
from pipeline.evaluation.verdict import read_verdict

EXAMPLES = 20


class Mistaken(tf.Module):
    """A model of two classes that is wrong about the first `mistakes` examples."""

    def __init__(self, mistakes):
        super().__init__()
        self.mistakes = mistakes

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def evaluate(self, examples):
        parsed = tf.io.parse_example(
            examples,
            {key: tf.io.FixedLenFeature([], tf.int64) for key in (features.LABEL, features.HEIGHT)},
        )
        is_wrong = parsed[features.HEIGHT] < self.mistakes
        answer = tf.where(is_wrong, 1 - parsed[features.LABEL], parsed[features.LABEL])
        return {PROBABILITIES: tf.one_hot(answer, 2, on_value=0.9, off_value=0.1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate")
    (folder / f"Split-{features.TEST_SPLIT}").mkdir()
    shard = str(folder / f"Split-{features.TEST_SPLIT}" / "data.gz")
    with tf.io.TFRecordWriter(shard, "GZIP") as writer:
        for number in range(EXAMPLES):
            values = {features.LABEL: number % 2, features.HEIGHT: number}
            feature = {
                key: tf.train.Feature(int64_list=tf.train.Int64List(value=[value])) for key, value in values.items()
            }
            feature[features.LABEL_TEXT] = tf.train.Feature(
                bytes_list=tf.train.BytesList(value=[b"odd" if number % 2 else b"even"])
            )
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    return folder


@pytest.fixture(scope="module")
def judge(folder):
    """Runs the Evaluator on a model with `mistakes`, against a baseline; returns its decision and the verdict."""
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    examples.split_names = artifact_utils.encode_split_names([features.TEST_SPLIT])

    def saved(mistakes):
        artifact = standard_artifacts.Model()
        artifact.uri = str(folder / f"model-{mistakes}")
        if not Path(artifact.uri).exists():
            model = Mistaken(mistakes)
            tf.saved_model.save(
                model, path_utils.serving_model_dir(artifact.uri), signatures={EVALUATE_SIGNATURE: model.evaluate}
            )
        return artifact

    def run(mistakes, baseline_mistakes=None, **rules):
        section = EvaluationSection(**rules)
        evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
        number = len(list(folder.iterdir()))
        evaluation.uri, blessing.uri = str(folder / f"evaluation-{number}"), str(folder / f"blessing-{number}")
        inputs = {"examples": [examples], "model": [saved(mistakes)]}
        if baseline_mistakes is not None:
            inputs["baseline_model"] = [saved(baseline_mistakes)]
        Executor().Do(
            inputs,
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": proto_utils.proto_to_json(eval_config(section)),
                "example_splits": json_utils.dumps([features.TEST_SPLIT]),
            },
        )
        blessed = blessing.get_int_custom_property("blessed") == 1
        verdict = read_verdict(evaluation.uri, section, blessed=blessed, has_baseline=baseline_mistakes is not None)
        return blessed, verdict

    return run


def test_a_good_model_without_baseline_passes(judge):
    blessed, verdict = judge(2, min_accuracy=0.9)
    assert blessed
    assert verdict.accuracy == pytest.approx(0.9)
    assert verdict.baseline_accuracy is None
    assert verdict.reasons == (
        "Accuracy must be at least 0.9000 and is 0.9000: passed.",
        "There is no blessed model yet to compare with.",
    )


def test_too_low_an_accuracy_fails(judge):
    blessed, verdict = judge(3, min_accuracy=0.9)
    assert not blessed
    assert verdict.reasons[0] == "Accuracy must be at least 0.9000 and is 0.8500: failed."


@pytest.mark.parametrize(
    ("mistakes", "passes", "said"), [(3, True, "passed"), (4, False, "failed"), (1, True, "passed")]
)
def test_a_drop_of_the_allowed_size_passes_and_a_larger_one_fails(judge, mistakes, passes, said):
    blessed, verdict = judge(mistakes, 2, min_accuracy=0.5, max_accuracy_drop=0.05)
    assert blessed == passes
    assert verdict.baseline_accuracy == pytest.approx(0.9)
    assert verdict.reasons[1] == (
        "Accuracy may fall by at most 0.0500 from the baseline's 0.9000 and changed by "
        f"{(2 - mistakes) / EXAMPLES:+.4f}: {said}."
    )


def test_one_bad_class_does_not_fail_a_model_that_is_good_enough_over_all(judge):
    """One mistake is 0.95 over all, and 0.90 in the class of 10 that it falls into."""
    blessed, verdict = judge(1, 0, min_accuracy=0.93, max_accuracy_drop=0.06)
    assert blessed, verdict.reasons


def test_the_comparison_can_be_switched_off(judge):
    blessed, verdict = judge(9, 2, min_accuracy=0.5, max_accuracy_drop=None)
    assert blessed
    assert verdict.reasons[1] == "The comparison with the latest blessed model is switched off."

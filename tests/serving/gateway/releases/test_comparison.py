import numpy as np
import pytest

from serving import tensors
from serving.gateway.releases.comparison import compare
from serving.protos import classification_pb2, predict_pb2, regression_pb2


def answer(**outputs):
    response = predict_pb2.PredictResponse()
    for name, values in outputs.items():
        response.outputs[name].CopyFrom(tensors.to_proto(values))
    return response


def labelled(scores, labels=("cat", "dog")):
    scores = np.float32(scores)
    order = np.argsort(-scores, axis=1)
    return answer(
        probabilities=scores, class_ids=order.astype(np.int64), labels=[[labels[k] for k in row] for row in order]
    )


def test_equal_answers_agree():
    found = compare("Predict", labelled([[0.9, 0.1], [0.2, 0.8]]), labelled([[0.9, 0.1], [0.2, 0.8]]))

    assert (found.predictions, found.disagreements, found.largest_difference) == (2, 0, 0.0)


def test_other_labels_and_scores_are_seen():
    found = compare("Predict", labelled([[0.9, 0.1], [0.2, 0.8]]), labelled([[0.4, 0.6], [0.3, 0.7]]))

    assert (found.predictions, found.disagreements) == (2, 1)
    assert found.largest_difference == pytest.approx(0.5)


def test_classes_that_are_numbered_differently_are_compared_by_their_names():
    found = compare("Predict", labelled([[0.9, 0.1]]), labelled([[0.1, 0.9]], labels=("dog", "cat")))

    assert (found.disagreements, found.largest_difference) == (0, 0.0)


def test_no_class_in_common_is_as_different_as_can_be():
    found = compare("Predict", labelled([[0.9, 0.1]]), labelled([[0.9, 0.1]], labels=("car", "bus")))

    assert (found.disagreements, found.largest_difference) == (1, 1.0)


def test_regression_has_no_classes():
    found = compare("Predict", answer(value=np.float32([1.0, 2.0])), answer(value=np.float32([1.5, 2.0])))

    assert (found.predictions, found.disagreements, found.largest_difference) == (2, 0, 0.5)


def test_any_other_models_scores_are_compared_by_their_largest():
    found = compare("Predict", answer(scores=np.float32([[1, 2, 3]])), answer(scores=np.float32([[4, 2, 3]])))

    assert (found.predictions, found.disagreements, found.largest_difference) == (1, 1, 3.0)


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ([np.nan], [np.nan], 0.0),
        ([np.nan], [1.0], np.inf),
        ([np.inf], [np.inf], 0.0),
        ([np.inf], [-np.inf], np.inf),
    ],
)
def test_values_that_are_no_numbers(one, other, difference):
    found = compare("Predict", answer(value=np.float32(one)), answer(value=np.float32(other)))

    assert found.largest_difference == difference


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (answer(), answer()),
        (answer(value=np.float32([1, 2])), answer(value=np.float32([1]))),
        (answer(one=np.float32([1])), answer(two=np.float32([1]))),
        (answer(text=["a"]), answer(text=["b"])),
        (labelled([[0.9, 0.1]]), labelled([[0.9, 0.1], [0.9, 0.1]])),
        (labelled(np.zeros((0, 2))), labelled(np.zeros((0, 2)))),
    ],
)
def test_what_can_not_be_compared_is_not(one, other):
    assert compare("Predict", one, other) is None


def test_classifications_and_regressions():
    one, other = classification_pb2.ClassificationResponse(), classification_pb2.ClassificationResponse()
    for response, scores in ((one, (0.9, 0.1)), (other, (0.3, 0.7))):
        listed = response.result.classifications.add()
        for label, score in zip(("cat", "dog"), scores, strict=True):
            listed.classes.add(label=label, score=score)
    found = compare("Classify", one, other)
    assert found.disagreements == 1
    assert found.largest_difference == pytest.approx(0.6)

    one, other = regression_pb2.RegressionResponse(), regression_pb2.RegressionResponse()
    one.result.regressions.add(value=2.0)
    other.result.regressions.add(value=2.5)
    assert compare("Regress", one, other).largest_difference == pytest.approx(0.5)

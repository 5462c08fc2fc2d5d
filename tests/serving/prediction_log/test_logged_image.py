"""Images and opinions out of prediction logs of each kind."""

import numpy as np
import pytest

from serving import tensors
from serving.prediction_log.logged_image import Opinion, read_logged_images
from serving.protos import prediction_log_pb2
from tests.serving.gateway.pictures import GREEN, RED
from tests.serving.prediction_log.logs import example, predict_log


def read(entry):
    return list(read_logged_images(entry.SerializeToString()))


def test_an_image_has_the_opinion_of_the_version_that_answered():
    (first, second) = read(
        predict_log([RED, GREEN], [0.9, 0.25], request_id="id-1", version=7, time=1_700_000_000, rate=0.1)
    )

    assert (first.image, second.image) == (RED, GREEN)
    assert first.opinion == Opinion("cat", pytest.approx(0.9))
    assert second.opinion == Opinion("dog", pytest.approx(0.75))
    assert (first.model, first.version, first.request_id, first.is_sampled) == ("pets", 7, "id-1", True)
    assert first.time == "2023-11-14T22:13:20+00:00"


def test_what_tf_serving_does_not_log_is_empty():
    (found,) = read(predict_log([RED], [0.9]))

    assert (found.request_id, found.time, found.is_sampled) == ("", "", False)


def test_a_request_id_that_no_gateway_lets_in_is_not_one():
    (found,) = read(predict_log([RED], [0.9], request_id='=HYPERLINK("http://x")'))

    assert found.request_id == ""


def test_a_string_input_of_any_name_may_hold_the_images():
    assert [found.image for found in read(predict_log([RED], [0.9], input_name="bytes"))] == [RED]


def test_predict_on_examples_gives_their_images():
    entry = predict_log(
        [example(RED).SerializeToString(), example(GREEN).SerializeToString()],
        input_name="examples",
        scores=np.float32([[0.25, 0.75], [0.5, 0.5]]),
        classes=[["cat", "dog"]] * 2,
    )

    first, second = read(entry)
    assert (first.image, second.image) == (RED, GREEN)
    assert first.opinion == Opinion("dog", 0.75)


def test_classify_regress_and_multi_inference_give_the_images_of_their_examples():
    classified = prediction_log_pb2.PredictionLog()
    classified.classify_log.request.model_spec.name = "pets"
    classified.classify_log.request.input.example_list.examples.append(example(RED))
    scored = classified.classify_log.response.result.classifications.add().classes
    scored.add(label="cat", score=0.25)
    scored.add(label="dog", score=0.75)
    regressed = prediction_log_pb2.PredictionLog()
    regressed.regress_log.request.input.example_list_with_context.examples.append(example(GREEN))
    regressed.regress_log.response.result.regressions.add(value=2.5)
    several = prediction_log_pb2.PredictionLog()
    several.multi_inference_log.request.tasks.add().model_spec.name = "pets"
    several.multi_inference_log.request.input.example_list.examples.append(example(RED))
    result = several.multi_inference_log.response.results.add()
    result.classification_result.classifications.add().classes.add(label="dog", score=0.5)

    found = [read(entry)[0] for entry in (classified, regressed, several)]
    assert [one.image for one in found] == [RED, GREEN, RED]
    assert [one.opinion for one in found] == [Opinion("dog", 0.75), Opinion(value=2.5), Opinion("dog", 0.5)]
    assert [one.model for one in found] == ["pets", "", "pets"]


def test_a_regression_has_its_value():
    assert read(predict_log([RED], value=np.float32([[1.5]])))[0].opinion == Opinion(value=1.5)


def test_probabilities_without_names_are_told_by_number():
    (found,) = read(predict_log([RED], probabilities=np.float32([[0.1, 0.2, 0.7]])))

    assert found.opinion == Opinion("2", pytest.approx(0.7))


@pytest.mark.parametrize(
    "outputs",
    [{}, {"probabilities": np.float32([0.5, 0.5])}, {"probabilities": np.float32([[0.5, 0.5]] * 2)}, {"y": [b"x"]}],
)
def test_an_answer_in_another_form_leaves_the_image_without_an_opinion(outputs):
    (found,) = read(predict_log([RED], **outputs))

    assert found.opinion is None


def test_requests_without_images_give_none():
    entry = prediction_log_pb2.PredictionLog()
    entry.predict_log.request.inputs["x"].CopyFrom(tensors.to_proto(np.float32([1, 2])))
    entry.predict_log.request.inputs["text"].CopyFrom(tensors.to_proto(["words", "more"]))

    assert read(entry) == []


@pytest.mark.parametrize("record", [b"", b"\xff\xff\xff", example(RED).SerializeToString()])
def test_another_kind_of_record_is_an_error(record):
    with pytest.raises(ValueError, match="PredictionLog"):
        list(read_logged_images(record))


def test_a_tensor_that_contradicts_itself_is_an_error():
    entry = predict_log([RED, GREEN])
    entry.predict_log.request.inputs["image_bytes"].tensor_shape.dim[0].size = 1

    with pytest.raises(ValueError, match="contradicts itself"):
        read(entry)

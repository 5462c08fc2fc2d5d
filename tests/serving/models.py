"""Small SavedModels to serve in tests.

TensorFlow is imported when a model is made, not with this module. `python -m tests.serving.models KIND PATH` makes one
from a process that must stay free of TensorFlow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics
from preprocessing.version import preprocessing_version as compute_preprocessing_version

# `class_ids` and `labels` of `serving_default` hold at most this many classes.
TOP_CLASSES = 100


def export_darkroom_model(
    path: Path,
    *,
    labels: Sequence[str] = ("cat", "dog"),
    preprocessing_version: str | None = None,
    bias: Sequence[float] | None = None,
    height: int = 4,
    width: int = 4,
    model_name: str = "pets",
    described_version: str | None = None,
    warmup_images: Sequence[bytes] = (),
) -> Path:
    """Write a model with Darkroom's signatures to `path` (a version folder such as `…/pets/1`); returns `path`.

    The probabilities are the softmax of `logits[k] = 4 * mean(channel k % 3) / 255 + bias[k]`, so a red image favours
    class 0, a green one class 1, a blue one class 2.

    Args:
        path: where the SavedModel goes; must not exist.
        labels: the class names, in the order of the class ids.
        preprocessing_version: what the model says its preprocessing version is; by default the right one for its spec.
            The model server refuses a model whose version does not follow from its spec.
        bias: added to the logits, `[len(labels)]`; two versions with different biases give different answers.
        height: of the model's input, in pixels.
        width: of the model's input, in pixels.
        model_name: the name in the description.
        described_version: what the `describe` signature says, if it should differ from assets.extra/darkroom.json.
        warmup_images: encoded images for assets.extra/tf_serving_warmup_requests, one request each.
    """
    import tensorflow as tf

    spec = PreprocessingSpec(height=height, width=width, channels=3, mode="stretch", scaling="standardize")
    statistics = ChannelStatistics(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0), image_count=1)
    version = preprocessing_version or compute_preprocessing_version(spec, statistics)

    def description(stated_version: str) -> str:
        return json.dumps(
            {
                "format_version": 1,
                "task": "multiclass",
                "labels": list(labels),
                "preprocessing": {
                    "version": stated_version,
                    "spec": spec.model_dump(mode="json"),
                    "statistics": statistics.model_dump(mode="json"),
                },
                "model_name": model_name,
            }
        )

    count = len(labels)
    kernel = [[4.0 if k % 3 == channel else 0.0 for k in range(count)] for channel in range(3)]
    offsets = tf.Variable(list(bias) if bias is not None else [0.0] * count, dtype=tf.float32)
    module = tf.Module()
    module.offsets = offsets
    described = description(described_version or version)

    def decode(image_bytes: Any) -> Any:
        image = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
        image.set_shape([None, None, 3])
        return tf.image.resize(image, [height, width]) / 255.0

    def classify_pixels(pixels: Any) -> dict[str, Any]:
        logits = tf.reduce_mean(pixels, axis=[1, 2]) @ tf.constant(kernel) + offsets
        probabilities = tf.nn.softmax(logits)
        _, class_ids = tf.math.top_k(probabilities, k=min(count, TOP_CLASSES))
        return {
            "probabilities": probabilities,
            "class_ids": tf.cast(class_ids, tf.int64),
            "labels": tf.gather(tf.constant(list(labels)), class_ids),
        }

    def images(image_bytes: Any) -> Any:
        return tf.map_fn(decode, image_bytes, fn_output_signature=tf.TensorSpec([height, width, 3], tf.float32))

    def parse(examples: Any) -> dict[str, Any]:
        return tf.io.parse_example(
            examples,
            {
                "image/encoded": tf.io.FixedLenFeature([], tf.string),
                "image/class/label": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
            },
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serving_default(image_bytes: Any) -> dict[str, Any]:
        return classify_pixels(images(image_bytes))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def preprocess(image_bytes: Any) -> dict[str, Any]:
        return {"pixels": images(image_bytes)}

    @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.float32, name="pixels")])
    def serving_pixels(pixels: Any) -> dict[str, Any]:
        return classify_pixels(pixels)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(inputs: Any) -> dict[str, Any]:
        scores = classify_pixels(images(parse(inputs)["image/encoded"]))["probabilities"]
        return {"classes": tf.tile(tf.constant([list(labels)]), [tf.shape(scores)[0], 1]), "scores": scores}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def evaluate(examples: Any) -> dict[str, Any]:
        features = parse(examples)
        return {**classify_pixels(images(features["image/encoded"])), "label": features["image/class/label"]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="request")])
    def describe(request: Any) -> dict[str, Any]:
        return {"description": tf.fill(tf.shape(request), tf.constant(described))}

    functions = {
        "serving_default": serving_default,
        "serving_pixels": serving_pixels,
        "preprocess": preprocess,
        "classify": classify,
        "evaluate": evaluate,
        "describe": describe,
    }
    tf.saved_model.save(module, str(path), signatures=functions)
    set_method_name(path, "classify", "tensorflow/serving/classify")
    extra = Path(path) / "assets.extra"
    extra.mkdir()
    (extra / "darkroom.json").write_text(description(version))
    if warmup_images:
        write_warmup_requests(path, model_name, warmup_images)
    return Path(path)


def set_method_name(path: Path, signature: str, method_name: str) -> None:
    """Give a signature the method name that Classify and Regress ask for; TF 2 always writes `predict`."""
    import tensorflow as tf

    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(path))
    updater.replace_method_name(signature_key=signature, method_name=method_name)
    updater.save()


def write_warmup_requests(
    path: Path, model_name: str, images: Sequence[bytes], *, signature_name: str = "serving_default"
) -> None:
    """Write one Predict request for each image to assets.extra/tf_serving_warmup_requests."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    extra = Path(path) / "assets.extra"
    extra.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        for image in images:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature_name
            request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([image]))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def export_half_plus_two(path: Path, *, addend: float = 2.0) -> Path:
    """TF Serving's example: `x` float [N] -> `y` = x / 2 + addend, and `regress_x_to_y` over tf.Example."""
    import tensorflow as tf

    module = tf.Module()
    module.slope = tf.Variable(0.5)
    module.addend = tf.Variable(addend)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(x: Any) -> dict[str, Any]:
        return {"y": x * module.slope + module.addend}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(inputs: Any) -> dict[str, Any]:
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        return {"outputs": x * module.slope + module.addend}

    tf.saved_model.save(module, str(path), signatures={"serving_default": predict, "regress_x_to_y": regress})
    set_method_name(path, "regress_x_to_y", "tensorflow/serving/regress")
    return Path(path)


def export_tf1_half_plus_two(path: Path) -> Path:
    """half_plus_two as TF 1's SavedModelBuilder writes it."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
        slope = tf.compat.v1.get_variable("slope", initializer=0.5, use_resource=False)
        y = tf.add(x * slope, 2.0, name="y")
        session.run(tf.compat.v1.global_variables_initializer())
        builder = tf.compat.v1.saved_model.Builder(str(path))
        signature = tf.compat.v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    return Path(path)


def export_tf1_classifier(path: Path) -> Path:
    """A TF 1 SavedModel with a lookup table to initialise and the signatures of TF 1's builders.

    classify: tf.Example with `x` float -> classes `negative`, `positive` and scores [-x, x].
    regress: tf.Example with `x` float -> 3 x.
    serving_default: `name` string [N] -> `number` int64 [N], from the table, -1 for an unknown name.
    """
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, [None], name="tf_example")
        x = v1.parse_example(serialized, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        factor = v1.get_variable("factor", initializer=3.0, use_resource=False)
        classes = tf.tile(tf.constant([["negative", "positive"]]), [tf.shape(x)[0], 1])
        names = v1.placeholder(tf.string, [None], name="names")
        keys, values = tf.constant(["one", "two"]), tf.constant([1, 2], tf.int64)
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)
        signatures = v1.saved_model.signature_def_utils
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "classify": signatures.classification_signature_def(serialized, classes, tf.concat([-x, x], axis=1)),
                "regress": signatures.regression_signature_def(serialized, x * factor),
                "serving_default": signatures.predict_signature_def({"name": names}, {"number": table.lookup(names)}),
            },
            main_op=v1.tables_initializer(),
        )
        builder.save()
    return Path(path)


def export_generic(path: Path) -> Path:
    """One model with many kinds of signature.

    serving_default: two inputs and outputs, `text` string [N] and `scale` float [N] -> `text`, `text_bytes`, `doubled`.
    echo: `text` string, any shape -> `text`.
    scalar: `a` float [] -> `twice` float [].
    no_batch: `matrix` int32 [2, 3] -> `total` int32 [].
    types: one input and output of each dtype, [N] each, named after it.
    special: `x` float [N] -> `y` = log(x), which gives NaN and infinities.
    slow: `seconds` float [] -> `slept`, after that many seconds of busy matrix products (for drain tests).
    native_regress, native_classify: tf.Example with `x`, as TensorFlow 2 saves such signatures, without a method name.
    fail: `x` float [N] -> an InvalidArgument error from inside the graph when any x is negative.
    """
    import tensorflow as tf

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text"), tf.TensorSpec([None], tf.float32, "scale")])
    def serving_default(text: Any, scale: Any) -> dict[str, Any]:
        return {"text": text, "text_bytes": text, "doubled": scale * 2.0}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string, "text")])
    def echo(text: Any) -> dict[str, Any]:
        return {"text": tf.identity(text)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "a")])
    def scalar(a: Any) -> dict[str, Any]:
        return {"twice": a * 2.0}

    @tf.function(input_signature=[tf.TensorSpec([2, 3], tf.int32, "matrix")])
    def no_batch(matrix: Any) -> dict[str, Any]:
        return {"total": tf.reduce_sum(matrix)}

    kinds = [
        *(tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int8, tf.int16, tf.int32, tf.int64),
        *(tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.bool, tf.string, tf.complex64, tf.complex128),
    ]

    @tf.function(input_signature=[tf.TensorSpec([None], kind, kind.name) for kind in kinds])
    def types(*tensors: Any) -> dict[str, Any]:
        return {f"{kind.name}_out": tf.identity(tensor) for kind, tensor in zip(kinds, tensors, strict=True)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def special(x: Any) -> dict[str, Any]:
        return {"y": tf.math.log(x)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "seconds")])
    def slow(seconds: Any) -> dict[str, Any]:
        start = tf.timestamp()
        end = start + tf.cast(seconds, tf.float64)
        side = tf.ones([64, 64])
        tf.while_loop(lambda x: tf.timestamp() < end, lambda x: [(x @ x) / 64.0], [side])
        return {"slept": seconds + 0.0 * tf.cast(start, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def fail(x: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, message="x must not be negative")]):
            return {"x": tf.identity(x)}

    def parse_x(examples: Any) -> Any:
        return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def native_regress(inputs: Any) -> dict[str, Any]:
        return {"outputs": 2.0 * parse_x(inputs)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def native_classify(inputs: Any) -> dict[str, Any]:
        x = parse_x(inputs)
        classes = tf.tile(tf.constant([["a", "b"]]), [tf.shape(x)[0], 1])
        return {"classes": classes, "scores": tf.concat([x, -x], axis=1)}

    functions = {
        "serving_default": serving_default,
        "native_regress": native_regress,
        "native_classify": native_classify,
        "echo": echo,
        "scalar": scalar,
        "no_batch": no_batch,
        "types": types,
        "special": special,
        "slow": slow,
        "fail": fail,
    }
    tf.saved_model.save(module, str(path), signatures=functions)
    return Path(path)


def _small_keras_model() -> Any:
    import keras

    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="ones")])


def export_keras_model(path: Path) -> Path:
    """What Keras 3's own `model.export` writes: one input float [N, 3] -> one output float [N, 2], each the sum."""
    _small_keras_model().export(str(path), verbose=False)
    return Path(path)


def export_unrestorable_model(path: Path) -> Path:
    """A Keras 3 model saved as an attribute of a tf.Module: TF Serving loads it and then fails every request."""
    import tensorflow as tf

    module = tf.Module()
    module.model = _small_keras_model()

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def predict(x: Any) -> dict[str, Any]:
        return {"y": module.model(x)}

    tf.saved_model.save(module, str(path), signatures={"serving_default": predict})
    return Path(path)


_KINDS: dict[str, Callable[[Path], Path]] = {
    "darkroom": export_darkroom_model,
    "half_plus_two": export_half_plus_two,
    "tf1_half_plus_two": export_tf1_half_plus_two,
    "generic": export_generic,
}

if __name__ == "__main__":
    _KINDS[sys.argv[1]](Path(sys.argv[2]))

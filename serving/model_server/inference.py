"""TF Serving's inference calls on one servable: protos in, protos out, free of any protocol.

The rules and messages of tensorflow_serving/servables/tensorflow/{predict_util,classifier,regressor,
multi_inference}.cc.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from serving import tensors
from serving.errors import Code, ServingError
from serving.model_server.runner import Runner
from serving.model_server.signature import DEFAULT_SIGNATURE, choose_outputs, read_inputs
from serving.protos import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    meta_graph_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
    types_pb2,
)

CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"

# The names that TF Serving's Classify and Regress look for (tensorflow/cc/saved_model/signature_constants.h).
INPUTS = "inputs"
CLASSES = "classes"
SCORES = "scores"
OUTPUTS = "outputs"


async def predict(runner: Runner, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    """Run a signature on named tensors. The response's `model_spec` is left to the caller.

    Numbers are answered in the typed fields (`float_val`, …), where TF Serving puts them and many clients look.

    Raises:
        ServingError: FAILED_PRECONDITION for an unknown signature, INVALID_ARGUMENT for inputs or an output filter that
            do not fit, or what the model raised.
    """
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = runner.signatures.get(name)
    if signature is None:
        raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
    outputs = choose_outputs(signature, request.output_filter)
    arrays = await runner.run(name, read_inputs(name, signature, request.inputs), outputs)
    response = predict_pb2.PredictResponse()
    for output in outputs:
        response.outputs[output].CopyFrom(
            tensors.to_proto(arrays[output], signature.outputs[output].dtype % 100, layout="values")
        )
    return response


async def classify(
    runner: Runner, request: classification_pb2.ClassificationRequest
) -> classification_pb2.ClassificationResponse:
    """Run a classification signature on tf.Examples.

    Raises:
        ServingError: INVALID_ARGUMENT for an unknown signature or empty input;
            FAILED_PRECONDITION when the signature lacks what Classify needs; or what the model raised.
    """
    response = classification_pb2.ClassificationResponse()
    await _classify_into(response.result, runner, request.model_spec, request.input)
    return response


async def regress(runner: Runner, request: regression_pb2.RegressionRequest) -> regression_pb2.RegressionResponse:
    """Run a regression signature on tf.Examples.

    Raises:
        ServingError: as `classify`.
    """
    response = regression_pb2.RegressionResponse()
    await _regress_into(response.result, runner, request.model_spec, request.input)
    return response


async def multi_inference(
    runner: Runner, request: inference_pb2.MultiInferenceRequest
) -> inference_pb2.MultiInferenceResponse:
    """Run several classification and regression signatures on the same tf.Examples.

    Raises:
        ServingError: INVALID_ARGUMENT when there are no tasks, a signature is named twice or tasks name different
            models, UNIMPLEMENTED for another method, or as `classify`.
    """
    if not request.tasks:
        raise ServingError(Code.INVALID_ARGUMENT, "Inference request should have at least one task")
    response = inference_pb2.MultiInferenceResponse()
    seen: set[str] = set()
    for task in request.tasks:
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            )
        signature_name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if signature_name in seen:
            raise ServingError(Code.INVALID_ARGUMENT, f"Duplicate evaluation of signature: {signature_name}")
        seen.add(signature_name)
        result = response.results.add()
        result.model_spec.CopyFrom(task.model_spec)
        if task.method_name == CLASSIFY_METHOD:
            await _classify_into(result.classification_result, runner, task.model_spec, request.input)
        elif task.method_name == REGRESS_METHOD:
            await _regress_into(result.regression_result, runner, task.model_spec, request.input)
        else:
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
    return response


def example_count(source: input_pb2.Input) -> int:
    """How many tf.Examples a request holds."""
    return len(_examples(source))


async def _classify_into(
    result: classification_pb2.ClassificationResult,
    runner: Runner,
    spec: model_pb2.ModelSpec,
    source: input_pb2.Input,
) -> None:
    name, signature = _example_signature(runner, spec, "classification")
    if len(signature.outputs) not in (1, 2):
        raise ServingError(Code.INVALID_ARGUMENT, f"Expected one or two output Tensors, found {len(signature.outputs)}")
    wanted = [output for output in (CLASSES, SCORES) if output in signature.outputs]
    if not wanted:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature has: {', '.join(sorted(signature.outputs))}",
        )
    arrays, count = await _run_on_examples(runner, name, source, wanted)
    for output, kind in ((CLASSES, types_pb2.DT_STRING), (SCORES, types_pb2.DT_FLOAT)):
        if output in arrays:
            _check_classification_output(output, arrays[output], signature.outputs[output].dtype, kind, count)
    if len(wanted) == 2 and arrays[CLASSES].shape != arrays[SCORES].shape:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Tensors class and score should match in dim_size(1). Got {arrays[CLASSES].shape[1]} vs. "
            f"{arrays[SCORES].shape[1]}",
        )
    labels = arrays[CLASSES].tolist() if CLASSES in arrays else None
    scores = arrays[SCORES].tolist() if SCORES in arrays else None
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range(arrays[wanted[0]].shape[1]):
            item = classes.add()
            if labels is not None:
                item.label = _label(labels[row][column])
            if scores is not None:
                item.score = scores[row][column]


async def _regress_into(
    result: regression_pb2.RegressionResult, runner: Runner, spec: model_pb2.ModelSpec, source: input_pb2.Input
) -> None:
    name, signature = _example_signature(runner, spec, "regression")
    if len(signature.outputs) != 1:
        raise ServingError(Code.INVALID_ARGUMENT, "Expected one output Tensor.")
    if OUTPUTS not in signature.outputs:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"No regression outputs found in SignatureDef: it has {', '.join(sorted(signature.outputs))}",
        )
    arrays, count = await _run_on_examples(runner, name, source, [OUTPUTS])
    values = arrays[OUTPUTS]
    if not (values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {list(values.shape)}",
        )
    if values.shape[0] != count:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Input batch size did not match output batch size: {count} vs. {values.shape[0]}",
        )
    if values.dtype != np.float32:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected output Tensor of DT_FLOAT.  Got: {_enum_name(signature.outputs[OUTPUTS].dtype)}",
        )
    for value in values.reshape(-1).tolist():
        result.regressions.add(value=value)


def _example_signature(runner: Runner, spec: model_pb2.ModelSpec, kind: str) -> tuple[str, meta_graph_pb2.SignatureDef]:
    """The signature that a Classify or Regress request names, if it takes examples.

    Its method name is not looked at: TensorFlow 2 writes `predict` for all (TF Serving's
    `--enable_signature_method_name_check`, off by default).
    """
    name = spec.signature_name or DEFAULT_SIGNATURE
    signature = runner.signatures.get(name)
    if signature is None:
        raise ServingError(Code.INVALID_ARGUMENT, f"No signature was found with the name: {name}")
    if len(signature.inputs) != 1:
        raise ServingError(Code.INVALID_ARGUMENT, "Expected one input Tensor.")
    if INPUTS not in signature.inputs:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"No {kind} inputs found in SignatureDef: it has {', '.join(sorted(signature.inputs))}",
        )
    return name, signature


async def _run_on_examples(
    runner: Runner, signature_name: str, source: input_pb2.Input, outputs: list[str]
) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """Run a signature over `inputs` string [N], the serialised examples; returns its outputs and N."""
    serialized = _serialize(source)
    if not serialized:
        raise ServingError(Code.INVALID_ARGUMENT, "Input is empty.")
    inputs = np.empty(len(serialized), dtype=object)
    inputs[:] = serialized
    return await runner.run(signature_name, {INPUTS: inputs}, outputs), len(serialized)


def _serialize(source: input_pb2.Input) -> list[bytes]:
    """Each example as bytes, the context's features before its own: the parser takes the last of two equal keys."""
    context = b""
    if source.WhichOneof("kind") == "example_list_with_context":
        context = source.example_list_with_context.context.SerializeToString()
    return [context + example.SerializeToString() for example in _examples(source)]


def _examples(source: input_pb2.Input) -> list[Any]:
    kind = source.WhichOneof("kind")
    examples: Iterable[Any] = getattr(source, kind).examples if kind is not None else ()
    return list(examples)


def _check_classification_output(output: str, array: npt.NDArray[Any], dtype: int, expected: int, count: int) -> None:
    if array.ndim != 2:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected Tensor shape: [batch_size num_classes] but got {list(array.shape)}",
        )
    if dtype % 100 != expected:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected {output} Tensor of {_enum_name(expected)}. Got: {_enum_name(dtype)}",
        )
    if array.shape[0] != count:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"Expected {output} output batch size of {count}. Got: {array.shape[0]}"
        )


def _label(value: bytes) -> str:
    # The proto's field is text; a label of other bytes could not be sent at all.
    return value.decode(errors="replace")


def _enum_name(dtype: int) -> str:
    return f"DT_{tensors.dtype_name(dtype % 100).upper()}"

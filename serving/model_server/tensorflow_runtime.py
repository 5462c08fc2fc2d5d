"""Runs signatures with TensorFlow.

A SavedModel is loaded into a `tf.compat.v1.Session`, as TF Serving loads it, TF 1 and TF 2 models alike: inputs are fed
and outputs fetched by the tensor names in the signature, and outputs that nobody asked for are not computed.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from darkroom.heap import keeping_imports
from serving.errors import Code, ServingError
from serving.model_server.runtime import Arrays
from serving.protos import meta_graph_pb2, types_pb2

_log = logging.getLogger(__name__)

# TensorFlow's DataType of a reference variable is its value's plus 100 (types.proto).
_REFERENCE_OFFSET = 100

# What TensorFlow writes around the sentence that an operation raised, from the front.
_WRAPPING = (
    re.compile(r"^Graph execution error:\s*"),
    re.compile(r"^Detected at node.*?\nNode: '[^'\n]*'\n", re.DOTALL),
    re.compile(r"^\d+ root error\(s\) found\.\s*\(0\) (?:[A-Z_]+: )?"),
    re.compile(r"^(?:\{\{[^}]*\}\}\s*)+"),
)

_Run = Callable[..., list[Any]]


class TensorFlowRuntime:
    """Loads SavedModels with the tag `serve`."""

    def __init__(self, *, intra_op_threads: int = 0, inter_op_threads: int = 0, owns_process: bool = False) -> None:
        """TensorFlow is imported with the first load.

        Args:
            intra_op_threads, inter_op_threads: 0 leaves the choice to TensorFlow; the first model that loads fixes them
                for the process.
            owns_process: whether the process serves and nothing else, so that garbage collection may leave out what
                TensorFlow's import brings.
        """
        self._intra_op_threads = intra_op_threads
        self._inter_op_threads = inter_op_threads
        self._owns_process = owns_process

    def load(self, path: Path) -> TensorFlowServable:
        """Load a SavedModel.

        Raises:
            ServingError: NOT_FOUND or INVALID_ARGUMENT when the folder holds no loadable SavedModel, otherwise the code
                of TensorFlow's error.
        """
        with keeping_imports() if self._owns_process and "tensorflow" not in sys.modules else nullcontext():
            import tensorflow as tf  # noqa: PLC0415 - seconds; the server listens before

            load = tf.compat.v1.saved_model.loader.load  # imports more

        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=self._intra_op_threads,
            inter_op_parallelism_threads=self._inter_op_threads,
            allow_soft_placement=True,
        )
        # Without this a GPU's whole memory goes to the first version, and a second one cannot load beside it.
        config.gpu_options.allow_growth = True
        graph = tf.Graph()
        session = tf.compat.v1.Session(graph=graph, config=config)
        loaded = False
        try:
            with graph.as_default():
                meta_graph = load(session, ["serve"], str(path))
                _require_restored_variables(session, meta_graph.signature_def, path)
            graph.finalize()
            loaded = True
        except tf.errors.OpError as error:
            raise _translate(error) from error
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise ServingError(Code.INVALID_ARGUMENT, f"{path} is not a loadable SavedModel: {error}") from error
        finally:
            if not loaded:
                session.close()
        return TensorFlowServable(session, dict(meta_graph.signature_def))


class TensorFlowServable:
    """One SavedModel in a session."""

    runtime_name = "TF1"  # TF Serving's name for a session, and so what dashboards ask for

    def __init__(self, session: Any, signatures: Mapping[str, meta_graph_pb2.SignatureDef]) -> None:
        """Takes over an open session with the model's graph, restored and initialised."""
        self._session = session
        self._signatures = signatures
        self._runs: dict[tuple[str, tuple[str, ...]], _Run] = {}
        self._runs_lock = threading.Lock()

    @property
    def signatures(self) -> Mapping[str, meta_graph_pb2.SignatureDef]:
        """The signatures, by name."""
        return self._signatures

    def run(self, signature_name: str, inputs: Arrays, outputs: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Run one signature; see `Servable.run`."""
        import tensorflow as tf  # noqa: PLC0415

        signature = self._signatures[signature_name]
        feeds = [_feed(inputs[name], signature.inputs[name].dtype) for name in sorted(signature.inputs)]
        run = self._prepared(signature_name, tuple(outputs))
        try:
            results = run(*feeds)
        except tf.errors.OpError as error:
            raise _translate(error) from error
        except (ValueError, TypeError) as error:  # numpy refused to become a tensor
            raise ServingError(Code.INVALID_ARGUMENT, f"Inputs of {signature_name} cannot be fed: {error}") from error
        return {name: _array(result) for name, result in zip(outputs, results, strict=True)}

    def close(self) -> None:
        """Close the session and free its variables."""
        self._runs.clear()
        self._session.close()

    def _prepared(self, signature_name: str, outputs: tuple[str, ...]) -> _Run:
        """A callable over the sorted inputs; preparing one costs as much as a small run, so they are kept."""
        key = (signature_name, outputs)
        run = self._runs.get(key)
        if run is not None:
            return run
        signature = self._signatures[signature_name]
        with self._runs_lock:
            if key not in self._runs:
                self._runs[key] = self._session.make_callable(
                    [self._tensor(signature.outputs[name].name) for name in outputs],
                    feed_list=[self._tensor(signature.inputs[name].name) for name in sorted(signature.inputs)],
                )
            return self._runs[key]

    def _tensor(self, name: str) -> Any:
        try:
            return self._session.graph.get_tensor_by_name(name)
        except (KeyError, ValueError) as error:
            raise ServingError(
                Code.FAILED_PRECONDITION, f'The signature names tensor "{name}", which is not in the graph: {error}'
            ) from error


def _require_restored_variables(
    session: Any, signatures: Mapping[str, meta_graph_pb2.SignatureDef], path: Path
) -> None:
    """Refuse a model whose signatures read variables that loading left without a value.

    `tf.saved_model.save` of a tf.Module that holds a Keras 3 model writes such a model
    (https://github.com/keras-team/keras/issues/20096): the restored values go to copies of the variables. It would
    load, take over from a version that works, and then fail every request.

    Raises:
        ServingError: FAILED_PRECONDITION, naming the variables.
    """
    import tensorflow as tf  # noqa: PLC0415

    pending = []
    for signature in signatures.values():
        for info in signature.outputs.values():
            try:
                pending.append(session.graph.get_tensor_by_name(info.name).op)
            except (KeyError, ValueError):  # TF 2's init operation stands among the signatures and has no tensor
                continue
    seen = set(pending)
    handles = []
    while pending:
        operation = pending.pop()
        if operation.type == "VarHandleOp":
            handles.append(operation)
        for before in (*(tensor.op for tensor in operation.inputs), *operation.control_inputs):
            if before not in seen:
                seen.add(before)
                pending.append(before)
    values = session.run([tf.raw_ops.VarIsInitializedOp(resource=handle.outputs[0]) for handle in handles])
    empty = sorted(handle.name for handle, has_value in zip(handles, values, strict=True) if not has_value)
    if empty:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"{path} has {len(empty)} variables that its checkpoint does not restore, such as {empty[0]}. If a Keras 3 "
            "model was saved inside a tf.Module, export it with keras.export.ExportArchive, or let the module track "
            "each variable's `.value` instead of the model.",
        )


def _feed(array: npt.NDArray[Any], dtype: int) -> npt.NDArray[Any]:
    """An array with the numpy dtype that TensorFlow expects; only bfloat16 and quantised types differ from ours."""
    import tensorflow as tf  # noqa: PLC0415

    base = dtype % _REFERENCE_OFFSET
    if base == types_pb2.DT_STRING:
        return array
    return array.astype(tf.dtypes.as_dtype(base).as_numpy_dtype, copy=False)


def _array(result: Any) -> npt.NDArray[Any]:
    """A fetched value as an array; a scalar string comes as `bytes`, which numpy would strip of trailing zeros."""
    return np.array(result, dtype=object) if isinstance(result, bytes) else np.asarray(result)


def _translate(error: Any) -> ServingError:
    """TensorFlow's error with its own code and the line of its message that says what was wrong."""
    _log.debug("TensorFlow said: %s", error)
    codes = {code.value for code in Code}
    code = Code(error.error_code) if error.error_code in codes else Code.UNKNOWN
    message = str(error.message).strip()
    for wrapping in _WRAPPING:
        message = wrapping.sub("", message)
    return ServingError(code, message.split("\n", 1)[0].strip() or code.name)

"""From a Keras network to a LiteRT file, and running one."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from pipeline.export.frozen import FrozenNetwork


def convert(
    network: keras.Model, pixel_shape: tuple[int, int, int], quantization: str, calibration: np.ndarray
) -> bytes:
    """A LiteRT file of a network.

    Args:
        network: `[N, H, W, C]` float32 to the prediction `[N, K]`.
        pixel_shape: H, W, C.
        quantization: `dynamic`, `float16` or `int8`.
        calibration: pixels `[M, H, W, C]` for `int8`, from whose activations it takes its ranges.

    Raises:
        ValueError, RuntimeError, tf.errors.OpError, Exception: the converter has no LiteRT op for one of the network's.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([FrozenNetwork(network, pixel_shape).function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int8":

        def representative() -> Iterator[list[np.ndarray]]:
            for pixels in calibration:
                yield [pixels[np.newaxis]]

        converter.representative_dataset = representative
    return bytes(converter.convert())


class LiteNetwork:
    """Runs a LiteRT file on this machine's CPU."""

    def __init__(self, content: bytes) -> None:
        """Takes the file's content."""
        self._interpreter = tf.lite.Interpreter(model_content=content)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels `[N, H, W, C]` to predictions `[N, K]`."""
        self._interpreter.resize_tensor_input(self._input, pixels.shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._input, pixels)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output))

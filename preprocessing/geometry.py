"""Resizing in graph: the aspect ratio, the padding, and the interpolation along each side."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from preprocessing.spec import PreprocessingSpec

_TF_METHODS = {"area": "area", "cubic": "bicubic", "bilinear": "bilinear", "lanczos3": "lanczos3", "nearest": "nearest"}
_LEVELS = 255.0


def fit_to_spec(pixels: tf.Tensor, spec: PreprocessingSpec) -> tf.Tensor:
    """Brings one image to the spec's height and width.

    Every method is separable, so each side is resized by itself: a side that shrinks takes `spec.shrink`, one that
    grows takes `spec.enlarge`. In `pad` mode the result is what padding to the model's aspect ratio first and resizing
    then would give, but the longer side is resized before the shorter one is padded: a 16,384 x 100 panorama never
    becomes a 16,384 x 16,384 square.

    Args:
        pixels: `[h, w, 3]` uint8 or float32, levels 0..255, `h` and `w` known only at run time.
        spec: gives size, mode, pad value and methods.

    Returns:
        `[spec.height, spec.width, 3]` float32, levels 0..255 (cubic and Lanczos overshoot is clipped).
    """
    shape = tf.shape(pixels)
    height, width = shape[0], shape[1]
    if spec.mode == "center_crop":
        pixels, height, width = _crop_to_aspect(pixels, height, width, spec)
    if spec.mode != "pad":
        # The side that shrinks most goes first: the second pass then has the least to do.
        width_shrinks_more = _times(width, spec.height) >= _times(height, spec.width)
        resized = tf.cond(
            width_shrinks_more,
            lambda: _resize_height(_resize_width(pixels, width, spec), height, spec),
            lambda: _resize_width(_resize_height(pixels, height, spec), width, spec),
        )
    else:
        is_wide = _times(width, spec.height) >= _times(height, spec.width)
        resized = tf.cond(
            is_wide,
            lambda: _fit_wide(pixels, height, width, spec),
            lambda: _fit_tall(pixels, height, width, spec),
        )
    resized = tf.clip_by_value(resized, 0.0, _LEVELS)
    return tf.ensure_shape(resized, (spec.height, spec.width, 3))


def padded_side(long_side: Any, model_long: int, model_short: int) -> Any:
    """The length to which the short side is padded: `long_side * model_short / model_long`, rounded, at least 1.

    Works on Python integers and on int32 tensors alike; sides stay below 2**16, model sides below 2**13, so the
    product fits int32.
    """
    return (long_side * model_short * 2 + model_long) // (2 * model_long)


def _times(side: tf.Tensor, factor: int) -> tf.Tensor:
    return side * factor


def _fit_wide(pixels: tf.Tensor, height: tf.Tensor, width: tf.Tensor, spec: PreprocessingSpec) -> tf.Tensor:
    target = tf.maximum(padded_side(width, spec.width, spec.height), height)
    resized = _resize_width(pixels, width, spec)
    before = (target - height) // 2
    padding = [[before, target - height - before], [0, 0], [0, 0]]
    padded = tf.pad(resized, padding, constant_values=float(spec.pad_value))
    return _resize_height(padded, target, spec)


def _fit_tall(pixels: tf.Tensor, height: tf.Tensor, width: tf.Tensor, spec: PreprocessingSpec) -> tf.Tensor:
    target = tf.maximum(padded_side(height, spec.height, spec.width), width)
    resized = _resize_height(pixels, height, spec)
    before = (target - width) // 2
    padding = [[0, 0], [before, target - width - before], [0, 0]]
    padded = tf.pad(resized, padding, constant_values=float(spec.pad_value))
    return _resize_width(padded, target, spec)


def _crop_to_aspect(
    pixels: tf.Tensor, height: tf.Tensor, width: tf.Tensor, spec: PreprocessingSpec
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Cuts the longer side, centred, to the model's aspect ratio."""
    cropped_width = tf.clip_by_value(padded_side(height, spec.height, spec.width), 1, width)
    cropped_height = tf.clip_by_value(padded_side(width, spec.width, spec.height), 1, height)
    top = (height - cropped_height) // 2
    left = (width - cropped_width) // 2
    cropped = pixels[top : top + cropped_height, left : left + cropped_width]
    return cropped, cropped_height, cropped_width


def _resize_width(pixels: tf.Tensor, width: tf.Tensor, spec: PreprocessingSpec) -> tf.Tensor:
    return _resize(pixels, width, spec.width, [tf.shape(pixels)[0], spec.width], spec)


def _resize_height(pixels: tf.Tensor, height: tf.Tensor, spec: PreprocessingSpec) -> tf.Tensor:
    return _resize(pixels, height, spec.height, [spec.height, tf.shape(pixels)[1]], spec)


def _resize(pixels: tf.Tensor, side: tf.Tensor, target: int, size: list[Any], spec: PreprocessingSpec) -> tf.Tensor:
    """Resizes along the one side that differs between `pixels` and `size`; returns float32."""
    return tf.cond(
        tf.equal(side, target),
        lambda: tf.cast(pixels, tf.float32),
        lambda: tf.cond(
            side > target,
            lambda: _interpolate(pixels, size, spec.shrink, antialias=True),
            lambda: _interpolate(pixels, size, spec.enlarge, antialias=False),
        ),
    )


def _interpolate(pixels: tf.Tensor, size: list[Any], method: str, *, antialias: bool) -> tf.Tensor:
    # Area averages every source pixel already, and nearest must not blend: the flag is for the two others.
    smooth = antialias and method in ("bilinear", "lanczos3")
    resized = tf.image.resize(pixels, tf.stack(size), method=_TF_METHODS[method], antialias=smooth)
    return tf.cast(resized, tf.float32)

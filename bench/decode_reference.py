"""How far decoded pixels are from what Pillow, OpenCV and the source say, and what checking and decoding cost.

    python bench/decode_reference.py

Prints a table for each question and writes bench/results/decode_reference.json.
"""

from __future__ import annotations

import os
import resource
import struct
import time
import zlib
from collections import defaultdict
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
from support.results import write_results

from preprocessing.decode import decode_image
from preprocessing.images import ImageLimits, ImageRefusedError, inspect_image, verify_image
from tests.preprocessing.made_images import (
    BACKGROUND,
    every_variant,
    gif_bytes,
    jpeg_bytes,
    packed_pixels,
    photo,
    png_bytes,
    png_chunk,
    raw_bmp,
    webp_bytes,
)
from tests.preprocessing.reference import reference_pixels

ROUNDS = 8


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decoded(image_bytes: tf.Tensor) -> tf.Tensor:
    return decode_image(image_bytes, background=BACKGROUND, transform=lambda pixels: tf.cast(pixels, tf.float32))


def black_png(side: int, depth: int, colour_type: int, samples: int) -> bytes:
    """A black, square PNG, made without ever holding its pixels."""
    compressor = zlib.compressobj(1)
    row = bytes(1 + side * samples * depth // 8)
    data = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    header = struct.pack(">IIBBBBB", side, side, depth, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, body) for name, body in chunks)


def memory() -> dict[str, dict[str, float]]:
    """Bytes for each pixel by which decoding 16 megapixels raises the process's peak; runs before everything else."""

    def small(data: tf.Tensor) -> tf.Tensor:
        return decode_image(
            data,
            background=BACKGROUND,
            transform=lambda pixels: tf.image.resize(pixels[tf.newaxis], [64, 64], method="area")[0],
        )

    function = tf.function(small, input_signature=[tf.TensorSpec([], tf.string)])
    for channels in (3, 4):
        function(png_bytes(photo(8, 8, channels)))
    side = 4000
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results = {}
    # From small to large, because a peak never falls.
    for name, depth, colour_type, samples in (
        ("8 bits", 8, 2, 3),
        ("8 bits, alpha", 8, 6, 4),
        ("16 bits, alpha", 16, 6, 4),
    ):
        function(black_png(side, depth, colour_type, samples))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        results[name] = {"bytes_for_each_pixel": 1024 * (peak - start) / side**2}
    return results


def largest_differences() -> dict[str, dict[str, float]]:
    worst: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for name, data in every_variant():
        image_format = name.split("_", maxsplit=1)[0]
        difference = float(np.abs(decoded(data).numpy() - reference_pixels(data)).max())
        worst[image_format] = max(worst[image_format], difference)
        count[image_format] += 1
    return {name: {"variants": count[name], "largest_difference": worst[name]} for name in worst}


def mapped_cost(function: Callable[[tf.Tensor], tf.Tensor], data: bytes, repeats: int) -> float:
    """Seconds for each element of a `tf.data` map, the best of several rounds, without start-up and prefetching."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    dataset = tf.data.Dataset.from_tensors(data).repeat().map(function).with_options(options)
    iterator = iter(dataset)
    for _ in range(5):
        next(iterator)
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(repeats):
            next(iterator)
        best = min(best, (time.perf_counter() - started) / repeats)
    return best


def overheads() -> dict[str, dict[str, float]]:
    """Microseconds for decoding and an area resize to 64 x 64: TensorFlow's bare op, and all of `decode_image`."""

    def small(pixels: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(pixels[tf.newaxis], [64, 64], method="area")[0]

    def jpeg(data: tf.Tensor) -> tf.Tensor:
        return small(tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"))

    def png(data: tf.Tensor) -> tf.Tensor:
        return small(tf.io.decode_png(data, channels=3))

    large, tiny = photo(427, 640), photo(16, 16)
    bmp = raw_bmp(packed_pixels(large, (0xFF0000, 0xFF00, 0xFF)), 24)
    cases = {
        "JPEG 640 x 427": (jpeg, jpeg_bytes(large), 100),
        "JPEG 640 x 427, Exif upright": (jpeg, jpeg_bytes(large, orientation=1), 100),
        "JPEG 640 x 427, Exif turned": (jpeg, jpeg_bytes(large, orientation=6), 100),
        "JPEG 16 x 16": (jpeg, jpeg_bytes(tiny), 300),
        "PNG 640 x 427": (png, png_bytes(large), 30),
        "PNG 16 x 16": (png, png_bytes(tiny), 300),
        "PNG 16 x 16, grey": (png, png_bytes(photo(16, 16, 1)), 300),
        "PNG 16 x 16, alpha": (png, png_bytes(photo(16, 16, 4)), 300),
        "GIF 640 x 427": (lambda data: small(tf.image.decode_gif(data)[0]), gif_bytes(large), 30),
        "BMP 640 x 427": (lambda data: small(tf.image.decode_bmp(data)), bmp, 50),
        "WebP 640 x 427": (lambda data: small(tf.image.decode_webp(data, channels=3)[0]), webp_bytes(large), 30),
    }

    def ours(data: tf.Tensor) -> tf.Tensor:
        return decode_image(data, background=BACKGROUND, transform=small)

    return {
        name: {"bare_us": 1e6 * mapped_cost(bare, data, repeats), "ours_us": 1e6 * mapped_cost(ours, data, repeats)}
        for name, (bare, data, repeats) in cases.items()
    }


def checking_costs() -> dict[str, dict[str, float]]:
    """Microseconds for `inspect_image` and `verify_image` on 640 x 427 pixels."""
    image, limits = photo(427, 640), ImageLimits()
    results = {}
    for name, data in {
        "JPEG": jpeg_bytes(image),
        "PNG": png_bytes(image),
        "GIF": gif_bytes(image),
        "BMP": raw_bmp(packed_pixels(image, (0xFF0000, 0xFF00, 0xFF)), 24),
        "WebP": webp_bytes(image),
    }.items():
        header = inspect_image(data, limits)
        timings = []
        for function in (lambda d=data: inspect_image(d, limits), lambda d=data, h=header: verify_image(d, h)):
            best = float("inf")
            for _ in range(10):
                started = time.perf_counter()
                function()
                best = min(best, time.perf_counter() - started)
            timings.append(1e6 * best)
        results[name] = {"inspect_us": timings[0], "verify_us": timings[1]}
    return results


def damage_found() -> dict[str, dict[str, float]]:
    """How many of 200 images with one changed byte in the middle half of the file are refused."""
    image, limits, rng = photo(120, 160), ImageLimits(), np.random.default_rng(0)
    results = {}
    for name, data in {
        "JPEG": jpeg_bytes(image),
        "JPEG, progressive": jpeg_bytes(image, progressive=True),
        "PNG": png_bytes(image),
        "GIF": gif_bytes(image),
        "BMP": raw_bmp(packed_pixels(image, (0xFF0000, 0xFF00, 0xFF)), 24),
        "WebP, lossy": webp_bytes(image),
        "WebP, lossless": webp_bytes(image, lossless=True),
    }.items():
        refused = 0
        for _ in range(200):
            damaged = bytearray(data)
            at = int(rng.integers(len(data) // 4, 3 * len(data) // 4))
            damaged[at] ^= int(rng.integers(1, 256))
            try:
                verify_image(bytes(damaged), inspect_image(bytes(damaged), limits))
            except ImageRefusedError:
                refused += 1
        results[name] = {"changed": 200, "refused": refused}
    return results


def main() -> None:
    results = {
        "memory": memory(),
        "differences": largest_differences(),
        "damage": damage_found(),
        "checking": checking_costs(),
        "overheads": overheads(),
    }
    for title, table in results.items():
        print(f"\n{title}")
        for name, row in table.items():
            print(f"  {name:32}" + "  ".join(f"{key} {value:.4g}" for key, value in row.items()))
    write_results("decode_reference", results)


if __name__ == "__main__":
    main()

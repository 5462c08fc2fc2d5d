from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from preprocessing.decode import decode_image
from preprocessing.images import ImageLimits, inspect_image, verify_image
from tests.preprocessing.made_images import (
    BACKGROUND,
    every_variant,
    jpeg_bytes,
    photo,
    png_bytes,
    png_chunk,
    raw_bmp,
    webp_bytes,
)
from tests.preprocessing.reference import reference_pixels

VARIANTS = dict(every_variant())
# Rounding of float32, where alpha or 16 bits are involved.
TOLERANCE = 1e-4
STILL = VARIANTS["jpeg_420_baseline"]


def as_float(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels, tf.float32)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decoded(image_bytes: tf.Tensor) -> tf.Tensor:
    return decode_image(image_bytes, background=BACKGROUND, transform=as_float)


def thumbnail(image_bytes: tf.Tensor) -> tf.Tensor:
    return decode_image(
        image_bytes,
        background=BACKGROUND,
        transform=lambda pixels: tf.image.resize(pixels[tf.newaxis], [8, 8], method="area")[0],
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_pixels_equal_the_reference(name):
    data = VARIANTS[name]
    pixels, wanted = decoded(data).numpy(), reference_pixels(data)
    assert pixels.shape == wanted.shape
    assert np.abs(pixels - wanted).max() <= (0 if name.startswith(("jpeg", "gif")) else TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_header_gives_the_decoded_size(name):
    header = inspect_image(VARIANTS[name], ImageLimits())
    assert decoded(VARIANTS[name]).shape == (header.height, header.width, 3)


def test_opaque_8_bit_images_arrive_as_uint8_and_others_as_float32():
    seen = []

    def transform(pixels: tf.Tensor) -> tf.Tensor:
        seen.append(pixels.dtype)
        return tf.constant(pixels.dtype == tf.uint8)

    function = tf.function(
        lambda data: decode_image(data, background=(0, 0, 0), transform=transform),
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    plain = {name for name, data in VARIANTS.items() if function(data)}
    assert seen == [tf.uint8, tf.float32]
    assert {
        "jpeg_420_baseline",
        "png_pillow",
        "png_type0_2bit",
        "gif_transparent",
        "bmp_565_v40",
        "webp_lossy",
    } <= plain
    assert not {"png_type6_8bit", "png_type0_16bit", "png_type3_4bit_trns", "bmp_alpha_v56", "webp_lossy_alpha"} & plain


def test_the_same_pixels_eagerly_mapped_batched_and_loaded_back(tmp_path):
    names = ["jpeg_orientation_6", "png_type3_4bit_trns", "gif_small_frame", "bmp_alpha_v124", "webp_lossless_alpha"]
    images = [VARIANTS[name] for name in names]

    module = tf.Module()
    module.decode = tf.function(
        lambda batch: tf.map_fn(thumbnail, batch, fn_output_signature=tf.TensorSpec([8, 8, 3], tf.float32)),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))

    eager = np.stack([thumbnail(tf.constant(image)) for image in images])
    mapped = np.stack(list(tf.data.Dataset.from_tensor_slices(images).map(thumbnail).as_numpy_iterator()))
    loaded = tf.saved_model.load(str(tmp_path)).decode(tf.constant(images)).numpy()
    np.testing.assert_array_equal(mapped, eager)
    np.testing.assert_array_equal(loaded, eager)


def test_the_graph_holds_no_python():
    graph = decoded.get_concrete_function().graph.as_graph_def()
    ops = {node.op for function in graph.library.function for node in function.node_def}
    assert not {op for op in ops if "PyFunc" in op}
    # TFX Transform can't analyse an op whose branches are a list of functions.
    assert not ops & {"Case", "StatelessCase"}


def animated_webp() -> bytes:
    from PIL import Image

    return webp_bytes(photo(20, 20), save_all=True, append_images=[Image.fromarray(photo(20, 20, seed=3))])


def header_only_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", bytes(1000)) + png_chunk(b"IEND", b"")


BAD = {
    "empty": (b"", "unknown_format"),
    "text": (b"this is no image", "unknown_format"),
    "tiff": (b"II*\x00" + bytes(20), "unknown_format"),
    "animated_webp": (animated_webp(), "animated"),
    "huge_png": (header_only_png(20_000, 20_000), "too_many_pixels"),
    "long_png": (header_only_png(1_000_000, 1), "too_many_pixels"),
    "zero_png": (header_only_png(0, 5), "too_many_pixels"),
    "many_scans": (STILL + b"\xff\xda" * 300, "too_many_scans"),
    "truncated_jpeg": (STILL[:-50], "Invalid"),
    "truncated_png": (VARIANTS["png_pillow"][:-50], "Invalid"),
    "gif_without_frame": (VARIANTS["gif_global"][:61] + b"\x3b", "corrupt"),
    "rle_bmp": (raw_bmp(photo(5, 5, 1), 8, compression=1), "unsupported_variant"),
    "truncated_bmp": (VARIANTS["bmp_24bit"][:-50], "truncated"),
    "lowest_height_bmp": (VARIANTS["bmp_24bit"][:22] + struct.pack("<i", -(2**31)) + VARIANTS["bmp_24bit"][26:], "BMP"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_images_fail_with_a_message(name):
    data, message = BAD[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decoded(data)


def test_limits_can_be_given():
    function = tf.function(
        lambda data: decode_image(data, background=(0, 0, 0), transform=as_float, limits=ImageLimits(max_side=66)),
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="66 pixels a side"):
        function(STILL)
    function(jpeg_bytes(photo(66, 66)))


def test_an_animation_decodes_without_its_other_frames():
    first, many = VARIANTS["gif_still"], VARIANTS["gif_animated"]
    np.testing.assert_array_equal(decoded(first), decoded(many))
    # Everything behind the first frame may be missing.
    frame_end = many.index(b"\x00\x21\xf9", 400) + 1
    np.testing.assert_array_equal(decoded(many[:frame_end]), decoded(many))


def test_the_background_shows_through():
    clear = np.zeros((4, 4, 4), np.uint8)
    assert np.unique(decoded(png_bytes(clear)).numpy().reshape(-1, 3), axis=0).tolist() == [
        list(map(float, BACKGROUND))
    ]


MUTATE = """
import random, sys
import tensorflow as tf
from preprocessing.decode import decode_image
from preprocessing.images import ImageLimits, ImageRefusedError, inspect_image, verify_image
from tests.preprocessing.made_images import every_variant

function = tf.function(
    lambda data: decode_image(data, background=(1, 2, 3), transform=lambda p: tf.cast(p, tf.float32)),
    input_signature=[tf.TensorSpec([], tf.string)],
)
rng = random.Random(11)
variants = list(every_variant())
accepted = refused = 0
for turn in range(int(sys.argv[1])):
    name, data = variants[turn % len(variants)]
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        data[rng.randrange(min(len(data), rng.choice((60, 10**6))))] = rng.choice((0, 1, 255, rng.randrange(256)))
    data = bytes(data[: rng.randint(1, len(data))] if rng.random() < 0.1 else data)
    try:
        verify_image(data, inspect_image(data, ImageLimits()))
        sound = True
        accepted += 1
    except ImageRefusedError:
        sound = False
        refused += 1
    try:
        function(data)
    except tf.errors.InvalidArgumentError as error:
        if sound:
            print("ACCEPTED BUT FAILS", turn, name, data.hex(), str(error)[:300])
print("survived", accepted, refused)
"""


def test_mutated_images_never_end_the_process_and_accepted_ones_decode():
    run = subprocess.run(
        [sys.executable, "-c", MUTATE, "800"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "survived" in run.stdout
    assert "ACCEPTED BUT FAILS" not in run.stdout, run.stdout[:2000]


def test_accepted_variants_decode():
    for data in VARIANTS.values():
        verify_image(data, inspect_image(data, ImageLimits()))
        decoded(data)

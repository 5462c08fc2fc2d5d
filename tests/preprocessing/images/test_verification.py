from __future__ import annotations

import concurrent.futures
import contextlib
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.images import ImageLimits, ImageRefusedError, Refusal, inspect_image, verify_image
from tests.preprocessing.made_images import (
    every_variant,
    gif_bytes,
    jpeg_bytes,
    photo,
    png_bytes,
    png_chunk,
    raw_png,
    webp_bytes,
)

LIMITS = ImageLimits()
VARIANTS = dict(every_variant())
IMAGE = photo(120, 160)


def check(data: bytes) -> None:
    verify_image(data, inspect_image(data, LIMITS))


def reason(data: bytes) -> Refusal:
    with pytest.raises(ImageRefusedError) as caught:
        check(data)
    return caught.value.reason


@pytest.mark.parametrize("name", VARIANTS)
def test_sound_images_pass(name):
    check(VARIANTS[name])


@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_jpeg_is_truncated(progressive):
    data = jpeg_bytes(IMAGE, progressive=progressive)
    for cut in range(len(data) // 2, len(data) - 1, 97):
        assert reason(data[:cut]) in {Refusal.TRUNCATED, Refusal.CORRUPT}


def test_a_jpeg_that_claims_more_lines_than_it_has_is_corrupt():
    data = bytearray(jpeg_bytes(IMAGE))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 7] = (200).to_bytes(2, "big")
    assert reason(bytes(data)) is Refusal.CORRUPT


def test_corrupt_huffman_data_is_corrupt():
    data = jpeg_bytes(IMAGE)
    middle = len(data) // 2
    # Changed bytes after which the codes fall into step again can't be told from sound ones; missing bytes can.
    assert reason(data[:middle] + data[middle + 100 :]) is Refusal.CORRUPT


def test_unusual_chroma_sampling_is_refused_by_name():
    data = bytearray(jpeg_bytes(IMAGE, subsampling=0))
    data[data.index(b"\xff\xc0") + 11] = 0x31
    assert reason(bytes(data)) is Refusal.UNSUPPORTED_VARIANT


@pytest.mark.parametrize("make", [png_bytes, gif_bytes, webp_bytes], ids=["png", "gif", "webp"])
def test_every_cut_is_noticed(make):
    data = make(IMAGE)
    # A GIF whose last byte, the trailer, is missing has all of its frame.
    for cut in range(len(data) // 3, len(data) - 2, 131):
        assert reason(data[:cut]) in {Refusal.TRUNCATED, Refusal.CORRUPT}


def test_a_flipped_bit_in_a_png_is_corrupt():
    data = png_bytes(IMAGE)
    for at in range(40, len(data) - 16, 997):
        # In a chunk's name it makes an unknown chunk of it.
        assert reason(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) in {
            Refusal.CORRUPT,
            Refusal.TRUNCATED,
            Refusal.UNSUPPORTED_VARIANT,
        }


def png_of(rows: bytes) -> bytes:
    whole = raw_png(IMAGE, 8, 2)
    return whole[:33] + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def test_a_png_with_missing_rows_is_truncated():
    assert reason(png_of(bytes(481 * 119))) is Refusal.TRUNCATED


def test_a_png_with_an_impossible_filter_is_corrupt():
    rows = bytearray(481 * 120)
    check(png_of(bytes(rows)))
    rows[481 * 119] = 5
    assert reason(png_of(bytes(rows))) is Refusal.CORRUPT


@pytest.mark.parametrize("interlaced", [False, True])
def test_png_rows_are_followed_through_pieces_of_any_size(interlaced, monkeypatch):
    monkeypatch.setattr("preprocessing.images.verification._PIECE", 101)
    # No sample is a filter type, so that losing the place would be noticed.
    check(raw_png(np.maximum(IMAGE, 5), 8, 2, interlaced=interlaced, pieces=7))


def test_a_gif_with_a_damaged_first_frame_is_corrupt():
    data = gif_bytes(IMAGE)
    # Codes beyond the table.
    at = data.index(b"\x2c", 13 + 192) + 30
    assert reason(data[:at] + b"\xff" * 60 + data[at + 60 :]) is Refusal.CORRUPT


def test_many_threads_can_verify_at_once():
    images = list(VARIANTS.values()) * 2
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(check, images))


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(VARIANTS)),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    keep=st.floats(0.2, 1),
)
def test_mutated_images_raise_nothing_else(name, edits, keep):
    data = bytearray(VARIANTS[name])
    for place, value in edits:
        data[int(place * (len(data) - 1))] = value
    with contextlib.suppress(ImageRefusedError):
        check(bytes(data[: int(keep * len(data)) + 1]))

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from preprocessing.images.exif import MAX_IFD_ENTRIES, read_orientation, upright_size
from tests.preprocessing.made_images import exif_bytes, jpeg_bytes, photo


@pytest.mark.parametrize("little", [False, True])
@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_both_byte_orders_with_and_without_prefix(orientation, prefix, little):
    assert read_orientation(exif_bytes(orientation, little=little, prefix=prefix, before=5)) == orientation


def test_pillow_reads_the_same_orientation():
    data = jpeg_bytes(photo(8, 8), orientation=7)
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x0112] == 7


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_values_without_meaning_count_as_upright(orientation):
    assert read_orientation(exif_bytes(orientation)) == 1


def test_a_tag_behind_the_searched_entries_is_not_found():
    assert read_orientation(exif_bytes(6, before=MAX_IFD_ENTRIES - 1)) == 6
    assert read_orientation(exif_bytes(6, before=MAX_IFD_ENTRIES)) == 1


def test_only_one_short_counts():
    data = exif_bytes(6, prefix=False, before=0)
    assert read_orientation(data[:12] + struct.pack("<H", 4) + data[14:]) == 1
    assert read_orientation(data[:14] + struct.pack("<I", 2) + data[18:]) == 1


@given(st.binary(max_size=200))
def test_random_bytes_have_some_orientation(data):
    assert 1 <= read_orientation(b"II*\x00" + data) <= 8


def test_upright_size_exchanges_the_sides_from_five_on():
    assert [upright_size(2, 3, orientation) for orientation in range(1, 9)] == [(2, 3)] * 4 + [(3, 2)] * 4

"""Real pictures, saved again, scaled and brightened, against others of the same kind."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from pipeline.ingestion.look import SIDE, Look
from pipeline.ingestion.staging import ROW
from pipeline.ingestion.units import units_of

DISTANCE = 4


def crops():
    """Twelve different pieces of two photographs."""
    for photo in load_sample_images().images:
        for top in (0, 200):
            for left in (0, 200, 400):
                yield Image.fromarray(photo[top : top + 200, left : left + 200])


def saved(image, quality):
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content)


def rows_of(pictures):
    rows = np.zeros(len(pictures), ROW)
    for number, picture in enumerate(pictures):
        grey = np.asarray(picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
        look = Look.of(grey)
        rows[number]["sha256"][-1] = number
        rows[number]["look"], rows[number]["has_look"] = look.perceptual_hash or 0, look.perceptual_hash is not None
        rows[number]["thumbnail"] = look.thumbnail
    return rows


def together(pictures, distance=DISTANCE):
    return units_of(rows_of(pictures), distance).tolist()


def test_different_pictures_are_apart():
    assert together(list(crops())) == list(range(12))


@pytest.mark.parametrize(
    "change",
    [
        lambda image: saved(image, 40),
        lambda image: image.resize((90, 90), Image.Resampling.BICUBIC),
        lambda image: saved(image.resize((333, 300)), 70),
        lambda image: image.point(lambda level: min(255, level + 4)),
    ],
)
def test_a_changed_copy_stays_with_its_original(change):
    originals = list(crops())
    assert together([*originals, *map(change, originals)]) == [*range(12), *range(12)]


def test_looks_are_compared_only_where_asked():
    [first, *_] = crops()
    assert together([first, saved(first, 90)], None) == [0, 1]


def test_flat_surfaces_are_not_alike():
    flat = [Image.new("L", (50, 50), level) for level in (0, 0, 128, 255)]
    assert together(flat) == [0, 1, 2, 3]


def test_thousands_of_copies_are_one():
    [first, *_] = crops()
    row = rows_of([first, saved(first, 60)])
    rows = np.repeat(row, 3000)
    rows["sha256"][:, :4] = np.arange(6000, dtype=">u4").view(np.uint8).reshape(-1, 4)
    assert set(units_of(rows, DISTANCE)) == {0}


def test_groups_and_equal_bytes_are_together_by_any_chain():
    rows = np.zeros(6, ROW)
    rows["sha256"][:, 0] = [0, 0, 1, 2, 3, 4]
    rows["group"] = [0, 7, 7, 9, 9, 0]
    assert units_of(rows, None).tolist() == [0, 0, 0, 1, 1, 2]

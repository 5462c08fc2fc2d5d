import numpy as np
import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.sources.arrays import write_arrays
from pipeline.ingestion.sources.class_folders import ClassFolders
from pipeline.ingestion.sources.spans import Spans


def folders(root, **files):
    """`{span: ["cat/1.png"]}` as a source."""
    for span, names in files.items():
        for name in names:
            (root / span / name).parent.mkdir(parents=True, exist_ok=True)
            (root / span / name).write_bytes(name.encode())
    return Spans(tuple((span, ClassFolders(str(root / span))) for span in files))


def read(source):
    names = source.class_names()
    return [image for part in source.parts() for image in source.images(part, names)]


def options(base, **data):
    return IngestionOptions.from_configuration(DarkroomConfig.model_validate({"data": data}).located_at(base))


def test_a_span_need_not_have_every_class(tmp_path):
    source = folders(tmp_path, a=["cat/1.png"], b=["dog/1.png", "ant/1.png"])
    assert source.class_names() == ["ant", "cat", "dog"]
    assert [(image.name, image.label) for image in read(source)] == [
        ("a/cat/1.png", 1),
        ("b/ant/1.png", 0),
        ("b/dog/1.png", 2),
    ]


def test_one_class_over_all_spans_is_too_few(tmp_path):
    with pytest.raises(DataError, match="only one class, 'cat'"):
        folders(tmp_path, a=["cat/1.png"], b=["cat/2.png"]).class_names()


def test_each_image_says_which_span_it_came_with(tmp_path):
    source = folders(tmp_path, a=["cat/1.png", "dog/1.png"], b=["cat/1.png"])
    assert [dict(image.extra) for image in read(source)] == [{"span": "a"}, {"span": "a"}, {"span": "b"}]


def test_the_fingerprint_follows_the_spans(tmp_path):
    both = folders(tmp_path, a=["cat/1.png", "dog/1.png"], b=["cat/2.png"])
    first = both.fingerprint()
    assert Spans(both.named[:1]).fingerprint() != first
    (tmp_path / "b" / "cat" / "3.png").write_bytes(b"3")
    assert both.fingerprint() != first


def test_a_listing_and_its_images_come_in_spans(tmp_path):
    for span in ("1", "2"):
        (tmp_path / f"labels-{span}.csv").write_text("image,label\na.png,cat\nb.png,dog\nc.png,\n")
    found = options(
        tmp_path, listing={"path": "labels-{SPAN}.csv", "root": "images/{SPAN:3}"}, span={"last": 2}
    ).source()
    images = read(found)
    assert [image.path for image in images if isinstance(image, LabelledImage)] == [
        f"{tmp_path}/images/{span}/{name}.png" for span in ("001", "002") for name in "ab"
    ]
    assert [image.file for image in images if isinstance(image, Quarantined)] == ["1/c.png", "2/c.png"]


def test_an_array_for_all_spans_is_read_once(tmp_path):
    images, labels = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8), np.array([0, 1, 0, 1])
    for name in ("1", "2", "test"):
        write_arrays(tmp_path, images, labels, name=name)
    pairs = [
        {"images": "{SPAN}.npz:images", "labels": "{SPAN}.npz:labels"},
        {"images": "test.npz:images", "labels": "test.npz:labels", "split": "test"},
    ]
    found = read(options(tmp_path, arrays=pairs, span="all").source())
    assert [image.name for image in found] == [
        *(f"1/1.npz:images[{n}]" for n in range(4)),
        *(f"2/2.npz:images[{n}]" for n in range(4)),
        *(f"2/test.npz:images[{n}]" for n in range(4)),
    ]


def test_what_a_run_takes_is_settled_once(tmp_path):
    for span in ("1", "2"):
        folders(tmp_path, **{span: ["cat/1.png", "dog/1.png"]})
    asked = options(tmp_path, images="{SPAN}")
    settled = asked.resolved()
    folders(tmp_path, **{"3": ["cat/1.png", "dog/1.png"]})
    assert [span.name for span in settled.resolved().spans] == ["2"]
    assert IngestionOptions.model_validate_json(settled.model_dump_json()) == settled
    # A span that is asked for by its number is the same one.
    assert options(tmp_path, images="{SPAN}", span=2).resolved() == settled


def test_a_regression_comes_in_spans(tmp_path):
    (tmp_path / "1.csv").write_text("image,target\na.png,1\n")
    found = options(tmp_path, listing={"path": "{SPAN}.csv"}, task=Task.REGRESSION).source()
    assert [image.target for image in read(found)] == [1.0]

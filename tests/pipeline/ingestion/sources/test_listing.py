"""Listings: every way in which one is written, and every way in which one is wrong."""

import json

import pytest
from pydantic import ValidationError

from darkroom.configuration.listing_section import ListingSection
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.sources.listing import Listing


@pytest.fixture
def listing(tmp_path):
    def make(text, name="list.csv", task=Task.MULTICLASS, classes=None, positive=None, **keys):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Listing(ListingSection(path=str(path), **keys), classes, task, positive)

    return make


def good(source):
    return [image for image in source.images(None, source.class_names()) if isinstance(image, LabelledImage)]


def reasons(source):
    return {row.file: row.reason for row in source.images(None, source.class_names()) if isinstance(row, Quarantined)}


ROWS = [{"image": "a.png", "label": "cat", "site": "x"}, {"image": "b/b.png", "label": "dog", "site": ""}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "image,label,site\na.png,cat,x\nb/b.png,dog,\n"),
        ("list.csv", "\ufeffimage,label,site\r\na.png,cat,x\r\n\r\nb/b.png,dog,\r\n"),
        ("list.csv", '"image","label","site"\n"a.png","cat","x"\n"b/b.png", dog ,'),
        ("list.tsv", "image\tlabel\tsite\na.png\tcat\tx\nb/b.png\tdog\t\n"),
        ("list.json", json.dumps(ROWS)),
        ("list.jsonl", "\n".join(map(json.dumps, ROWS))),
        ("list.ndjson", "\ufeff" + "\r\n\r\n".join(map(json.dumps, ROWS))),
    ],
)
def test_each_format_says_the_same(listing, tmp_path, name, text):
    source = listing(text, name)
    assert source.class_names() == ["cat", "dog"]
    assert list(source.images(None, source.class_names())) == [
        LabelledImage(f"{tmp_path}/a.png", "a.png", 0, "cat", None, extra=(("site", "x"),)),
        LabelledImage(f"{tmp_path}/b/b.png", "b/b.png", 1, "dog", None, extra=(("site", ""),)),
    ]


def test_columns_may_have_other_names(listing):
    source = listing("file;species\na.png;cat\nb.png;dog\n", image="file", label="species", delimiter=";")
    assert [(image.name, image.text) for image in good(source)] == [("a.png", "cat"), ("b.png", "dog")]


def test_without_a_header_columns_have_numbers(listing):
    source = listing("a.png,cat,x\nb.png,dog,y\n", header=False)
    assert [(image.name, image.text, image.extra) for image in good(source)] == [
        ("a.png", "cat", (("2", "x"),)),
        ("b.png", "dog", (("2", "y"),)),
    ]
    other = listing("cat,a.png\ndog,b.png\n", header=False, image=1, label=0)
    assert [(image.name, image.text) for image in good(other)] == [("a.png", "cat"), ("b.png", "dog")]


def test_paths_start_at_the_root_and_absolute_ones_and_urls_stay(listing):
    source = listing("image,label\na.png,cat\n/there/b.png,dog\ngs://bucket/c.png,dog\n", root="/images")
    assert [image.path for image in good(source)] == ["/images/a.png", "/there/b.png", "gs://bucket/c.png"]


def test_mixed_path_separators_mean_the_same_file(listing, tmp_path):
    (tmp_path / "odd\\name.png").write_bytes(b"")
    source = listing("image,label\na\\b\\1.png,cat\na/b\\2.png,dog\n.\\a/3.png,dog\nodd\\name.png,cat\n")
    assert [image.name for image in good(source)] == ["a/b/1.png", "a/b/2.png", "a/3.png", "odd\\name.png"]


def test_only_the_columns_that_are_asked_for_are_kept(listing):
    text = "image,label,site,age\na.png,cat,x,3\nb.png,dog,y,4\n"
    assert good(listing(text, extra=("age",)))[0].extra == (("age", "3"),)
    assert good(listing(text, extra=()))[0].extra == ()
    with pytest.raises(DataError, match=r"no column 'sex', which data\.listing\.extra names"):
        list(listing(text, extra=("sex",)).images(None, ["cat", "dog"]))


def test_the_positive_class_has_id_one(listing):
    source = listing("image,label\na.png,bad\nb.png,good\n", task=Task.BINARY, positive="bad")
    assert source.class_names() == ["good", "bad"]
    assert {image.text: image.label for image in good(source)} == {"good": 0, "bad": 1}


def test_targets_are_numbers(listing):
    source = listing("image,target,label\na.png,1.5,x\nb.png, -2e3 ,y\n", task=Task.REGRESSION)
    assert source.class_names() == []
    assert [(image.label, image.text, image.target) for image in good(source)] == [(None, "", 1.5), (None, "", -2000)]
    assert good(source)[0].extra == (("label", "x"),)


def test_json_labels_may_be_numbers(listing):
    text = json.dumps([{"image": "a.png", "label": 3}, {"image": "b.png", "label": True}])
    assert [image.text for image in good(listing(text, "list.json"))] == ["3", "true"]


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-Infinity", "1e300", "1,5", "big"])
def test_targets_that_are_no_finite_number_are_put_aside(listing, cell):
    source = listing(f'image,target\na.png,1\nb.png,"{cell}"\nc.png,\n', task=Task.REGRESSION)
    assert reasons(source) == {"b.png": "invalid_target", "c.png": "missing_target"}


def test_json_has_nan_and_null_targets(listing):
    text = '[{"image": "a.png", "target": NaN}, {"image": "b.png", "target": null}, {"image": "c.png"}]'
    source = listing(text, "list.json", task=Task.REGRESSION)
    assert reasons(source) == {"a.png": "invalid_target", "b.png": "missing_target", "c.png": "missing_target"}


def test_rows_without_a_usable_label_are_put_aside(listing):
    source = listing("image,label\na.png,cat\nb.png,cow\nc.png,\nd.png,dog\n", classes=("dog", "cat"))
    assert reasons(source) == {"b.png": "unknown_label", "c.png": "missing_label"}
    assert {image.text: image.label for image in good(source)} == {"dog": 0, "cat": 1}


def test_rows_that_are_no_rows_are_put_aside_by_line(listing):
    source = listing("image,label\na.png,cat\n,dog\nb.png\nc.png,dog\n")
    assert reasons(source) == {"list.csv:3": "missing_image", "list.csv:4": "malformed_row"}
    lines = '{"image": "a.png", "label": "cat"}\n[1]\n{"image": "b.png", "label": "dog"}\n{"image": "c.p'
    assert reasons(listing(lines, "l.jsonl")) == {"l.jsonl:2": "malformed_row", "l.jsonl:4": "malformed_row"}


def test_the_second_of_two_equal_rows_is_put_aside(listing):
    source = listing("image,label\na.png,cat\nb.png,dog\n./a.png,cat\n")
    assert [image.name for image in good(source)] == ["a.png", "b.png"]
    [row] = [row for row in source.images(None, source.class_names()) if isinstance(row, Quarantined)]
    assert (row.reason, row.detail) == ("duplicate_row", "line 4 repeats line 2; remove it")


def test_rows_that_contradict_each_other_are_all_put_aside(listing):
    source = listing("image,label\na.png,cat\nb.png,dog\na.png,dog\nc.png,\nc.png,cat\n")
    assert [image.name for image in good(source)] == ["b.png", "c.png"]
    found = [
        (row.file, row.reason) for row in source.images(None, source.class_names()) if isinstance(row, Quarantined)
    ]
    assert found == [("a.png", "conflicting_rows"), ("a.png", "conflicting_rows"), ("c.png", "missing_label")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.csv", "", "has no rows"),
        ("list.csv", "image,label\n", "has no rows"),
        ("list.json", "[]", "has no rows"),
        ("list.jsonl", "\n", "has no rows"),
        ("list.csv", "file,label\na.png,cat\n", r"no column 'image'. It has 'file', 'label'; set data.listing.image"),
        ("list.csv", "image,class\na.png,cat\n", r"no column 'label'.*set data.listing.label"),
        ("list.csv", "image,label,label\na.png,cat,cat\n", "the column 'label' more than once"),
        ("list.csv", "image,label\na.png,cat\nb.png,cat\n", "only one class, 'cat'"),
        ("list.csv", b"image,label\na.png,cat\n\xe9.png,dog\n", r"list.csv:3: the byte 0xe9 is not utf-8.*encoding"),
        ("list.csv", 'image,label\n"a.png"x,cat\n', "list.csv:2: is no CSV"),
        ("list.json", '{"image": "a.png"}', "holds a dict, but a listing is an array of objects"),
        ("list.json", '{"a": 1}\n{"b": 2}', "is no JSON.*set data.listing.format to jsonl"),
    ],
)
def test_a_listing_that_cannot_be_used_says_why(listing, name, text, message):
    with pytest.raises(DataError, match=message):
        listing(text, name).class_names()


def test_a_listing_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nothing.csv: cannot be read \(No such file"):
        Listing(ListingSection(path=str(tmp_path / "nothing.csv"))).class_names()


def test_another_encoding_is_read_as_such(listing):
    source = listing("image,label\né.png,café\nb.png,dog\n".encode("cp1252"), encoding="cp1252")
    assert (good(source)[0].name, good(source)[0].text) == ("é.png", "café")


def test_the_fingerprint_follows_labels_and_files(listing, tmp_path):
    first = listing("image,label\na.png,cat\nb.png,dog\n").fingerprint()
    assert listing("image,label\na.png,cat\nb.png,dog\n").fingerprint() == first
    (tmp_path / "a.png").write_bytes(b"1")
    second = listing("image,label\na.png,cat\nb.png,dog\n").fingerprint()
    third = listing("image,label\na.png,dog\nb.png,cat\n").fingerprint()
    assert len({first, second, third}) == 3


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"path": "list.txt"}, "does not end in .csv"),
        ({"path": "list.csv", "encoding": "utf-9"}, "is not known"),
        ({"path": "list.csv", "image": 0}, "image is a column's number, but header is true"),
        ({"path": "list.csv", "header": False, "label": "label"}, "without a header columns have numbers"),
        ({"path": "list.json", "header": False}, "header: false is for CSV"),
    ],
)
def test_settings_that_do_not_fit_are_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        ListingSection(**keys)

"""TFRecord files: the ImageNet keys and others, plain and gzipped, whole and damaged."""

import pytest
import tensorflow as tf

from darkroom.configuration.tfrecords_section import TfRecordKeys, TfRecordsSection
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import Quarantined
from pipeline.ingestion.sources.tfrecords import TfRecords


def example(**values):
    feature = {}
    for key, value in values.items():
        name = key.replace("__", "/")
        if isinstance(value, bytes):
            feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        elif isinstance(value, float):
            feature[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        else:
            feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


@pytest.fixture
def records(tmp_path):
    def make(*examples, compression="", name="a.tfrecord", **options):
        with tf.io.TFRecordWriter(str(tmp_path / name), compression) as writer:
            for content in examples:
                writer.write(content)
        keys = {key: options.pop(key) for key in ("keys", "first_label", "extra") if key in options}
        return TfRecords(TfRecordsSection(pattern=f"{tmp_path}/*.tfrecord", **keys), **options)

    return make


def all_of(source):
    return [image for part in source.parts() for image in source.images(part, source.class_names())]


IMAGENET = (
    example(image__encoded=b"1", image__class__label=7, image__class__text=b"cat", image__filename=b"x/1.jpg"),
    example(image__encoded=b"2", image__class__label=9, image__class__text=b"ant"),
)


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_the_imagenet_keys_are_read(records, compression):
    found = all_of(records(*IMAGENET, compression=compression))
    assert [(image.name, image.data, image.label, image.text) for image in found] == [
        ("x/1.jpg", b"1", 1, "cat"),
        ("a.tfrecord:1", b"2", 0, "ant"),
    ]


def test_other_keys_are_mapped(records):
    source = records(
        example(jpeg=b"1", species=b"cat", site=4, name=b"1.jpg"),
        example(jpeg=b"2", species=b"dog", site=5, name=b"2.jpg"),
        keys=TfRecordKeys(image="jpeg", label="species", filename="name"),
        extra=("site",),
        group="site",
    )
    assert [(image.name, image.text, image.group, image.extra) for image in all_of(source)] == [
        ("1.jpg", "cat", "4", (("site", "4"),)),
        ("2.jpg", "dog", "5", (("site", "5"),)),
    ]


def test_integers_are_places_in_the_classes(records):
    source = records(
        *(example(image__encoded=b"1", image__class__label=label) for label in (1, 2, 3)),
        classes=("cat", "dog"),
        first_label=1,
    )
    found = all_of(source)
    assert [image.text for image in found[:2]] == ["cat", "dog"]
    assert (found[2].reason, found[2].label) == ("unknown_label", "number 3")


def test_integers_without_classes_are_names(records):
    source = records(*(example(image__encoded=b"1", image__class__label=label) for label in (3, 5)))
    assert source.class_names() == ["3", "5"]


def test_targets_may_be_floats_and_integers(records):
    source = records(
        example(image__encoded=b"1", image__target=1.5),
        example(image__encoded=b"2", image__target=3),
        example(image__encoded=b"3", image__target=float("nan")),
        example(image__encoded=b"4"),
        task=Task.REGRESSION,
    )
    found = all_of(source)
    assert [image.target for image in found[:2]] == [1.5, 3.0]
    assert [image.reason for image in found[2:]] == ["invalid_target", "missing_target"]


def test_records_without_image_or_label_are_put_aside(records):
    source = records(*IMAGENET, example(image__class__text=b"cat"), example(image__encoded=b"3"))
    assert [(row.file, row.reason) for row in all_of(source) if isinstance(row, Quarantined)] == [
        ("a.tfrecord:2", "missing_image"),
        ("a.tfrecord:3", "missing_label"),
    ]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-5], "damaged behind its first 1 records .*truncated"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "damaged behind its first 1 records .*corrupted"),
        (lambda content: b"text" * 20, "damaged behind its first 0 records"),
    ],
)
def test_a_damaged_file_ends_the_run_and_is_named(records, tmp_path, damage, message):
    source = records(*IMAGENET)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=rf"a\.tfrecord: is {message}"):
        all_of(source)


def test_what_tensorflow_calls_its_own_step_is_not_told(records, tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(b"text" * 20)
    with pytest.raises(DataError) as found:
        TfRecords(TfRecordsSection(pattern=f"{tmp_path}/*.tfrecord")).class_names()
    assert "corrupted record at 0 (Is this even a TFRecord file?))" in str(found.value)


def test_records_whose_class_is_under_another_key_are_told(records):
    with pytest.raises(DataError, match=r"no record has a class in image/class/text .* Set data\.tfrecords\.keys"):
        records(example(jpeg=b"1", species=b"cat")).class_names()


def test_a_label_that_is_nan_is_put_aside(records):
    found = all_of(records(*IMAGENET, example(image__encoded=b"3", image__class__label=float("nan"))))
    assert found[2].reason == "missing_label"


def test_records_are_read_where_tensorflow_has_no_file_system(records, tmp_path):
    records(*IMAGENET)
    root = f"memory://{tmp_path.name}"
    storage.write_whole(f"{root}/a.tfrecord", (tmp_path / "a.tfrecord").read_bytes())
    found = all_of(TfRecords(TfRecordsSection(pattern=f"{root}/*.tfrecord")))
    storage.remove_folder(root)
    assert [image.data for image in found] == [b"1", b"2"]


def test_records_of_something_else_are_refused(records):
    with pytest.raises(DataError, match=r"record 0 is no tf\.Example"):
        all_of(records(b"\xff\xff\xff"))


def test_no_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"there is no such file. Set data\.tfrecords\.pattern"):
        TfRecords(TfRecordsSection(pattern=f"{tmp_path}/*.tfrecord")).class_names()


def test_the_fingerprint_follows_the_files(records):
    first = records(*IMAGENET).fingerprint()
    assert records(*IMAGENET, IMAGENET[0]).fingerprint() != first

"""Examples out as a job folder, and in again."""

import json

import pytest
import tensorflow as tf

from darkroom.configuration.samples_section import SamplesSection
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline import features
from pipeline.features import SPLITS
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.ingestion.export import export_samples
from pipeline.ingestion.sources.samples import Samples

LABELS = ("cat", "dog")


def example(name, label):
    values = {
        features.FILENAME: name.encode(errors="surrogateescape"),
        features.ENCODED: f"{name!r} {label}".encode(),
        features.SHA256: b"0123456789abcdef" * 4,
        features.FORMAT: b"png",
    }
    feature = {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for key, value in values.items()}
    feature[features.LABEL] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def examples(folder, by_split, task=Task.MULTICLASS):
    for split in SPLITS:
        (folder / f"Split-{split}").mkdir(parents=True)
        path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for name, label in by_split.get(split, ()):
                writer.write(example(name, label))
    DatasetFacts(source="made", task=task, labels=LABELS, counts={}, quarantined=0).write(str(folder))
    return str(folder)


def test_a_job_folder_reads_back_as_it_was(tmp_path):
    by_split = {"train": [("cat/1.png", 0), ("dog/é 1.png", 1)], "eval": [("cat/2.png", 0)], "test": [("dog/2.png", 1)]}
    counts = export_samples(examples(tmp_path / "examples", by_split), tmp_path / "job")
    assert counts == {"train": 2, "eval": 1, "test": 1}
    assert json.loads((tmp_path / "job" / "class_mapping.json").read_text()) == {"0": "cat", "1": "dog"}
    source = Samples(SamplesSection(folder=f"{tmp_path}/job", images=f"{tmp_path}/job/images"))
    found = [image for part in source.parts() for image in source.images(part, source.class_names())]
    assert {(image.name, image.label, image.split) for image in found} == {
        (name, label, split) for split, images in by_split.items() for name, label in images
    }
    assert (tmp_path / "job" / "images" / "dog" / "2.png").read_bytes() == b"'dog/2.png' 1"


def test_names_that_cannot_be_files_or_are_taken_go_by_content(tmp_path):
    names = [
        "../out.png",
        "/etc/x.png",
        "a.png",
        "A.png",
        "a.png/b.png",
        "d/e.png",
        "d",
        "two\nlines.png",
        "\udcff.png",
    ]
    job = tmp_path / "job"
    export_samples(examples(tmp_path / "examples", {"train": [(name, 0) for name in names]}), job)
    samples = json.loads((job / "train_samples.json").read_text())
    assert [sample["image_id"] for sample in samples] == [
        "a.png",
        *(f"by-content/0123456789abcdef-{number}.png" for number in range(7)),
        "d/e.png",
    ]
    assert sum(path.is_file() for path in (job / "images").rglob("*")) == len(names)
    assert sum(path.is_file() for path in tmp_path.rglob("*out.png")) == 0


def test_a_regression_has_no_samples(tmp_path):
    with pytest.raises(DataError, match="have targets: nothing was exported"):
        export_samples(examples(tmp_path / "examples", {}, Task.REGRESSION), tmp_path / "job")


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="job: is not empty"):
        export_samples(examples(tmp_path / "examples", {}), tmp_path / "job")

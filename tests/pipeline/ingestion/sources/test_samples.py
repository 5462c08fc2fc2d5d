"""Job folders with class_mapping.json and lists of samples."""

import json

import pytest

from darkroom.configuration.samples_section import SamplesSection
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.sources.samples import Samples


@pytest.fixture
def job(tmp_path):
    def make(mapping, train, val, test=None, **options):
        files = {"class_mapping": mapping, "train_samples": train, "val_samples": val, "test_samples": test}
        for name, content in files.items():
            if content is not None:
                (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return Samples(SamplesSection(folder=str(tmp_path), images=options.pop("images", None)), **options)

    return make


def sample(name, label):
    return {"image_id": name, "label": label}


def all_of(source):
    return [image for part in source.parts() for image in source.images(part, source.class_names())]


MAPPING = {"0": "dog", "1": "cat"}


def test_lists_say_what_trains_and_what_evaluates(job, tmp_path):
    source = job(MAPPING, [sample("a.png", 0)], [sample("b.png", 1)], [sample("c.png", 1)])
    assert source.class_names() == ["dog", "cat"]
    assert [(image.path, image.label, image.text, image.split) for image in all_of(source)] == [
        (f"{tmp_path}/a.png", 0, "dog", "train"),
        (f"{tmp_path}/b.png", 1, "cat", "eval"),
        (f"{tmp_path}/c.png", 1, "cat", "test"),
    ]


def test_without_a_test_list_training_samples_are_free_to_test(job):
    source = job(MAPPING, [sample("a.png", 0)], [sample("b.png", 1)], images="/images")
    assert [(image.path, image.split) for image in all_of(source)] == [
        ("/images/a.png", None),
        ("/images/b.png", "eval"),
    ]


def test_an_image_of_two_lists_is_held_out_and_does_not_train(job):
    source = job(MAPPING, [sample("a.png", 0), sample("b.png", 1)], [sample("b.png", "cat"), sample("b.png", 1)])
    found = all_of(source)
    assert [image.split for image in found if isinstance(image, LabelledImage)] == [None, "eval"]
    assert [(row.file, row.reason, row.detail.partition(",")[0]) for row in found if isinstance(row, Quarantined)] == [
        ("b.png", "duplicate_row", f"sample 1 of {name}_samples.json has the image of sample 0 of val_samples.json")
        for name in ("train", "val")
    ]


def test_an_image_with_two_labels_is_put_aside_wherever_it_is_listed(job):
    source = job(MAPPING, [sample("a.png", 0), sample("b.png", 0)], [sample("b.png", 1), sample("c.png", 1)])
    assert [(row.file, row.reason) for row in all_of(source) if isinstance(row, Quarantined)] == [
        ("b.png", "conflicting_rows")
    ] * 2


def test_indices_may_have_gaps_and_the_positive_class_comes_last(job):
    source = job(
        {"5": "bad", "9": "good"}, [sample("a.png", 5)], [sample("b.png", 9)], task=Task.BINARY, positive="bad"
    )
    assert source.class_names() == ["good", "bad"]
    assert [image.label for image in all_of(source)] == [1, 0]


def test_labels_may_be_names_and_written_numbers(job):
    source = job(MAPPING, [sample("a.png", "cat"), sample("b.png", "0"), sample("c.png", 1.0)], [])
    assert [image.text for image in all_of(source)] == ["cat", "dog", "cat"]


def test_samples_that_name_nothing_are_put_aside(job):
    train = [
        sample("a.png", 7),
        sample("b.png", None),
        {"label": 1},
        "c.png",
        sample("d.png", [1]),
        sample("e.png", True),
    ]
    assert [(row.file, row.reason) for row in all_of(job(MAPPING, train, []))] == [
        ("a.png", "unknown_label"),
        ("b.png", "missing_label"),
        ("train_samples.json:2", "missing_image"),
        ("train_samples.json:3", "missing_image"),
        ("d.png", "unknown_label"),
        ("e.png", "unknown_label"),
    ]


@pytest.mark.parametrize("mapping", [{}, ["cat", "dog"], {"a": "cat"}, {"0": "cat", "1": "cat"}, {"0": ""}])
def test_a_mapping_that_is_none_is_refused(job, mapping):
    with pytest.raises(DataError, match=r"class_mapping\.json: must map each index to a class name of its own"):
        job(mapping, [], []).class_names()


def test_a_folder_without_its_files_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"class_mapping\.json: cannot be read .* A job folder has"):
        Samples(SamplesSection(folder=str(tmp_path))).class_names()


def test_a_list_that_is_none_is_refused(job):
    with pytest.raises(DataError, match=r"train_samples\.json: holds a dict"):
        all_of(job(MAPPING, {"image_id": "a.png"}, []))

import os

import pytest

from darkroom.errors import DataError
from pipeline.ingestion.class_folders import ClassFolders


@pytest.fixture
def root(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"1")
    return tmp_path


def test_classes_are_the_folders_in_alphabetical_order(root):
    (root / "ant").mkdir()
    (root / "notes.txt").write_text("not a class")
    (root / ".cache").mkdir()
    assert ClassFolders(str(root)).class_names() == ["ant", "cat", "dog"]


def test_listed_classes_keep_their_order(root):
    assert ClassFolders(str(root), ("dog", "cat")).class_names() == ["dog", "cat"]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("cat",), "'dog' is a folder but not in data.classes"),
        (("cat", "dog", "cow"), "'cow' is in data.classes but has no folder"),
    ],
)
def test_listed_classes_must_match_the_folders(root, classes, message):
    with pytest.raises(DataError, match=message):
        ClassFolders(str(root), classes).class_names()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: cannot be listed .* set data\.images"):
        ClassFolders(str(tmp_path / "nowhere")).class_names()


def test_a_folder_without_class_folders_is_refused(tmp_path):
    (tmp_path / "1.png").write_bytes(b"1")
    with pytest.raises(DataError, match="holds no folders"):
        ClassFolders(str(tmp_path)).class_names()


def test_one_class_is_refused_by_name(tmp_path):
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="only one class, 'cat'"):
        ClassFolders(str(tmp_path)).class_names()


def test_files_are_found_at_any_depth_and_rubbish_is_not(root):
    (root / "cat" / "more").mkdir()
    for name in ("more/2.png", ".DS_Store", "Thumbs.db", "with space é.png"):
        (root / "cat" / name).write_bytes(b"2")
    found = list(ClassFolders(str(root)).files(0, "cat"))
    assert [file.name for file in found] == ["cat/1.png", "cat/with space é.png", "cat/more/2.png"]
    assert {(file.label, file.text) for file in found} == {(0, "cat")}


def test_the_fingerprint_follows_the_files(root):
    source = ClassFolders(str(root))
    first = source.fingerprint(["cat", "dog"])
    assert source.fingerprint(["cat", "dog"]) == first
    (root / "cat" / "2.png").write_bytes(b"2")
    second = source.fingerprint(["cat", "dog"])
    (root / "cat" / "2.png").write_bytes(b"3")
    os.utime(root / "cat" / "2.png", ns=(1, 1))
    third = source.fingerprint(["cat", "dog"])
    assert len({first, second, third}) == 3

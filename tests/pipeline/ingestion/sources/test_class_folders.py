import os

import pytest

from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion.sources.class_folders import ClassFolders
from pipeline.ingestion.storage import read_bytes


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
    found = list(ClassFolders(str(root)).images("cat", ["cat", "dog"]))
    assert [file.name for file in found] == ["cat/1.png", "cat/with space é.png", "cat/more/2.png"]
    assert {(file.label, file.text) for file in found} == {(0, "cat")}


def test_the_fingerprint_follows_the_files(root):
    source = ClassFolders(str(root))
    first = source.fingerprint()
    assert source.fingerprint() == first
    (root / "cat" / "2.png").write_bytes(b"2")
    second = source.fingerprint()
    (root / "cat" / "2.png").write_bytes(b"3")
    os.utime(root / "cat" / "2.png", ns=(1, 1))
    third = source.fingerprint()
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("classes", [None, ("cat", "dog"), ("dog", "cat")])
def test_the_positive_class_comes_last(root, classes):
    source = ClassFolders(str(root), classes, Task.BINARY, "cat")
    names = source.class_names()
    assert names == ["dog", "cat"]
    assert {(image.text, image.label) for part in source.parts() for image in source.images(part, names)} == {
        ("dog", 0),
        ("cat", 1),
    }


def test_a_positive_class_that_is_not_there_is_refused(root):
    with pytest.raises(DataError, match=r"data\.positive is 'cow', but the classes are 'cat', 'dog'"):
        ClassFolders(str(root), None, Task.BINARY, "cow").class_names()


def test_three_folders_are_no_binary_task(root):
    (root / "ant").mkdir()
    with pytest.raises(DataError, match="a binary task has two classes, but there are 3: 'ant', 'cat', 'dog'"):
        ClassFolders(str(root), None, Task.BINARY, "cat").class_names()


def test_links_in_a_circle_are_passed_over(root):
    (root / "cat" / "more").mkdir()
    (root / "cat" / "more" / "2.png").write_bytes(b"2")
    (root / "cat" / "more" / "up").symlink_to(root / "cat")
    (root / "cat" / "out").symlink_to(root)
    (root / "cat" / "itself").symlink_to(root / "cat" / "itself")
    names = [image.name for image in ClassFolders(str(root)).images("cat", ["cat", "dog"])]
    # The link to itself is a file that cannot be opened: reading it puts it aside.
    assert names == ["cat/1.png", "cat/itself", "cat/more/2.png"]


def test_a_folder_under_two_names_is_read_under_both(root):
    (root / "cat" / "more").mkdir()
    (root / "cat" / "more" / "2.png").write_bytes(b"2")
    (root / "cat" / "same").symlink_to(root / "cat" / "more")
    names = [image.name for image in ClassFolders(str(root)).images("cat", ["cat", "dog"])]
    assert names == ["cat/1.png", "cat/more/2.png", "cat/same/2.png"]


@pytest.mark.parametrize("name", ["two\nlines.png", 'it\'s "quoted".png', "日本 é.png", b"not utf-8 \xff.png"])
def test_odd_file_names_are_opened(root, name):
    path = os.path.join(os.fsencode(root), b"cat", os.fsencode(name))
    with open(path, "wb") as file:
        file.write(b"2")
    [image] = [image for image in ClassFolders(str(root)).images("cat", ["cat", "dog"]) if image.name != "cat/1.png"]
    assert os.fsencode(image.name) == b"cat/" + os.fsencode(name)
    assert read_bytes(image.path) == b"2"


def test_a_file_url_is_a_local_folder(root):
    [image] = ClassFolders(f"file://{root}").images("cat", ["cat", "dog"])
    assert (image.name, read_bytes(image.path)) == ("cat/1.png", b"1")

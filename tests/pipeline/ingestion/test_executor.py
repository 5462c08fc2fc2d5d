"""The whole ingestion on Beam, over real files."""

import hashlib
import statistics
import uuid
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits, load_sample_images
from tfx.types import artifact_utils, standard_artifacts

from darkroom.configuration.listing_section import ListingSection
from darkroom.configuration.split_ratios import SplitRatios
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline import features
from pipeline.ingestion import storage
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.ingestion.executor import ImageExecutor
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.quarantine import Quarantine, read_report
from pipeline.ingestion.sources.arrays import write_arrays
from preprocessing.images import ImageLimits
from tests.pipeline.image_sets import write_bad_files, write_digits
from tests.preprocessing.made_images import jpeg_bytes, photo, png_bytes


class Ingested:
    """Runs the executor and reads what it wrote."""

    def __init__(self, root: Path, target: Path, **options):
        self.examples = standard_artifacts.Examples()
        self.examples.uri = str(target / "examples")
        quarantine = Quarantine()
        quarantine.uri = self.quarantine_uri = str(target / "quarantine")
        options = IngestionOptions(root=str(root), **{"ratios": SplitRatios(), "limits": ImageLimits()} | options)
        ImageExecutor().Do(
            {},
            {"examples": [self.examples], "quarantine": [quarantine]},
            {"ingestion_options": options.model_dump_json()},
        )
        self.facts = DatasetFacts.read(self.examples.uri)
        self.quarantined = {entry.file: entry for entry in read_report(quarantine.uri)}

    def splits(self):
        """The splits by file name."""
        return {
            example[features.FILENAME].bytes_list.value[0].decode(): split
            for split in features.SPLITS
            for example in self.examples_of(split)
        }

    def records(self, split):
        files = sorted(tf.io.gfile.glob(f"{self.examples.uri}/Split-{split}/*"))
        return [record.numpy() for record in tf.data.TFRecordDataset(files, "GZIP")]

    def examples_of(self, split):
        return [tf.train.Example.FromString(record).features.feature for record in self.records(split)]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Three digits and, in one class, a file of each bad kind."""
    root = write_digits(tmp_path_factory.mktemp("images"))
    bad = write_bad_files(root / "1")
    return root, bad, Ingested(root, tmp_path_factory.mktemp("out"))


def test_every_good_image_is_in_exactly_one_split(mixed):
    _, _, ingested = mixed
    names = [
        example[features.FILENAME].bytes_list.value[0]
        for split in features.SPLITS
        for example in ingested.examples_of(split)
    ]
    assert len(names) == len(set(names)) == 120


def test_bad_files_are_put_aside_by_name_and_reason(mixed):
    _, bad, ingested = mixed
    assert {name.removeprefix("1/"): entry.reason for name, entry in ingested.quarantined.items()} == bad
    assert all(entry.label == "1" and entry.detail for entry in ingested.quarantined.values())
    assert ingested.facts.quarantined == len(bad)


def test_the_quarantine_keeps_the_bytes(mixed):
    root, bad, ingested = mixed
    found = {}
    for record in tf.data.TFRecordDataset(f"{ingested.quarantine_uri}/quarantine.tfrecord.gz", "GZIP"):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        found[feature[features.FILENAME].bytes_list.value[0].decode()] = (
            feature["quarantine/reason"].bytes_list.value[0].decode(),
            feature[features.ENCODED].bytes_list.value[0],
        )
    assert found == {
        f"1/{name}": (reason, b"" if reason == "unreadable" else (root / "1" / name).read_bytes())
        for name, reason in bad.items()
    }


def test_only_splits_and_what_is_said_of_them_are_left(mixed):
    _, _, ingested = mixed
    left = {path.name for path in Path(ingested.examples.uri).iterdir()}
    assert left == {"Split-train", "Split-eval", "Split-test", "dataset.json", "splits.npz"}


def test_an_example_carries_the_imagenet_keys_and_the_files_own_bytes(mixed):
    root, _, ingested = mixed
    example = ingested.examples_of("train")[0]
    name = example[features.FILENAME].bytes_list.value[0].decode()
    encoded = example[features.ENCODED].bytes_list.value[0]
    assert encoded == (root / name).read_bytes()
    assert example[features.SHA256].bytes_list.value[0].decode() == hashlib.sha256(encoded).hexdigest()
    assert example[features.FORMAT].bytes_list.value[0] == b"png"
    assert example[features.LABEL_TEXT].bytes_list.value[0].decode() == name.split("/")[0]
    assert example[features.LABEL].int64_list.value[0] == int(name.split("/")[0])
    sizes = [example[key].int64_list.value[0] for key in (features.HEIGHT, features.WIDTH, features.CHANNELS)]
    assert sizes == [8, 8, 1]


def test_the_facts_count_what_was_written(mixed):
    _, _, ingested = mixed
    assert ingested.facts.labels == ("0", "1", "2")
    for split in features.SPLITS:
        assert ingested.facts.split_size(split) == len(ingested.records(split)) > 0
        assert set(ingested.facts.counts[split]) == {"0", "1", "2"}


def test_tfx_finds_the_splits(mixed):
    _, _, ingested = mixed
    assert artifact_utils.decode_split_names(ingested.examples.split_names) == list(features.SPLITS)


def test_the_same_images_give_the_same_bytes(mixed, tmp_path):
    root, _, ingested = mixed
    again = Ingested(root, tmp_path)
    for split in features.SPLITS:
        [first] = Path(ingested.examples.uri, f"Split-{split}").iterdir()
        [second] = Path(again.examples.uri, f"Split-{split}").iterdir()
        assert first.read_bytes() == second.read_bytes()


def test_renamed_and_moved_files_stay_in_their_split(mixed, tmp_path):
    root, _, ingested = mixed
    renamed = tmp_path / "images"
    for path in root.glob("*/*.png"):
        if path.stem.isdigit():
            target = renamed / path.parent.name / f"{hashlib.md5(path.name.encode()).hexdigest()}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    again = Ingested(renamed, tmp_path / "out")
    for split in features.SPLITS:
        keys = [
            {example[features.SHA256].bytes_list.value[0] for example in one.examples_of(split)}
            for one in (ingested, again)
        ]
        assert keys[0] == keys[1]


def test_duplicates_share_a_split_and_rotated_photos_have_upright_sizes(tmp_path):
    root = write_digits(tmp_path / "images", digits=(0, 1), of_each=12)
    copied = next((root / "0").iterdir()).read_bytes()
    for number in range(5):
        (root / "0" / f"copy{number}.png").write_bytes(copied)
    (root / "1" / "phone.jpg").write_bytes(jpeg_bytes(photo(30, 50), orientation=6))
    ingested = Ingested(root, tmp_path / "out")
    where = {
        split
        for split in features.SPLITS
        for example in ingested.examples_of(split)
        if example[features.ENCODED].bytes_list.value[0] == copied
    }
    assert len(where) == 1
    [phone] = [
        example
        for split in features.SPLITS
        for example in ingested.examples_of(split)
        if example[features.FORMAT].bytes_list.value[0] == b"jpeg"
    ]
    assert (phone[features.HEIGHT].int64_list.value[0], phone[features.WIDTH].int64_list.value[0]) == (50, 30)


def test_a_class_with_one_image_trains_and_is_named(tmp_path):
    root = write_digits(tmp_path / "images", digits=(0, 1), of_each=12)
    (root / "rare").mkdir()
    (root / "rare" / "1.png").write_bytes(png_bytes(photo(9, 9)))
    ingested = Ingested(root, tmp_path / "out")
    assert ingested.facts.counts["train"]["rare"] == 1
    assert any("'rare' has only 1 image" in note for note in ingested.facts.notes)


def test_a_class_without_usable_images_ends_the_run_and_names_the_files(tmp_path):
    root = write_digits(tmp_path / "images", digits=(0, 1), of_each=6)
    (root / "broken").mkdir()
    (root / "broken" / "a.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"no usable image of 'broken'[\s\S]*broken/a\.jpg: unknown_format"):
        Ingested(root, tmp_path / "out")


def test_too_few_images_for_three_splits_end_the_run(tmp_path):
    root = write_digits(tmp_path / "images", digits=(0, 1), of_each=1)
    with pytest.raises(DataError, match="too few to fill the splits"):
        Ingested(root, tmp_path / "out")


def test_limits_of_the_configuration_apply(tmp_path):
    root = write_digits(tmp_path / "images", digits=(0, 1), of_each=12)
    (root / "0" / "big.png").write_bytes(png_bytes(photo(50, 60)))
    ingested = Ingested(root, tmp_path / "out", limits=ImageLimits(max_side=40))
    assert ingested.quarantined["0/big.png"].reason == "too_long_side"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A regression: a number for each of 30 digits, one that is no number, and one without a file."""
    root = write_digits(tmp_path_factory.mktemp("images"), digits=(0, 1), of_each=15)
    names = sorted(str(path.relative_to(root)) for path in root.glob("*/*.png"))
    targets = {name: 0.5 * number for number, name in enumerate(names)}
    rows = [f"{name},{target},site {number % 2}" for number, (name, target) in enumerate(targets.items())]
    listing = root / "list.csv"
    listing.write_text("\n".join(["image,target,where taken", *rows, "a.png,nan,x", "0/missing.png,1,x"]))
    section = ListingSection(path=str(listing))
    return targets, Ingested(listing, tmp_path_factory.mktemp("out"), listing=section, task=Task.REGRESSION)


def test_a_regressions_examples_carry_targets_and_columns_and_no_labels(measured):
    targets, ingested = measured
    seen = {}
    for split in features.SPLITS:
        for example in ingested.examples_of(split):
            assert features.LABEL not in example
            assert features.LABEL_TEXT not in example
            assert example["image/extra/where taken"].bytes_list.value[0] in {b"site 0", b"site 1"}
            seen[example[features.FILENAME].bytes_list.value[0].decode()] = example[features.TARGET].float_list.value[0]
    assert seen == targets


def test_a_regressions_facts_describe_the_targets_of_each_split(measured):
    _, ingested = measured
    assert ingested.facts.task is Task.REGRESSION
    assert ingested.facts.labels == ()
    assert ingested.facts.counts == {}
    for split in features.SPLITS:
        targets = [example[features.TARGET].float_list.value[0] for example in ingested.examples_of(split)]
        found = ingested.facts.targets[split]
        assert found.count == ingested.facts.split_size(split) == len(targets) > 0
        assert found.mean == pytest.approx(statistics.fmean(targets))
        assert found.deviation == pytest.approx(statistics.pstdev(targets))
        assert (found.minimum, found.maximum) == (min(targets), max(targets))


def test_rows_without_a_number_and_missing_files_are_put_aside(measured):
    _, ingested = measured
    assert {name: (entry.reason, entry.label) for name, entry in ingested.quarantined.items()} == {
        "a.png": ("invalid_target", "nan"),
        "0/missing.png": ("unreadable", "1.0"),
    }


def test_each_class_has_its_share_of_each_split(mixed):
    _, _, ingested = mixed
    # 120 images: the rule of thumb holds out 20 %, and 10 % of the rest.
    assert [ingested.facts.counts[split] for split in features.SPLITS] == [
        dict.fromkeys("012", count) for count in (29, 3, 8)
    ]


def test_later_images_move_none_and_removed_ones_keep_their_split(tmp_path):
    root = write_digits(tmp_path / "images", digits=(0, 1), of_each=30)
    ledgers = str(tmp_path / "splits")
    first = Ingested(root, tmp_path / "first", ledgers=ledgers).splits()
    away = next(root / name for name, split in first.items() if split == "test")
    content = away.read_bytes()
    away.unlink()
    write_digits(root, digits=(0, 1), of_each=36)
    away.unlink(missing_ok=True)
    second = Ingested(root, tmp_path / "second", ledgers=ledgers)
    assert second.splits().items() >= {k: v for k, v in first.items() if root / k != away}.items()
    away.write_bytes(content)
    third = Ingested(root, tmp_path / "third", ledgers=ledgers)
    assert third.splits().items() >= first.items()
    # 36 images of each: with the one that came back, a share of 7.2 is exceeded by less than one.
    assert set(third.facts.counts["test"].values()) <= {7, 8}


def test_later_spans_follow_the_images_and_groups_of_those_before(tmp_path):
    """Three spans of twelve owners' digits; only the latest is read, and one of its images was there before."""
    root = write_digits(tmp_path / "images", digits=(0, 1), of_each=48)
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*.png"))
    owner = {name: str(number % 12) for number, name in enumerate(names)}

    def deliver(span, delivered):
        rows = [f"{name},{name[0]},{owner[name]}" for name in delivered]
        (tmp_path / f"{span}.csv").write_text("\n".join(["image,label,owner", *rows]))
        return Ingested(
            tmp_path / "{SPAN}.csv",
            tmp_path / f"out{span}",
            listing=ListingSection(path=f"{tmp_path}/{{SPAN}}.csv", root=str(root)),
            span="latest",
            group="owner",
            ledgers=str(tmp_path / "splits"),
        )

    first = deliver(1, names[:24] + names[48:72]).splits()
    tested = next(name.removeprefix("1/") for name, split in first.items() if split == "test")
    later = [deliver(2, names[24:36] + names[72:84]), deliver(3, [tested, *names[36:48], *names[84:]])]
    home = {owner[name.removeprefix("1/")]: split for name, split in first.items()}
    assert set(home.values()) == set(features.SPLITS)
    for number, ingested in enumerate(later, start=2):
        found = ingested.splits()
        assert all(home[owner[name.removeprefix(f"{number}/")]] == split for name, split in found.items())
        assert (ingested.facts.spans, len(found)) == ((str(number),), 24 + (number == 3))
        assert ingested.examples.get_string_custom_property("spans") == str(number)
    assert later[1].splits()[f"3/{tested}"] == "test"


def test_groups_near_duplicates_and_contradictions(tmp_path):
    """A listing of twelve photographs by five owners, one of them again at another quality, one under two labels."""
    pictures = [
        picture[top : top + 200, left : left + 200]
        for picture in load_sample_images().images
        for top in (0, 200)
        for left in (0, 200, 400)
    ]
    for number, picture in enumerate(pictures):
        (tmp_path / f"{number}.png").write_bytes(png_bytes(picture))
    (tmp_path / "copy.jpg").write_bytes(jpeg_bytes(pictures[0], quality=60))
    (tmp_path / "again.png").write_bytes(png_bytes(pictures[1]))
    rows = [f"{number}.png,{'cat' if number % 2 else 'dog'},{number % 5}" for number in range(12)]
    listing = tmp_path / "list.csv"
    listing.write_text("\n".join(["image,label,owner", *rows, "copy.jpg,dog,", "again.png,dog,"]))
    ingested = Ingested(
        listing,
        tmp_path / "out",
        listing=ListingSection(path=str(listing)),
        group="owner",
        near_duplicates=4,
        ledgers=str(tmp_path / "splits"),
    )
    where = ingested.splits()
    assert len({where[f"{number}.png"] for number in (0, 5, 10)} | {where["copy.jpg"]}) == 1
    assert where["again.png"] == where["1.png"]
    assert ingested.facts.notes[0].startswith("1 set of files has the same bytes and different labels")
    assert "again.png" in ingested.facts.notes[0]


def test_too_many_bad_files_end_the_run_with_the_commonest_reasons(tmp_path):
    root = write_digits(tmp_path / "images", digits=(0, 1), of_each=12)
    for number in range(3):
        (root / "0" / f"{number}.txt").write_text("no picture")
    with pytest.raises(DataError, match=r"3 of 27 images \(11\.1%\).*allows 10\.0%.*unknown_format 3\):\n  0/0\.txt"):
        Ingested(root, tmp_path / "out", max_quarantined=0.1)


def test_folders_without_a_file_end_the_run(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
    with pytest.raises(DataError, match="no usable image of 'cat', 'dog'"):
        Ingested(tmp_path / "images", tmp_path / "out")


def test_arrays_go_where_they_are_said_to_and_the_rest_is_split(tmp_path):
    digits = load_digits()
    levels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    few = digits.target < 2
    given = write_arrays(tmp_path, levels[few][:30], digits.target[few][:30], name="given", split="test")
    free = write_arrays(tmp_path, levels[few][30:90], digits.target[few][30:90], name="free")
    ingested = Ingested(tmp_path, tmp_path / "out", arrays=(given, free), ratios=SplitRatios(eval=0.1, test=0.2))
    where = ingested.splits()
    assert {split for name, split in where.items() if name.startswith("given")} == {"test"}
    # 30 of 90 are more than the share of the test split already; the rest shares 1 to 7, by class.
    assert Counter(split for name, split in where.items() if name.startswith("free")) == {"train": 52, "eval": 8}
    assert ingested.facts.labels == ("0", "1")


def test_images_in_a_file_system_that_tensorflow_lacks_come_in_as_local_ones_do(mixed, tmp_path):
    root, _, local = mixed
    there = f"memory://{uuid.uuid4().hex}/images"
    for path in root.rglob("*"):
        if path.is_file():
            storage.write_whole(f"{there}/{path.relative_to(root)}", path.read_bytes())
    remote = Ingested(there, tmp_path)
    assert remote.splits() == local.splits()
    assert {name: entry.reason for name, entry in remote.quarantined.items()} == {
        # What is not there to be copied.
        name: entry.reason
        for name, entry in local.quarantined.items()
        if entry.reason != "unreadable"
    }

"""From logs to a folder that people label."""

import csv
import json

import pytest

from preprocessing.population import Population
from serving.prediction_log.extraction import Extraction, LogError, find_logs
from serving.prediction_log.listing import ListingError
from tests.serving.gateway.pictures import GREEN, RED, bomb, noisy_jpeg, picture
from tests.serving.prediction_log.logs import predict_log, write_log


def extract(output, *logs):
    extraction = Extraction(output)
    for log in logs:
        extraction.read(log)
    return extraction.finish()


def rows(output):
    with (output / "listing.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def snapshot(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def log(tmp_path):
    return write_log(
        tmp_path / "a.tfrecord",
        predict_log([RED, GREEN], [0.9, 0.6], request_id="one", rate=0.5, time=1_700_000_000),
        predict_log([noisy_jpeg()], [0.55], request_id="two"),
        predict_log([RED], [0.7], request_id="three"),
    )


def test_each_image_is_there_once_and_the_least_confident_come_first(tmp_path, log):
    found = extract(tmp_path / "out", log)

    listed = rows(tmp_path / "out")
    assert [row["confidence"] for row in listed] == ["0.550000012", "0.600000024", "0.699999988"]
    assert [row["request_id"] for row in listed] == ["two", "one", "three"]
    assert [(tmp_path / "out" / row["image"]).read_bytes() for row in listed] == [noisy_jpeg(), GREEN, RED]
    assert [row["image"].rpartition(".")[2] for row in listed] == ["jpeg", "png", "png"]
    assert {row["label"] for row in listed} == {""}
    assert listed[1]["model_version"] == "3"
    assert (found.logged_images, found.written, found.listed) == (4, 3, 3)


def test_running_it_again_changes_nothing(tmp_path, log):
    extract(tmp_path / "out", log)
    before = snapshot(tmp_path / "out")
    again = extract(tmp_path / "out", log)

    assert snapshot(tmp_path / "out") == before
    assert again.written == 0


def test_an_extraction_that_was_interrupted_is_completed(tmp_path, log):
    extract(tmp_path / "whole", log)
    Extraction(tmp_path / "out").read(log)  # killed before its end
    next((tmp_path / "out" / "images").iterdir()).write_bytes(b"half")
    extract(tmp_path / "out", log)

    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_labels_and_columns_that_people_wrote_stay(tmp_path, log):
    out = tmp_path / "out"
    extract(out, log)
    listed = rows(out)
    listed[0] |= {"label": "a cat, really", "note": "blurred"}
    with (out / "listing.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, [*listed[1], "note"], restval="")
        writer.writeheader()
        writer.writerows([*listed, {"image": "mine/own.png", "label": "dog"}])
    more = write_log(tmp_path / "b.tfrecord", predict_log([noisy_jpeg(), picture((0, 0, 9))], [0.51, 0.95]))
    extract(out, log, more)

    found = {row["sha256"]: row for row in rows(out)}
    assert len(found) == 5
    labelled = found[listed[0]["sha256"]]
    assert (labelled["label"], labelled["note"], labelled["confidence"]) == ("a cat, really", "blurred", "0.50999999")
    assert (found[""]["image"], found[""]["label"]) == ("mine/own.png", "dog")


def test_statistics_tell_the_sample_from_the_rest(tmp_path, log):
    extract(tmp_path / "out", log)

    document = json.loads((tmp_path / "out" / "statistics.json").read_text())
    everything, sampled = (Population.from_json(document[key]) for key in ("everything", "sampled"))
    assert (everything.images, sampled.images) == (4, 2)
    assert everything.categorical["predicted_class"] == {"cat": 4}
    assert everything.categorical["format"] == {"png": 3, "jpeg": 1}
    assert sampled.numeric["confidence"].total == sampled.numeric["red"].total == 2
    assert document["images_by_version"] == {"pets/3": 4}


def test_images_that_ingestion_would_refuse_are_counted_and_not_written(tmp_path):
    log = write_log(tmp_path / "a.tfrecord", predict_log([RED, bomb(), noisy_jpeg()[:2000]], [0.9] * 3))
    found = extract(tmp_path / "out", log)

    assert found.refused == {"too_long_side": 1, "truncated": 1}
    assert len(list((tmp_path / "out" / "images").iterdir())) == 1


def test_names_from_outside_run_no_formula_in_a_spreadsheet(tmp_path):
    log = write_log(tmp_path / "a.tfrecord", predict_log([RED], [0.9], labels=("=1+1", "b"), request_id="@SUM"))
    extract(tmp_path / "out", log)

    (row,) = rows(tmp_path / "out")
    assert (row["predicted_label"], row["request_id"]) == ("'=1+1", "'@SUM")


def test_a_shard_that_ends_early_or_is_damaged_costs_its_rest(tmp_path, log):
    data = log.read_bytes()
    (tmp_path / "cut.tfrecord").write_bytes(data[:-5])
    (tmp_path / "bad.tfrecord").write_bytes(data[:-5] + b"\0" + data[-4:])
    found = extract(tmp_path / "out", tmp_path / "cut.tfrecord", tmp_path / "bad.tfrecord")

    assert found.logged_images == 6
    assert ["cut.tfrecord" in found.damaged[0], "bad.tfrecord" in found.damaged[1]] == [True, True]


def test_another_kind_of_file_is_an_error_that_names_it(tmp_path):
    (tmp_path / "picture.png").write_bytes(RED)

    with pytest.raises(LogError, match=r"picture\.png.*no TFRecord file"):
        extract(tmp_path / "out", tmp_path / "picture.png")


def test_a_listing_of_another_kind_is_not_overwritten(tmp_path, log):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "listing.csv").write_text("file;class\na.png;cat\n")

    with pytest.raises(ListingError, match="has no column image and sha256"):
        extract(tmp_path / "out", log)
    assert "a.png;cat" in (tmp_path / "out" / "listing.csv").read_text()


def test_folders_mean_their_finished_shards(tmp_path, log):
    (tmp_path / "b.tfrecord.partial").touch()
    (tmp_path / "c.tfrecord.gz").touch()
    (tmp_path / "empty").mkdir()

    assert find_logs([tmp_path, log]) == [log, tmp_path / "c.tfrecord.gz"]
    with pytest.raises(LogError, match="no finished shard"):
        find_logs([tmp_path / "empty"])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_logs([tmp_path / "nowhere"])

import pytest
from tfx.components.example_gen import utils
from tfx.proto import example_gen_pb2, range_config_pb2

from darkroom.configuration.span_section import LastSpans
from darkroom.errors import DataError
from pipeline.ingestion.spans import available_spans, choose_spans, fill_span


@pytest.fixture
def delivered(tmp_path):
    """Makes folders."""

    def make(*names):
        for name in names:
            (tmp_path / name).mkdir(parents=True)
        return tmp_path

    return make


def names(found):
    return [str(span) for span in found]


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        ("span-{SPAN}", ("span-1", "span-2", "span-10")),
        ("span-{SPAN:2}", ("span-01", "span-02", "span-10")),
        ("{YYYY}-{MM}-{DD}", ("2026-01-31", "2025-12-31", "2026-02-01")),
        ("{YYYY}/{MM}/{DD}", ("2026/01/31", "2025/12/31")),
        ("{SPAN}/v{VERSION}", ("1/v1", "1/v2", "2/v1", "2/v10", "2/v9")),
    ],
)
def test_the_latest_span_is_that_of_tfx(delivered, pattern, folders):
    root = delivered(*folders)
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    _, number, version = utils.calculate_splits_fingerprint_span_and_version(str(root), [split])
    full = f"{root}/{pattern}"
    [latest] = choose_spans(available_spans(full), "latest", full)
    assert (latest.number, None if latest.version is None else int(latest.version)) == (number, version)
    assert fill_span(full, latest) == f"{root}/{split.pattern}"


def test_a_span_by_its_number_is_that_of_tfx(delivered):
    root = delivered("07", "08", "09")
    split = example_gen_pb2.Input.Split(name="all", pattern="{SPAN:2}")
    fixed = range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=8, end_span_number=8)
    )
    utils.calculate_splits_fingerprint_span_and_version(str(root), [split], fixed)
    pattern = f"{root}/{{SPAN:2}}"
    [chosen] = choose_spans(available_spans(pattern), 8, pattern)
    assert fill_span(pattern, chosen) == f"{root}/{split.pattern}" == f"{root}/08"


def test_all_come_in_the_order_of_their_numbers(delivered):
    pattern = f"{delivered('10', '9', '2')}/{{SPAN}}"
    assert names(choose_spans(available_spans(pattern), "all", pattern)) == ["2", "9", "10"]


@pytest.mark.parametrize(("last", "taken"), [(1, ["3"]), (2, ["2", "3"]), (9, ["1", "2", "3"])])
def test_a_window_takes_the_newest(delivered, last, taken):
    pattern = f"{delivered('1', '2', '3')}/{{SPAN}}"
    assert names(choose_spans(available_spans(pattern), LastSpans(last=last), pattern)) == taken


def test_what_has_no_number_is_no_span(delivered):
    root = delivered("1", "old", "2-partial", ".3")
    (root / "README").write_text("")
    assert names(available_spans(f"{root}/{{SPAN}}")) == ["1"]


def test_a_file_is_found_beside_folders_with_odd_names(delivered):
    root = delivered("a[1]*")
    for name in ("labels-1.csv", "labels-2.csv", "labels-2.csv.bak"):
        (root / "a[1]*" / name).write_text("")
    assert names(available_spans(f"{root}/a[1]*/labels-{{SPAN}}.csv")) == ["1", "2"]


def test_wildcards_beside_the_span_stand_for_anything(delivered):
    root = delivered("1", "2", "3")
    for name in ("1/train-00", "2/train-xx", "3/test-00"):
        (root / name).write_text("")
    assert names(available_spans(f"{root}/{{SPAN}}/train-[0-9]*", wildcards=True)) == ["1"]


def test_an_array_of_an_archive_is_found_by_its_file(delivered):
    root = delivered("a")
    (root / "a" / "digits-4.npz").write_bytes(b"")
    pattern = f"{root}/a/digits-{{SPAN}}.npz:images"
    [span] = available_spans(pattern)
    assert fill_span(pattern, span) == f"{root}/a/digits-4.npz:images"


def test_a_number_under_two_names_is_refused(delivered):
    root = delivered("1", "01")
    with pytest.raises(DataError, match=r"span 1 is there as 0?1 and as 0?1"):
        available_spans(f"{root}/{{SPAN}}")


def test_a_day_that_no_calendar_has_is_refused(delivered):
    root = delivered("2026-02-30")
    with pytest.raises(DataError, match=r"2026-02-30, where the pattern has \{YYYY\}\{MM\}\{DD\}, is no date"):
        available_spans(f"{root}/{{YYYY}}-{{MM}}-{{DD}}")


def test_no_span_and_a_wrong_span_are_told(delivered):
    pattern = f"{delivered()}/{{SPAN}}"
    with pytest.raises(DataError, match="there is no span yet"):
        choose_spans(available_spans(pattern), "latest", pattern)
    delivered("1", "2")
    with pytest.raises(DataError, match=r"there is no span 7; the newest are 1, 2\. Set data\.span"):
        choose_spans(available_spans(pattern), 7, pattern)

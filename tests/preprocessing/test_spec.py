import pytest
from pydantic import ValidationError

from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics
from preprocessing.version import preprocessing_version

STATISTICS = ChannelStatistics(mean=(120.0, 110.0, 100.0), std=(50.0, 51.0, 52.0), image_count=10)


def test_a_spec_survives_json():
    spec = PreprocessingSpec(version="2", height=64, width=96, mode="stretch", background=(1, 2, 3))
    assert PreprocessingSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_spec_cannot_be_changed():
    with pytest.raises(ValidationError):
        PreprocessingSpec().height = 3


def test_an_integer_version_means_its_text():
    assert PreprocessingSpec.model_validate({"version": 2}).version == "2"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("height", 0),
        ("width", 5000),
        ("channels", 2),
        ("mode", "crop"),
        ("pad_value", 256),
        ("scaling", "zscore"),
        ("version", "a b"),
        ("background", (0, 0)),
        ("resize", 3),
    ],
)
def test_a_wrong_value_is_refused(field, value):
    with pytest.raises(ValidationError):
        PreprocessingSpec.model_validate({field: value})


def test_a_coloured_background_is_refused_for_one_channel():
    with pytest.raises(ValidationError, match="three equal levels"):
        PreprocessingSpec(channels=1, background=(255, 0, 0))


def test_the_version_names_the_spec_and_its_fingerprint():
    name, fingerprint = preprocessing_version(PreprocessingSpec(version="7"), STATISTICS).split("-")
    assert name == "7"
    assert len(fingerprint) == 12
    assert int(fingerprint, 16) >= 0


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"height": 32},
        {"width": 32},
        {"channels": 1, "background": (0, 0, 0)},
        {"mode": "stretch"},
        {"pad_value": 7},
        {"background": (0, 0, 0)},
        {"shrink": "bilinear"},
        {"enlarge": "bilinear"},
        {"scaling": "symmetric"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_spec_changes_the_version(change):
    spec = PreprocessingSpec()
    changed = PreprocessingSpec.model_validate(spec.model_dump() | change)
    assert preprocessing_version(changed, STATISTICS) != preprocessing_version(spec, STATISTICS)


def test_changed_statistics_change_the_version():
    spec = PreprocessingSpec()
    other = STATISTICS.model_copy(update={"mean": (120.0, 110.0, 100.00001)})
    assert preprocessing_version(spec, other) != preprocessing_version(spec, STATISTICS)


def test_statistics_that_are_not_used_do_not_change_the_version():
    spec = PreprocessingSpec(scaling="normalize")
    assert preprocessing_version(spec, STATISTICS) == preprocessing_version(spec, None)


def test_a_changed_op_revision_changes_the_version(monkeypatch):
    before = preprocessing_version(PreprocessingSpec(), STATISTICS)
    monkeypatch.setattr("preprocessing.version.OP_REVISION", 999)
    assert preprocessing_version(PreprocessingSpec(), STATISTICS) != before

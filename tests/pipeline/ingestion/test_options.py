import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.ingestion.options import IngestionOptions


def options(base, **data):
    return IngestionOptions.from_configuration(DarkroomConfig.model_validate({"data": data}).located_at(base))


def test_a_listings_paths_start_at_the_configuration(tmp_path):
    found = options(tmp_path, listing={"path": "list.csv", "root": "images", "header": False})
    assert (found.listing.path, found.listing.root) == (f"{tmp_path}/list.csv", f"{tmp_path}/images")
    assert options(tmp_path, listing={"path": "gs://bucket/list.csv"}).listing.path == "gs://bucket/list.csv"


def test_options_travel_as_json(tmp_path):
    found = options(tmp_path, listing={"path": "list.csv", "header": False, "extra": [2]})
    assert IngestionOptions.model_validate_json(found.model_dump_json()) == found


def test_a_regression_from_folders_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"targets come from a listing.*set data\.listing"):
        options(tmp_path, task="regression")

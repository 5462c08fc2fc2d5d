"""The examples of docs/beam.md: read by the configuration, and every option known to Beam."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.dask.dask_runner import DaskOptions
from apache_beam.runners.runner import create_runner

from darkroom.configuration import DarkroomConfig

PAGE = Path(__file__).parents[3] / "docs" / "beam.md"
EXAMPLES = [
    DarkroomConfig.model_validate(yaml.safe_load(textwrap.dedent(block))).beam
    for block in re.findall(r"(?:^    .*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("beam", EXAMPLES, ids=[beam.runner.rpartition(".")[2] for beam in EXAMPLES])
def test_an_example_is_understood(beam):
    assert create_runner(beam.runner) is not None
    options = PipelineOptions(list(beam.options))
    options.view_as(DaskOptions)
    found = options.get_all_options(drop_default=True)
    # Beam passes options that it does not know over, with a warning.
    for option in beam.options:
        name, _, value = option.removeprefix("--").partition("=")
        known = {"dask_client_address": "address"}.get(name, name)
        assert str(found[known]) == value


def test_all_engines_have_an_example():
    assert [beam.runner.rpartition(".")[2] for beam in EXAMPLES] == [
        "DirectRunner",
        "DataflowRunner",
        "FlinkRunner",
        "PortableRunner",
        "DaskRunner",
    ]

import apache_beam as beam
import pytest
from apache_beam.runners.portability.prism_runner import PrismRunner

from darkroom.configuration.sections import BeamSection
from darkroom.errors import ConfigurationError
from pipeline.beam_arguments import beam_arguments


def test_beam_downloads_no_other_engine(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(PrismRunner, "run_pipeline", lambda *_: asked.append("Prism"))
    with beam.Pipeline(argv=beam_arguments(BeamSection())) as pipeline:
        _ = (
            pipeline
            | beam.Create([(1, 2)])
            | beam.GroupByKey()
            | beam.MapTuple(lambda key, _: (tmp_path / str(key)).touch())
        )
    assert ([path.name for path in tmp_path.iterdir()], asked) == (["1"], [])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"runner": "NoRunner"}, "beam.runner: Unexpected pipeline runner: NoRunner"),
        ({"runner": "no.module.Runner"}, "beam.runner: .*no"),
        ({"options": ("--direct_num_workers=two",)}, "beam.options: argument --direct_num_workers: invalid int value"),
    ],
)
def test_what_beam_cannot_take_is_named(section, message, capsys):
    with pytest.raises(ConfigurationError, match=message):
        beam_arguments(BeamSection(**section))
    assert capsys.readouterr().err == ""


def test_options_of_other_runners_go_through():
    assert beam_arguments(BeamSection(runner="PortableRunner", options=("--for_my_engine=1",))) == [
        "--runner=PortableRunner",
        "--for_my_engine=1",
    ]

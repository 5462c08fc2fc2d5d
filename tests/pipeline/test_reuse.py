"""What is taken from the cache, and what is done again."""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types.standard_artifacts import InfraBlessing

from pipeline.reuse import mark_reusable
from pipeline.runner import run_pipeline


@component
def Checked(blessing: OutputArtifact[InfraBlessing], failures: Parameter[str]) -> None:  # noqa: N802 - a node's name
    """Fails as often as the file `failures` has lines."""
    with open(failures) as file:
        lines = file.readlines()
    mark_reusable(blessing, reusable=not lines)
    if lines:
        with open(failures, "w") as file:
            file.writelines(lines[1:])


def test_a_check_that_failed_is_made_again_until_it_passes(tmp_path):
    failures = tmp_path / "failures"
    failures.write_text("busy\nstill busy\n")
    pipeline = tfx_pipeline.Pipeline(
        pipeline_name="things",
        pipeline_root=str(tmp_path / "root"),
        components=[Checked(failures=str(failures))],
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite")),
    )
    states = [
        run_pipeline(pipeline, on_start=lambda node: None, on_end=lambda result: None)["Checked"].state.value
        for _ in range(5)
    ]
    assert states == ["done", "done", "done", "cached", "cached"]

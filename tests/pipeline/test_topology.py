"""The topology that is told without TFX is that of the pipeline."""

import pytest

from darkroom.configuration.load import parse_configuration
from pipeline.topology import upstream_nodes

SCHEMA = "data.validation.schema_file=schema.pbtxt"
GOES_ON = "training.recipe={name: warm_start, version: latest_blessed}"


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("tuning.enabled=true",),
        (GOES_ON,),
        ("export.lite={}",),
        (SCHEMA,),
        (GOES_ON, "tuning.enabled=true", "export.lite={}"),
    ],
    ids=["plain", "tuned", "warm", "lite", "schema", "all"],
)
def test_nodes_and_what_they_wait_for_are_those_of_the_compiled_pipeline(overrides, tmp_path):
    from tfx.dsl.compiler import compiler

    from pipeline.pipeline import create_pipeline

    (tmp_path / "schema.pbtxt").write_text('feature { name: "image/encoded" type: BYTES }')
    config = parse_configuration("data: {images: images}\n", tmp_path / "darkroom.yaml", overrides)
    compiled = {
        node.pipeline_node.node_info.id: set(node.pipeline_node.upstream_nodes)
        for node in compiler.Compiler().compile(create_pipeline(config)).nodes
    }
    told = upstream_nodes(config)
    assert {node: set(upstream) for node, upstream in told.items()} == compiled
    seen = set()
    for node, upstream in told.items():
        assert seen.issuperset(upstream), node
        seen.add(node)

"""The pages that are generated from the configuration model say what the model says now."""

import json
from pathlib import Path

import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.reference import reference_markdown

DOCS = Path(__file__).parents[3] / "docs"


def test_the_reference_is_up_to_date():
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == reference_markdown(), "run 'make docs'"


def test_the_schema_is_up_to_date():
    stored = json.loads((DOCS / "darkroom.schema.json").read_text(encoding="utf-8"))
    assert stored == DarkroomConfig.model_json_schema(), "run 'make docs'"


def leaves(schema, definitions, path=""):
    for name, field in schema.get("properties", {}).items():
        target = field.get("$ref") or next((o["$ref"] for o in field.get("anyOf", []) if "$ref" in o), None)
        if target:
            yield from leaves(definitions[target.rsplit("/", 1)[1]], definitions, f"{path}{name}.")
        else:
            yield f"{path}{name}", field


@pytest.mark.parametrize(
    ("key", "field"),
    list(leaves(DarkroomConfig.model_json_schema(), DarkroomConfig.model_json_schema()["$defs"])),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_key_is_described_and_in_the_reference(key, field):
    assert field.get("description"), f"{key} has no description"
    assert f"`{key}`" in reference_markdown()

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from darkroom.errors import ConfigurationError, DataError
from pipeline.validation.curated_schema import CuratedSchema, read_schema, readable_schema
from pipeline.validation.served import read_population

INFERRED = """
feature { name: "image/encoded" type: BYTES }
feature { name: "image/channels" type: INT bool_domain {} }
feature { name: "image/class/label" type: INT }
feature { name: "image/class/text" type: BYTES bool_domain { true_value: "cat" false_value: "dog" } }
feature { name: "image/filename" type: BYTES domain: "names" }
feature { name: "image/extra/site" type: BYTES domain: "sites" }
feature { name: "image/format" type: BYTES domain: "formats" }
string_domain { name: "names" value: "a.png" }
string_domain { name: "sites" value: "Oslo" }
string_domain { name: "formats" value: "jpeg" value: "png" }
"""


def test_what_holds_for_these_images_alone_is_left_out():
    found = readable_schema(text_format.Parse(INFERRED, schema_pb2.Schema()), ("dog", "cat"))
    domains = {feature.name: feature.WhichOneof("domain_info") for feature in found.feature}
    assert domains == {
        "image/encoded": "image_domain",
        "image/channels": None,
        "image/class/label": "int_domain",
        "image/class/text": "string_domain",
        "image/filename": None,
        "image/extra/site": None,
        "image/format": "string_domain",
    }
    by_name = {feature.name: feature for feature in found.feature}
    assert list(by_name["image/class/text"].string_domain.value) == ["cat", "dog"]
    assert list(by_name["image/format"].string_domain.value) == ["jpeg", "png"]
    assert by_name["image/class/label"].int_domain.max == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", r"a\.pbtxt:1: is no schema of TFDV as text"),
        ('feature { name: "image/format" }', "has no feature image/encoded"),
    ],
)
def test_another_file_is_refused(tmp_path, text, message):
    (tmp_path / "a.pbtxt").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read_schema(str(tmp_path / "a.pbtxt"))


def test_a_missing_schema_is_told_how_to_make(tmp_path):
    with pytest.raises(ConfigurationError, match=r"a\.pbtxt does not exist; write a first one with darkroom data sch"):
        CuratedSchema(str(tmp_path / "a.pbtxt"))


def test_an_edited_schema_is_another_one(tmp_path):
    path = tmp_path / "a.pbtxt"
    path.write_text('feature { name: "image/encoded" }')
    first = CuratedSchema(str(path)).exec_properties
    path.write_text('feature { name: "image/encoded" type: BYTES }')
    assert CuratedSchema(str(path)).exec_properties != first


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot be read"), ("{", "is no statistics"), ("[]", "is no statistics"), ('{"images": 1}', "is no stat")],
)
def test_statistics_of_what_was_served_are_checked(tmp_path, text, message):
    path = tmp_path / "statistics.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_population(str(path))

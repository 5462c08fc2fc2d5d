"""The schema that people curate: a first one from the data, and the component that brings it into a run."""

from __future__ import annotations

import hashlib
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import Artifact, Channel, artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from darkroom.errors import ConfigurationError
from pipeline import features
from pipeline.artifact_files import read_text, write_text

# TFX's name of the file in a Schema artifact.
SCHEMA_FILE = "schema.pbtxt"

# These tell images apart: what one set of them has says nothing about the next.
_NAMES = (features.FILENAME, features.SHA256)


def readable_schema(inferred: schema_pb2.Schema, labels: tuple[str, ...]) -> schema_pb2.Schema:
    """What TFDV inferred, without what holds for these very images alone.

    Args:
        inferred: TFDV's schema.
        labels: class names in id order; none of a regression.
    """
    schema = schema_pb2.Schema()
    schema.CopyFrom(inferred)
    domains = {domain.name: domain for domain in schema.string_domain}
    for feature in schema.feature:
        if feature.name in _NAMES or feature.name.startswith(features.EXTRA) or feature.type != schema_pb2.BYTES:
            feature.ClearField("domain_info")
        if feature.name == features.ENCODED:
            feature.image_domain.SetInParent()
        elif feature.name == features.LABEL:
            feature.int_domain.min, feature.int_domain.max = 0, max(len(labels) - 1, 0)
            feature.int_domain.is_categorical = True
        elif feature.name == features.LABEL_TEXT:
            # Two names are a bool to TFDV.
            feature.ClearField("domain_info")
            feature.string_domain.value.extend(sorted(labels))
        elif feature.WhichOneof("domain_info") == "domain":
            feature.string_domain.value.extend(domains[feature.domain].value)
    del schema.string_domain[:]
    return schema


def parse_schema(text: str, path: str) -> schema_pb2.Schema:
    """A schema from its text.

    Raises:
        ConfigurationError: it is none, or one that images do not fit.
    """
    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise ConfigurationError(f"{path}:{error.GetLine()}: is no schema of TFDV as text: {error}") from error
    if features.ENCODED not in {feature.name for feature in schema.feature}:
        raise ConfigurationError(
            f"{path}: has no feature {features.ENCODED}, which every image has; write the schema anew with "
            "darkroom data schema"
        )
    return schema


def read_schema(path: str) -> str:
    """The text of the curated schema.

    Raises:
        ConfigurationError: it cannot be read, or is no schema.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise ConfigurationError(
            f"data.validation.schema_file: {path} {reason}; write a first one with darkroom data schema"
        ) from error
    parse_schema(text, path)
    return text


class CuratedSchemaExecutor(base_executor.BaseExecutor):
    """Copies the schema into the run."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the artifact as TFX's SchemaGen does.

        Raises:
            ConfigurationError: the file has changed since the run was started, or cannot be read.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        path, text = exec_properties["path"], read_schema(exec_properties["path"])
        if _fingerprint(text) != exec_properties["sha256"]:
            raise ConfigurationError(f"{path} has changed since this run was started; start it again")
        schema = artifact_utils.get_single_instance(output_dict["schema"])
        write_text(f"{schema.uri.rstrip('/')}/{SCHEMA_FILE}", text)


class _Spec(ComponentSpec):
    PARAMETERS = {  # noqa: RUF012 - TFX declares these as plain dicts
        "path": ExecutionParameter(type=str),
        # Results are reused for the same content.
        "sha256": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}  # noqa: RUF012
    OUTPUTS = {"schema": ChannelParameter(type=standard_artifacts.Schema)}  # noqa: RUF012


class CuratedSchema(base_component.BaseComponent):
    """A schema file as a Schema artifact; ImportSchemaGen would reuse it after it was edited.

    Raises:
        ConfigurationError: it cannot be read, or is no schema.
    """

    SPEC_CLASS = _Spec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(CuratedSchemaExecutor)

    def __init__(self, path: str) -> None:
        schema = Channel(type=standard_artifacts.Schema)
        super().__init__(spec=_Spec(path=path, sha256=_fingerprint(read_schema(path)), schema=schema))


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

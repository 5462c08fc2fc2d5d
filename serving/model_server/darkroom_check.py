"""Refuses a Darkroom model whose files and graph disagree about its preprocessing.

A Darkroom model says in assets.extra/darkroom.json which preprocessing version it was trained with. The graph says it
too, through its `describe` signature. If the two differ, somebody has put files of two models together; if the version
does not follow from the spec and the statistics beside it, somebody has edited them. Either way labels or pixels would
be silently wrong. Models without the file are none of Darkroom's, and pass.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics
from preprocessing.version import OP_REVISION, preprocessing_version
from serving.errors import Code, ServingError
from serving.model_server.runtime import Servable

_log = logging.getLogger(__name__)

DESCRIPTION_FILE = Path("assets.extra") / "darkroom.json"
DESCRIBE_SIGNATURE = "describe"


def check_darkroom_model(path: Path, servable: Servable) -> None:
    """Compare what a model's files and its graph say about preprocessing.

    Raises:
        ServingError: FAILED_PRECONDITION when they disagree or cannot be read.
    """
    file = path / DESCRIPTION_FILE
    if not file.exists():
        return
    on_disk = _parse(file.read_bytes(), str(file))
    in_graph = _parse(_describe(servable, file), f"the {DESCRIBE_SIGNATURE} signature of {path}")
    stated = _version(on_disk, str(file))
    embedded = _version(in_graph, f"the {DESCRIBE_SIGNATURE} signature of {path}")
    if stated != embedded:
        raise _refuse(
            f"{file} says preprocessing version {stated}, but the graph was built with {embedded}; "
            "these are files of two models. Push the model again."
        )
    computed = _computed_version(on_disk["preprocessing"], file)
    if computed is not None and computed != stated:
        raise _refuse(
            f"{file} says preprocessing version {stated}, but its spec and statistics give {computed}; "
            "the file was changed after the export. Push the model again."
        )


def _describe(servable: Servable, file: Path) -> bytes:
    if DESCRIBE_SIGNATURE not in servable.signatures:
        raise _refuse(f"{file} exists, but the graph has no signature {DESCRIBE_SIGNATURE!r} to compare it with")
    request = np.empty(1, dtype=object)
    request[0] = b""
    outputs = servable.run(DESCRIBE_SIGNATURE, {"request": request}, ["description"])
    return bytes(outputs["description"][0])


def _parse(text: bytes, where: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _refuse(f"{where} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _refuse(f"{where} holds {type(document).__name__} instead of an object")
    return document


def _version(document: Mapping[str, Any], where: str) -> str:
    preprocessing = document.get("preprocessing")
    version = preprocessing.get("version") if isinstance(preprocessing, dict) else None
    if not isinstance(version, str):
        raise _refuse(f"{where} has no preprocessing.version")
    return version


def _computed_version(preprocessing: Mapping[str, Any], file: Path) -> str | None:
    """The version that spec and statistics give, or None where it cannot be recomputed."""
    if preprocessing.get("spec") is None:
        return None
    revision = preprocessing.get("op_revision", OP_REVISION)
    if revision != OP_REVISION:
        # The graph carries its own operations, so an older model stays right; only its version cannot be recomputed.
        _log.info("%s was exported with op revision %s, this is %s; its version stands", file, revision, OP_REVISION)
        return None
    try:
        spec = PreprocessingSpec.model_validate(preprocessing["spec"])
        statistics = preprocessing.get("statistics")
        return preprocessing_version(
            spec, ChannelStatistics.model_validate(statistics) if statistics is not None else None
        )
    except ValidationError as error:
        raise _refuse(f"{file} has a preprocessing spec or statistics that cannot be read: {error}") from error


def _refuse(message: str) -> ServingError:
    return ServingError(Code.FAILED_PRECONDITION, message)

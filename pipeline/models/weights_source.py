"""Where a base's weights come from: `model.weights`, found and pinned down before a run starts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.model_section import DOMAIN_PREFIX, IMAGENET, REPOSITORY_PREFIX
from darkroom.errors import ConfigurationError
from pipeline.model_description import DESCRIPTION_FILE, NETWORK_FILE
from pipeline.models.domain import BASE_FILE, read_domain
from pipeline.models.zoo import ARCHITECTURES, architecture
from pipeline.pusher.repository import versions
from preprocessing.spec import Scaling

_HASHED_BLOCK = 1 << 20


class WeightsSource(BaseModel):
    """Weights that exist, and what is known of them.

    Attributes:
        kind: which of the forms of `model.weights` it was.
        name: for people; a model of the repository with its version.
        path: of the file; None for ImageNet's.
        scaling: the pixel scaling they were trained with; None if nobody knows.
        sha256: of the file, so that a run is not taken from the cache when it changed; None for ImageNet's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["imagenet", "file", "repository", "domain"]
    name: str
    path: str | None = None
    scaling: Scaling | None = None
    sha256: str | None = None


def find_weights(config: DarkroomConfig) -> WeightsSource | None:
    """The source that `model.weights` names; None when weights are drawn at random.

    Raises:
        ConfigurationError: it does not exist, or belongs to another architecture.
    """
    weights = config.model.weights
    if weights is None:
        return None
    if weights == IMAGENET:
        return _imagenet(config)
    if weights.startswith(REPOSITORY_PREFIX):
        return _from_repository(config, weights.removeprefix(REPOSITORY_PREFIX))
    if weights.startswith(DOMAIN_PREFIX):
        return _from_domain(config, weights.removeprefix(DOMAIN_PREFIX))
    return _from_file(config, weights)


def _imagenet(config: DarkroomConfig) -> WeightsSource:
    known = architecture(config.model.architecture)
    if not known.family.keras:
        having = [name for name, other in ARCHITECTURES.items() if other.family.keras]
        raise ConfigurationError(
            f"model.weights imagenet: Keras has no ImageNet weights for {known.name}. Give a file, or choose one of "
            f"{', '.join(having)}."
        )
    if config.preprocessing.channels != 3:
        raise ConfigurationError(
            f"model.weights imagenet were trained on RGB, but preprocessing.channels is {config.preprocessing.channels}"
            "; set it to 3 (grey images become RGB with three equal channels)."
        )
    return WeightsSource(kind="imagenet", name=IMAGENET, scaling=known.family.scaling)


def _from_file(config: DarkroomConfig, weights: str) -> WeightsSource:
    path = Path(config.resolve(weights))
    if not path.is_file():
        raise ConfigurationError(f"model.weights: there is no file {path}")
    # A base network's own scaling is the best guess for a file that does not say: most files are ImageNet's.
    scaling = config.model.weights_scaling or architecture(config.model.architecture).family.scaling
    return WeightsSource(kind="file", name=weights, path=str(path), scaling=scaling, sha256=_sha256(path))


def _from_repository(config: DarkroomConfig, reference: str) -> WeightsSource:
    name, _, version = reference.partition("/")
    folder = Path(config.repository_path) / name
    found = versions(folder)
    if not found:
        others = sorted(path.name for path in Path(config.repository_path).glob("*") if versions(path))
        there = f"It has {', '.join(others)}." if others else "It is empty."
        raise ConfigurationError(
            f"model.weights repository:{reference}: the repository {config.repository_path} has no model {name!r}. "
            f"{there}"
        )
    if version and (not version.isdecimal() or int(version) not in found):
        raise ConfigurationError(
            f"model.weights repository:{reference}: {name} has no version {version!r}; it has {_listed(found)}"
        )
    chosen = folder / (version or str(found[-1]))
    path = chosen / "assets.extra" / NETWORK_FILE
    if not path.is_file():
        raise ConfigurationError(
            f"model.weights repository:{reference}: {chosen} holds no {NETWORK_FILE}, since it was exported before "
            "Darkroom kept one. Train that model again."
        )
    description = json.loads((chosen / "assets.extra" / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    _check_architecture(config, description["training"]["architecture"], f"repository:{name}/{chosen.name}")
    return WeightsSource(
        kind="repository",
        name=f"{REPOSITORY_PREFIX}{name}/{chosen.name}",
        path=str(path),
        scaling=description["preprocessing"]["spec"]["scaling"],
        sha256=_sha256(path),
    )


def _from_domain(config: DarkroomConfig, reference: str) -> WeightsSource:
    folder = Path(config.resolve(reference))
    domain = read_domain(folder)
    _check_architecture(config, domain.architecture, f"{DOMAIN_PREFIX}{reference}")
    path = folder / BASE_FILE
    return WeightsSource(
        kind="domain",
        name=f"{DOMAIN_PREFIX}{reference}",
        path=str(path),
        scaling=domain.scaling,
        sha256=_sha256(path),
    )


def _check_architecture(config: DarkroomConfig, theirs: str, where: str) -> None:
    # What a module of the user's own builds has no name to compare; shapes are compared when weights are loaded.
    if theirs != config.model.architecture and config.model.module is None:
        raise ConfigurationError(
            f"model.weights {where} are those of {theirs}, but model.architecture is {config.model.architecture}"
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _listed(values: list[Any]) -> str:
    return ", ".join(map(str, values))

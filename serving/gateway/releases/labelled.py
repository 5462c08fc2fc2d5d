"""Releases of a repository whose versions have labels: what a label stands for is a version."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from darkroom.errors import ConfigurationError
from serving.gateway.releases.settings import CanarySettings, ReleaseSettings, ShadowSettings, Target

_LOG = logging.getLogger(__name__)

_STABLE = "stable"


def labelled_releases(settings: ReleaseSettings | None, labels: Mapping[str, int]) -> ReleaseSettings | None:
    """The releases with versions in place of labels.

    Args:
        settings: as configured. None means that the version labelled `stable` answers, if there is one.
        labels: of the repository's versions. A canary or shadow whose label nothing has is left out.

    Raises:
        ConfigurationError: no version has the label of the stable one.
    """
    if settings is None:
        return ReleaseSettings(stable=labels[_STABLE]) if _STABLE in labels else None
    stable = _version(settings.stable, labels)
    if stable is None:
        raise ConfigurationError(
            f"serving.releases.stable names the label {settings.stable!r}, which no version in the repository has; "
            "give it to one with 'darkroom models promote VERSION', or name a version"
        )
    return settings.model_copy(
        update={
            "stable": stable,
            "canary": _arm(settings.canary, labels, stable),
            "shadow": _arm(settings.shadow, labels, stable),
        }
    )


def _arm(
    arm: CanarySettings | ShadowSettings | None, labels: Mapping[str, int], stable: Target
) -> CanarySettings | ShadowSettings | None:
    if arm is None:
        return None
    version = _version(arm.target, labels)
    if version is None or version == stable:
        _LOG.info("serving.releases: %s stands for no version of its own now, and gets no requests", arm.target)
        return None
    return arm.model_copy(update={"target": version})


def _version(target: Target, labels: Mapping[str, int]) -> int | None:
    return target if isinstance(target, int) else labels.get(target)

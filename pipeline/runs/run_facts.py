"""What a run was started with; ML Metadata keeps it with the run's context."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from pipeline.runs.run_process import RunProcess

# The custom property of the run's context.
PROPERTY = "darkroom_run"

_PACKAGES = (
    "darkroom",
    "tensorflow",
    "keras",
    "tfx",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tensorflow-data-validation",
    "apache-beam",
    "ml-metadata",
    "numpy",
    "scikit-learn",
)


class RunFacts(BaseModel):
    """What nothing else in ML Metadata tells.

    Attributes:
        description: the user's own words.
        configuration: all of it, defaults included.
        folder: that relative paths start from.
        code_revision: the git commit of the configuration's folder, with `+changes` where files differ from it; None
            where it is not under version control.
        packages: versions by name.
        paused: whether its session's time was up before it ended.
        process: that carries it out; None where each component has its own.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    description: str = ""
    configuration: dict[str, Any]
    folder: str
    code_revision: str | None
    packages: dict[str, str]
    paused: bool = False
    process: RunProcess | None = None


def facts_of(config: DarkroomConfig, description: str = "") -> RunFacts:
    """The facts of a run that starts now, in this process."""
    versions = {name: metadata.version(name) for name in _PACKAGES if _is_installed(name)}
    return RunFacts(
        description=description,
        configuration=config.model_dump(mode="json"),
        folder=str(config.base),
        code_revision=_revision(config.base),
        packages={"python": platform.python_version(), **versions},
        process=RunProcess.current(),
    )


def _is_installed(name: str) -> bool:
    return bool(list(metadata.distributions(name=name)))


def _revision(folder: Path) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    commit = _git(git, folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return f"{commit}+changes" if _git(git, folder, "status", "--porcelain", "--untracked-files=no") else commit


def _git(git: str, folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails, as it does outside a repository."""
    done = subprocess.run([git, "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None

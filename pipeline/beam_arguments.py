"""What Beam is told on behalf of `beam` in the configuration."""

from __future__ import annotations

import contextlib
import io

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import create_runner

from darkroom.configuration.sections import BeamSection
from darkroom.errors import ConfigurationError

# Beam runners whose workers are this process, or its children in the same environment.
_LOCAL_RUNNERS = ("DirectRunner",)

_OF_LOCAL_RUNNERS = (
    # TFX packs itself for remote workers, a second for each component, unless it is told what they run in.
    "--sdk_container_image=none",
    # Beam's DirectRunner would hand each pipeline to Prism, another engine, whose binary it downloads from GitHub, and
    # run it itself only where that fails. This option is for streams and changes nothing here; Prism does not know it.
    "--allow_unsafe_triggers",
)


def beam_arguments(section: BeamSection) -> list[str]:
    """Beam's command line.

    Raises:
        ConfigurationError: there is no such runner, or Beam knows an option but not its value. Options that Beam does
            not know are for the runner.
    """
    if section.runner not in _LOCAL_RUNNERS:
        _require_runner(section.runner)
    _require_options(section.options)
    local = _OF_LOCAL_RUNNERS if section.runner in _LOCAL_RUNNERS else ()
    return [f"--runner={section.runner}", *local, *section.options]


def _require_runner(name: str) -> None:
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise ConfigurationError(f"beam.runner: {error}") from error


def _require_options(options: tuple[str, ...]) -> None:
    told = io.StringIO()
    try:
        # The parser prints how Beam is used, all of it, and ends the process.
        with contextlib.redirect_stderr(told):
            PipelineOptions(list(options)).get_all_options()
    except SystemExit as error:
        said = told.getvalue().strip().splitlines()
        raise ConfigurationError(f"beam.options: {said[-1].partition('error: ')[2] if said else error}") from error

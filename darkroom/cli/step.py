"""`darkroom step`: what a container of the compiled pipeline runs."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.kubernetes_section import FINISH, PREPARE, STEPS
from darkroom.configuration.load import DEFAULT_FILE, parse_configuration
from darkroom.errors import ConfigurationError, DarkroomError, DataError, TrainingPausedError
from darkroom.heap import keeping_imports

if TYPE_CHECKING:
    from pipeline.triggers import Trigger

# Kubernetes' own word for the run, for versions of Kubeflow that leave their placeholder as it is.
_RUN_ID_VARIABLE = "DARKROOM_RUN_ID"
_UNFILLED = "{{$."


@click.command("step")
@click.argument("name", type=click.Choice(STEPS))
@click.option("--run-id", required=True, help="The run's id, the same in all its steps.")
@click.option("--folder", required=True, help="Where relative paths of the configuration start from.")
@click.option("--configuration", required=True, help="The text of darkroom.yaml.")
@click.option("--parameter", "parameters", nargs=2, multiple=True, metavar="KEY VALUE", help="A key's value.")
@click.option("--overrides", default="[]", help="A JSON list of KEY=VALUE pairs.")
@click.option("--trigger", default="manual", help="Why the run was started: manual, schedule, drift, span.")
@click.option("--nodes", default="", help="The compiled pipeline's nodes, to compare with the configuration's.")
@click.option("--output", "outputs", nargs=2, multiple=True, metavar="NAME PATH", help="Where an output goes.")
@click.option("--executor-input", default="", help="Kubeflow's JSON about this step.")
def command(
    *,
    name: str,
    run_id: str,
    folder: str,
    configuration: str,
    parameters: tuple[tuple[str, str], ...],
    overrides: str,
    trigger: str,
    nodes: str,
    outputs: tuple[tuple[str, str], ...],
    executor_input: str,
) -> None:
    """Run one step of the compiled pipeline, as its container does.

    Exit codes: 0 done, 2 bad configuration or data, 4 training paused, 1 failure; what a model is worth changes none.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s", force=True)
    file = Path(folder) / DEFAULT_FILE
    run_id = _known(run_id)
    try:
        given = _changed(parse_configuration(configuration, file), parameters)
        config = parse_configuration(configuration, file, (*given, *_pairs(overrides)))
    except ConfigurationError as error:
        if name not in (PREPARE, FINISH):
            raise
        # A run with bad parameters is told of, too: what the configuration says without them is enough for that.
        config = parse_configuration(configuration, file)
        if name == PREPARE:
            _leave_note(config, run_id, name, error)
            raise
    from pipeline.container_steps.outputs import StepOutputs  # noqa: PLC0415

    wanted = StepOutputs({key: Path(path) for key, path in outputs}, executor_input)
    if name == FINISH:
        with keeping_imports():
            from pipeline.container_steps.finish import finish  # noqa: PLC0415

        finish(config, run_id, wanted)
        return
    try:
        if name == PREPARE:
            from pipeline.container_steps.prepare import prepare  # noqa: PLC0415

            prepare(config, run_id, _trigger(trigger), [node for node in nodes.split(",") if node], wanted)
        else:
            with keeping_imports():
                from pipeline.container_steps.node import run_step  # noqa: PLC0415

            run_step(config, name, run_id, wanted)
    except Exception as error:
        _leave_note(config, run_id, name, error)
        raise


def _changed(config: DarkroomConfig, parameters: Sequence[tuple[str, str]]) -> list[str]:
    """The parameters that say something else than the configuration.

    Others are left out: some keys may not be given where they mean nothing. An empty value is the default of a key that
    has none.
    """
    values = config.model_dump(mode="json")
    return [f"{key}={text}" for key, text in parameters if text and _read(text) != _value(values, key)]


def _read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        # Another value, in any case; who applies it says what is wrong.
        return text


def _value(values: Any, key: str) -> Any:
    """That of a key; None where there is none."""
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _pairs(overrides: str) -> list[str]:
    try:
        pairs = json.loads(overrides or "[]")
    except ValueError as error:
        raise ConfigurationError(f"overrides: not JSON: {error}") from error
    if not isinstance(pairs, list) or not all(isinstance(pair, str) for pair in pairs):
        raise ConfigurationError('overrides: must be a list of texts, such as ["training.batch_size=64"]')
    return pairs


def _trigger(text: str) -> Trigger:
    from pipeline.triggers import Trigger  # noqa: PLC0415

    try:
        return Trigger(text)
    except ValueError as error:
        raise ConfigurationError(f"trigger: must be {', '.join(Trigger)}, found {text!r}") from error


def _known(run_id: str) -> str:
    if _UNFILLED not in run_id:
        return run_id
    from_label = os.environ.get(_RUN_ID_VARIABLE, "")
    if not from_label:
        raise DarkroomError(
            f"Kubeflow did not fill in the run's id ({run_id}), and {_RUN_ID_VARIABLE} is not set from the pod's label"
        )
    return from_label


def _leave_note(config: DarkroomConfig, run_id: str, name: str, error: Exception) -> None:
    """For the last step, which tells people; what went wrong here is raised in any case."""
    from pipeline.container_steps.notes import StepNote  # noqa: PLC0415
    from pipeline.runs.run_metrics import Outcome  # noqa: PLC0415

    outcome = Outcome.FAILED
    if isinstance(error, ConfigurationError | DataError):
        outcome = Outcome.BAD_INPUT
    elif isinstance(error, TrainingPausedError):
        outcome = Outcome.PAUSED
    try:
        StepNote(outcome=outcome, sentence=f"{name}: {error}").write(config, run_id, name)
    except OSError:
        logging.getLogger(__name__).exception("Why %s failed could not be written down", name)

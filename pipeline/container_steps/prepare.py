"""The step before all others: finds what is wrong before anything is computed, and whether there is anything to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.kubernetes_section import PREPARE
from darkroom.errors import ConfigurationError, DarkroomError
from pipeline.container_steps.notes import StepNote
from pipeline.container_steps.outputs import DECISION, StepOutputs
from pipeline.container_steps.turn import take_turn
from pipeline.metadata_connection import metadata_connection, open_store
from pipeline.runs.run_metrics import Outcome
from pipeline.topology import upstream_nodes
from pipeline.triggers import Decision, Trigger, decide

_log = logging.getLogger(__name__)


def prepare(
    config: DarkroomConfig, run_id: str, trigger: Trigger, compiled_nodes: Sequence[str], outputs: StepOutputs
) -> Decision:
    """Checks that the compiled pipeline fits the configuration, makes the metadata store's tables, and decides.

    Args:
        config: of this run, its parameters applied.
        run_id: of the run.
        trigger: why it was started.
        compiled_nodes: the pipeline's steps.
        outputs: takes the decision.

    Raises:
        ConfigurationError: the configuration asks for steps that were not compiled, or for fewer.
        DarkroomError: another run of this model is under way, and somebody wanted this one.
    """
    wanted = list(upstream_nodes(config))
    if compiled_nodes and sorted(compiled_nodes) != sorted(wanted):
        differing = ", ".join(sorted(set(compiled_nodes) ^ set(wanted)))
        raise ConfigurationError(
            f"the configuration and the compiled pipeline differ in {differing}: tuning.enabled and export.lite decide "
            "which steps there are. Set them in darkroom.yaml, run darkroom compile, and upload the result"
        )
    # Steps without a dependency start together, and only one may make the tables.
    open_store(metadata_connection(config))
    other = take_turn(config, run_id)
    if other is not None and trigger is Trigger.MANUAL:
        raise DarkroomError(f"the run {other} of {config.model.name} is under way; start this one when it has ended")
    if other is not None:
        decision, sentence = Decision.NOTHING_NEW, f"The run {other} is under way: nothing was trained."
    else:
        decision, sentence = decide(config, trigger)
    _log.info("%s: %s", decision.value, sentence)
    outcome = Outcome.NOTHING_NEW if decision is Decision.NOTHING_NEW else Outcome.FAILED
    StepNote(outcome=outcome, sentence=sentence, decision=decision, started=time.time()).write(config, run_id, PREPARE)
    outputs.write(DECISION, decision.value)
    return decision

"""Why a run is started, and whether it has anything to do."""

from __future__ import annotations

from enum import StrEnum

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.ingestion.spans import survey_spans
from pipeline.runs.history import RunHistory
from pipeline.runs.past_run import PastRun

# The sections of darkroom.yaml that decide which model comes out.
_DECIDING = ("data", "preprocessing", "model", "training", "tuning", "evaluation", "export", "serving_check")


class Trigger(StrEnum):
    """Why a run was started."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    DRIFT = "drift"
    SPAN = "span"


class Decision(StrEnum):
    """What comes of it."""

    TRAIN = "train"
    NOTHING_NEW = "nothing_new"


def decide(config: DarkroomConfig, trigger: Trigger) -> tuple[Decision, str]:
    """Whether a run has to train.

    By hand and after drift always. At a set time unless images and configuration are those of the last run with a
    result. For a span when it would take one that no run with a result has taken, whatever else has changed.

    Returns:
        The decision, and a sentence that says why.

    Raises:
        ConfigurationError: started for a span, but the source does not come in spans.
        DataError: there is no span, or not the one that is asked for.
    """
    if trigger is Trigger.SPAN:
        return _decide_for_span(config)
    if trigger is not Trigger.SCHEDULE:
        return Decision.TRAIN, f"Started by {trigger.value} trigger."
    last = next((run for run in RunHistory.of(config).runs() if _has_result(run)), None)
    if last is None:
        return Decision.TRAIN, "No run has come to a result yet."
    changed = _changed_sections(config, last)
    if changed:
        return Decision.TRAIN, f"Since the run {last.run_id} the configuration changed in {', '.join(changed)}."
    examples = last.output("ImageExampleGen", "examples")
    if examples is None or examples.properties.get("input_fingerprint") != _fingerprint(config):
        return Decision.TRAIN, f"The images changed since the run {last.run_id}."
    return (
        Decision.NOTHING_NEW,
        f"Images and configuration are those of the run {last.run_id} ({last.outcome}): nothing was trained.",
    )


def _decide_for_span(config: DarkroomConfig) -> tuple[Decision, str]:
    survey = survey_spans(config)
    if survey is None:
        raise ConfigurationError(
            f"trigger span: {config.images_path} does not come in spans. Put {{SPAN}}, or {{YYYY}}, {{MM}} and {{DD}}, "
            "in the place of what is another in each of them, or start the run by another trigger"
        )
    seen = frozenset[str]().union(*(run.deliveries for run in RunHistory.of(config).runs() if _has_result(run)))
    new = [str(span) for span in survey.taken if str(span) not in seen]
    if new:
        return Decision.TRAIN, f"No run with a result has taken span {', '.join(new)}."
    newest = survey.taken[-1]
    return Decision.NOTHING_NEW, f"Runs have taken every span up to {newest} already: nothing was trained."


def _has_result(run: PastRun) -> bool:
    """Whether doing it again would come to the same; a model that was only not pushed deserves another try."""
    return run.pushed_version is not None or run.blessed is False


def _changed_sections(config: DarkroomConfig, run: PastRun) -> list[str]:
    if run.facts is None:
        return list(_DECIDING)
    now = config.model_dump(mode="json", include=set(_DECIDING))
    return [section for section in _DECIDING if now[section] != run.facts.configuration.get(section)]


def _fingerprint(config: DarkroomConfig) -> str:
    # Sources import TensorFlow, which a run by hand need not wait for.
    from pipeline.ingestion.options import IngestionOptions  # noqa: PLC0415

    return IngestionOptions.from_configuration(config).source().fingerprint()

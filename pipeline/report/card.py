"""A model card: what a model is and what it can, in Markdown."""

from __future__ import annotations

from typing import Any

from darkroom.errors import DarkroomError
from pipeline.evaluation.report import EvaluationReport
from pipeline.evaluation.rules import title
from pipeline.report.run_report import RunReport
from pipeline.report.templates import MAX_SLICES, SLICE_MEASURES, environment, number

# The card that travels with a pushed model, in `assets.extra/`.
CARD_FILE = "model_card.md"


def render_card(model: dict[str, Any], evaluation: EvaluationReport | None, run: RunReport | None = None) -> str:
    """The card.

    Args:
        model: its description, `darkroom.json`.
        evaluation: what the gate measured and said.
        run: that made it, where it is known.
    """
    return (
        environment()
        .get_template("card.md")
        .render(
            run=run,
            model=model,
            evaluation=evaluation,
            slice_measures=SLICE_MEASURES[evaluation.task] if evaluation else (),
            max_slices=MAX_SLICES,
            title=title,
            number=number,
            cell=_cell,
        )
    )


def card_of(run: RunReport) -> str:
    """That of a run's model.

    Raises:
        DarkroomError: the run made none.
    """
    if run.model is None:
        raise DarkroomError(f"The run {run.run_id} made no model ({run.outcome}), so it has no card")
    return render_card(run.model, run.evaluation, run)


def _cell(text: str) -> str:
    """Text that a table's cell holds: names may have anything in them."""
    return " ".join(text.replace("|", "\\|").split())

"""A model card: what a model is and what it can, in Markdown."""

from __future__ import annotations

from darkroom.errors import DarkroomError
from pipeline.evaluation.rules import title
from pipeline.report.page import MAX_SLICES, SLICE_MEASURES, environment, number, verdict
from pipeline.report.run_report import RunReport


def render_card(report: RunReport) -> str:
    """The card.

    Raises:
        DarkroomError: the run made no model.
    """
    if report.model is None:
        raise DarkroomError(f"The run {report.run_id} made no model ({report.outcome}), so it has no card")
    evaluation = report.evaluation
    return (
        environment()
        .get_template("card.md")
        .render(
            report=report,
            model=report.model,
            name=report.model["model_name"],
            verdict=verdict(report),
            evaluation=evaluation,
            slice_measures=SLICE_MEASURES[evaluation.task] if evaluation else (),
            max_slices=MAX_SLICES,
            title=title,
            number=number,
            cell=_cell,
        )
    )


def _cell(text: str) -> str:
    """Text that a table's cell holds: names may have anything in them."""
    return " ".join(text.replace("|", "\\|").split())

"""A run as one HTML page that needs nothing else: no network, no scripts, no files beside it."""

from __future__ import annotations

import base64

import yaml

from pipeline.evaluation.rules import title
from pipeline.report.figures import evaluation_figures, training_figures
from pipeline.report.mistakes import mistake_pictures
from pipeline.report.run_report import RunReport
from pipeline.report.templates import MAX_SLICES, SLICE_MEASURES, environment, number

_MAX_LABELS = 30


def render_page(report: RunReport) -> str:
    """The page, with the verdict first."""
    evaluation = report.evaluation
    name = report.model["model_name"] if report.model else report.pipeline
    return (
        environment()
        .get_template("page.html")
        .render(
            report=report,
            name=name,
            verdict=verdict(report),
            evaluation=evaluation,
            compared=bool(evaluation and evaluation.baseline_values),
            evaluation_figures=evaluation_figures(evaluation) if evaluation else {},
            training_figures=training_figures(report),
            pictures=mistake_pictures(report),
            slice_measures=SLICE_MEASURES[evaluation.task] if evaluation else (),
            max_slices=MAX_SLICES,
            max_labels=_MAX_LABELS,
            longest=max((node.seconds for node in report.nodes), default=1.0) or 1.0,
            configuration=yaml.safe_dump(report.configuration, sort_keys=False, allow_unicode=True),
            title=title,
            number=number,
            picture=_data_uri,
        )
    )


def verdict(report: RunReport) -> str:
    """The outcome as a sentence."""
    if report.pushed_version is not None:
        return f"Blessed, and pushed as version {report.pushed_version}."
    if report.blessed:
        return "Blessed, but not pushed."
    if report.blessed is None:
        return f"The run {report.outcome}."
    return "Not blessed, so not pushed."


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"

"""The TFX component that judges a model."""

from __future__ import annotations

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from pipeline.evaluation.executor import OPTIONS_KEY, ModelEvaluatorExecutor
from pipeline.evaluation.options import EvaluationOptions


class ModelEvaluatorSpec(ComponentSpec):
    """Inputs and outputs as TFX's Evaluator has them."""

    PARAMETERS = {OPTIONS_KEY: ExecutionParameter(type=str)}  # noqa: RUF012 - TFX declares these as plain dicts
    INPUTS = {  # noqa: RUF012
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class ModelEvaluator(base_beam_component.BaseBeamComponent):
    """A model and the latest blessed one over the test split.

    Outputs:
        evaluation: TFMA's results, `report.json` (`EvaluationReport`), and under `predictions/` what both answered.
        blessing: as TFX's Evaluator gives it.
    """

    SPEC_CLASS = ModelEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(ModelEvaluatorExecutor)

    def __init__(
        self, examples: BaseChannel, model: BaseChannel, baseline_model: BaseChannel, options: EvaluationOptions
    ) -> None:
        spec = ModelEvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            evaluation_options=options.model_dump_json(),
            evaluation=Channel(type=standard_artifacts.ModelEvaluation),
            blessing=Channel(type=standard_artifacts.ModelBlessing),
        )
        super().__init__(spec=spec)

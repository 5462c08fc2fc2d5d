"""The `darkroom` command. Each subcommand's module is imported only when that subcommand runs."""

from __future__ import annotations

import importlib
import sys

import click

from darkroom.errors import DarkroomError

# Subcommand -> (module that defines a click command of the same name, one line for --help). The line stands here so
# that `darkroom --help` imports nothing else.
_COMMANDS = {
    "init": ("darkroom.cli.init", "Look at a folder of images and write a darkroom.yaml for it."),
    "run": ("darkroom.cli.run", "Run the pipeline: images in, validated and pushed model out."),
    "tune": ("darkroom.cli.tune", "Search for hyperparameters; a run can train with the best."),
    "cross-validate": ("darkroom.cli.cross_validate", "Train and judge a model for each of k folds, for small sets."),
    "runs": ("darkroom.cli.runs", "List all runs with their outcomes and measures."),
    "report": ("darkroom.cli.report", "Write what a run did: a page, a model card, or JSON."),
    "diff": ("darkroom.cli.diff", "Show what changed between two runs."),
    "lineage": ("darkroom.cli.lineage", "Say what made a version: data, code, configuration, parent, evaluation."),
    "compile": ("darkroom.cli.compile", "Compile the pipeline for Kubeflow."),
    "submit": ("darkroom.cli.submit", "Start one run in Kubeflow, and follow it to its end."),
    "schedule": ("darkroom.cli.schedule", "Run the pipeline at set times, in Kubeflow or as a CronJob."),
    "alert-receiver": ("darkroom.cli.alert_receiver", "Start a run when Alertmanager tells of drift."),
    "step": ("darkroom.cli.step", "Run one step of the compiled pipeline, as its container does."),
    "worker": ("darkroom.cli.worker", "Run one worker of a training in several pods, as its pod does."),
    "serve": ("darkroom.cli.serve", "Serve the newest pushed model: gateway and embedded model server."),
    "model-server": ("darkroom.cli.model_server", "Start the model server alone."),
    "predict": ("darkroom.cli.predict", "Ask a running gateway about images."),
    "data": ("darkroom.cli.data", "Look at the data without training; turn logged requests into images to label."),
    "api-key": ("darkroom.cli.api_key", "Make, list and revoke the API keys of a gateway."),
    "models": ("darkroom.cli.models", "List, promote, roll back and prune pushed models; list known networks."),
    "config": ("darkroom.cli.config", "Check a configuration, or print its schema and reference."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command must be a click command, not {type(command).__name__}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="darkroom", prog_name="darkroom")
def cli() -> None:
    """Turn labelled images into a served, validated model, and keep it fresh."""


def main() -> None:
    """Entry point: exit codes 0 done, 1 failure, 2 bad configuration, data or usage, 3 not blessed."""
    try:
        cli.main(prog_name="darkroom", standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Aborted.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except DarkroomError as error:
        click.echo(f"darkroom: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()

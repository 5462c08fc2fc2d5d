"""What `darkroom run` shows: a line for each component, training progress, and the outcome as a table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from darkroom.configuration import DarkroomConfig
from darkroom.task import MAIN_METRICS

if TYPE_CHECKING:
    from pipeline.progress import EpochProgress
    from pipeline.runner import NodeResult
    from pipeline.summary import QuarantinedFile, RunSummary

_MARKS = {"done": "[green]✓[/]", "cached": "[cyan]↺[/]", "failed": "[red]✗[/]", "paused": "[yellow]‖[/]"}

_UNWRAPPED_WIDTH = 1000

# The report in the quarantine artifact holds all of them.
_NAMED_FILES = 10


class RunDisplay:
    """Writes to a console; on a terminal the running component has a spinner, elsewhere plain lines are printed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        if not console.is_terminal:
            # In a log or a pipe a path stays in one line, and whole.
            console.width = _UNWRAPPED_WIDTH
        self._live: Live | None = None
        self._node = ""
        self._started = 0.0

    def title(self, config: DarkroomConfig, log_path: Path | None) -> None:
        """Says what is about to run."""
        self._print(f"[bold]Darkroom[/] trains [bold]{escape(config.model.name)}[/] on {escape(config.images_path)}")
        if log_path:
            self._print(f"[dim]log: {escape(str(log_path))}[/]")

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Shows that something takes a while."""
        self._spin(text)
        try:
            yield
        finally:
            self.close()

    def node_started(self, node_id: str) -> None:
        """A component starts."""
        self._node, self._started = node_id, time.monotonic()
        self._spin(node_id)

    def node_ended(self, result: NodeResult) -> None:
        """A component has ended: its line."""
        self.close()
        state = result.state.value
        self._print(f" {_MARKS[state]} {result.node_id:<18} {state:<7} {result.seconds:6.1f} s")

    def epoch(self, progress: EpochProgress) -> None:
        """An epoch has ended."""
        metrics = "".join(
            f"  {name.replace('val_', 'eval ', 1).replace('_', ' ')} {value:.4f}"
            for name, value in progress.metrics.items()
        )
        text = f"{progress.phase}  epoch {progress.epoch:>3}/{progress.epochs}{metrics}  {progress.seconds:.1f} s"
        if self._live:
            self._live.update(Spinner("dots", f"{self._node}  {text}"))
        else:
            self._print(f"     [dim]{text}[/]")

    def step(self, text: str) -> None:
        """A part of a component's work is done."""
        self._print(f"     [dim]{escape(text)}[/]")

    def note(self, text: str) -> None:
        """Something that people should know now."""
        self._print(f"     [yellow]{escape(text)}[/]")

    def total(self, seconds: float) -> None:
        """The whole run's duration."""
        self._print(f"   [dim]{'total':<26} {seconds:6.1f} s[/]")

    def report(self, path: Path) -> None:
        """Where the run's page is."""
        self._print(f"[dim]report: {escape(str(path))}[/]")

    def close(self) -> None:
        """Takes the spinner away."""
        if self._live:
            self._live.stop()
            self._live = None

    def outcome(self, summary: RunSummary) -> None:
        """The table at the end."""
        self._quarantine(summary.quarantined)
        for note in (*summary.notes, *summary.anomalies, *summary.drift):
            self._print(f"[yellow]![/] {escape(note)}")
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        images = "  ".join(f"{split} {count:,}" for split, count in summary.images.items())
        put_aside = f"  put aside {len(summary.quarantined)}" if summary.quarantined else ""
        table.add_row("images", f"{images}{put_aside}")
        if summary.spans:
            table.add_row("spans", escape(", ".join(summary.spans)))
        if summary.labels:
            table.add_row("classes", f"{len(summary.labels)}")
        table.add_row("preprocessing", summary.preprocessing_version)
        for key, value in summary.tuned.items():
            table.add_row("tuned", escape(f"{key} {value}"))
        for name in MAIN_METRICS[summary.task]:
            table.add_row(name.replace("_", " "), _measured(summary, name))
        table.add_row("blessed", "[green]yes[/]" if summary.blessed else "[red]no[/]")
        for reason in summary.reasons:
            table.add_row("", escape(reason))
        if summary.export:
            table.add_row("export", escape(summary.export))
        if summary.lite:
            table.add_row("LiteRT", escape(summary.lite.sentence))
        for number, sentence in enumerate(summary.serving):
            table.add_row("" if number else "serving check", escape(sentence))
        where = f"version {summary.pushed_version} in {summary.pushed_to}" if summary.pushed_to else "nowhere"
        table.add_row("pushed", escape(where))
        for refusal in summary.refusals:
            table.add_row("", escape(refusal))
        self._console.print()
        self._console.print(table)

    def _quarantine(self, files: tuple[QuarantinedFile, ...]) -> None:
        for file in files[:_NAMED_FILES]:
            self._print(f"[yellow]![/] put aside {escape(file.file)}: {escape(file.reason)}: {escape(file.detail)}")
        if len(files) > _NAMED_FILES:
            self._print(f"[yellow]![/] and {len(files) - _NAMED_FILES} more; the quarantine report names them all")

    def _print(self, markup: str) -> None:
        # In a log or a pipe a line stays one line.
        self._console.print(markup, soft_wrap=not self._console.is_terminal)

    def _spin(self, text: str) -> None:
        if self._console.is_terminal:
            self._live = Live(Spinner("dots", text), console=self._console, transient=True, refresh_per_second=8)
            self._live.start()


def _measured(summary: RunSummary, name: str) -> str:
    """A measure, its confidence interval, and the baseline's."""
    value = summary.metrics.get(name)
    if value is None:
        return "not defined"
    text = f"{value:.4f}"
    if name in summary.intervals:
        low, high = summary.intervals[name]
        text += f" [dim]({low:.4f} to {high:.4f})[/]"
    if name in summary.baseline_metrics:
        text += f"  baseline {summary.baseline_metrics[name]:.4f}"
    return text

"""`darkroom predict`: ask a running gateway about images, one or a folder of them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from darkroom.errors import ConfigurationError, DarkroomError

if TYPE_CHECKING:
    from serving.client import AsyncGatewayClient
    from serving.client.batch import Outcome
    from serving.client.results import ResultFile, ResultFormat

_FORMATS = ("table", "json", "jsonl", "csv")
_LEAST_SECONDS_BETWEEN_LINES = 10.0

Write = Callable[["Outcome"], None]


@click.command("predict")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--address", default=None, help="The gateway, with https:// for TLS; 127.0.0.1:8080, or 127.0.0.1:9000 for gRPC."
)
@click.option("--protocol", type=click.Choice(["rest", "grpc"]), default="rest", show_default=True)
@click.option("--model", default=None, help="The model to ask; the one that the gateway serves unless named.")
@click.option("--top-k", type=click.IntRange(1), default=None, help="Classes for each image.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Seconds.")
@click.option(
    *("--format", "output_format"),
    type=click.Choice(_FORMATS),
    default=None,
    help="table unless --output has a suffix that says else.",
)
@click.option(
    *("-o", "--output"),
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="A .csv or .jsonl file for the results. Images that it has already are not asked about again.",
)
@click.option("--in-flight", type=click.IntRange(1, 1024), default=16, show_default=True, help="Requests at once.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a gateway whose model is still loading.",
)
@click.option(
    "--attempts", type=click.IntRange(1), default=4, show_default=True, help="Times a request is sent at most."
)
@click.option(
    "--tls-ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM authorities to trust.",
)
@click.option(
    "--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="This client's certificate, PEM."
)
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="And its key, PEM.")
@click.option(
    "--api-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the API key; without it, the environment variable DARKROOM_API_KEY.",
)
def command(
    *,
    images: tuple[Path, ...],
    protocol: Literal["rest", "grpc"],
    address: str | None,
    model: str | None,
    top_k: int | None,
    timeout: float,
    output_format: str | None,
    output: Path | None,
    in_flight: int,
    wait: float,
    attempts: int,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    api_key_file: Path | None,
) -> None:
    """Ask a running gateway about IMAGES: files, or folders whose images are asked about.

    Results go to stdout, or with --output to a file, which a later call goes on with. An image that fails costs no
    other one: it is named on stderr, and the exit code is 1.
    """
    from serving.client import AsyncGatewayClient, RetryPolicy, Tls  # noqa: PLC0415 - only for this command
    from serving.client.folder import images_below  # noqa: PLC0415

    chosen = _format(output_format, output)
    wants_tls = tls_ca is not None or tls_cert is not None or tls_key is not None

    def connect() -> AsyncGatewayClient:
        return AsyncGatewayClient(
            address or ("127.0.0.1:8080" if protocol == "rest" else "127.0.0.1:9000"),
            protocol=protocol,
            model=model,
            timeout=timeout,
            tls=Tls(tls_ca, tls_cert, tls_key) if wants_tls else None,
            # No option takes the key itself: arguments show in lists of processes and in histories.
            api_key=_key_in(api_key_file) if api_key_file is not None else None,
            retry=RetryPolicy(attempts=attempts),
        )

    with ExitStack() as stack:
        try:
            file = stack.enter_context(_open(output, chosen)) if output is not None else None
        except (OSError, ValueError) as error:
            raise ConfigurationError(str(error)) from error
        found = [path for path in images_below(images) if file is None or str(path) not in file.done]
        if file is not None and file.done:
            click.echo(f"{output} has {len(file.done)} images already; {len(found)} are left.", err=True)
        try:
            failed = asyncio.run(_score(connect, found, chosen, file, top_k=top_k, in_flight=in_flight, wait=wait))
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
    if failed:
        raise DarkroomError(f"{failed} of {len(found)} images failed.")


def _key_in(path: Path) -> str:
    """The file's key.

    Raises:
        ConfigurationError: it can't be read, or is empty, which must not mean another key or none.
    """
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--api-key-file {path} can't be read: {error}") from error
    if not key:
        raise ConfigurationError(f"--api-key-file {path} is empty")
    return key


async def _score(
    connect: Callable[[], AsyncGatewayClient],
    paths: list[Path],
    output_format: str,
    file: ResultFile | None,
    *,
    top_k: int | None,
    in_flight: int,
    wait: float,
) -> int:
    """Wait, ask, write, and count the failed.

    Raises:
        DarkroomError: the gateway can't be reached, or something else that every image would meet.
    """
    from serving.client.batch import score_files  # noqa: PLC0415
    from serving.errors import Code, ServingError  # noqa: PLC0415

    async with connect() as client:
        outcomes = score_files(client, paths, top_k=top_k, in_flight=in_flight)
        try:
            if paths:
                await client.wait_until_ready(wait)
            async with aclosing(outcomes):
                return await _write_all(outcomes, len(paths), output_format, file)
        except ServingError as error:
            advice = "" if file is None else ". What was answered is kept; the same command goes on from there"
            if error.code is Code.UNAUTHENTICATED:
                advice += ". Set DARKROOM_API_KEY or --api-key-file"
            raise DarkroomError(f"{error.message} ({error.code.name}){advice}") from error


async def _write_all(outcomes: AsyncIterator[Outcome], total: int, output_format: str, file: ResultFile | None) -> int:
    failed = 0
    with _Progress(total, is_shown=file is not None) as progress:
        collected: list[Outcome] = []
        write = _writer(output_format, file, collected)
        async for outcome in outcomes:
            if outcome.prediction is None:
                failed += 1
                reason = f"refused, {outcome.reason}: " if outcome.reason else ""
                progress.say(f"{outcome.path}: {reason}{outcome.error}")
            write(outcome)
            progress.advance(failed)
        if output_format == "json":
            from serving.client.results import document  # noqa: PLC0415

            click.echo(json.dumps([document(outcome) for outcome in collected], indent=2))
        elif output_format == "table":
            _print_table(collected)
    return failed


def _writer(output_format: str, file: ResultFile | None, collected: list[Outcome]) -> Write:
    """What to do with each outcome as it comes."""
    from serving.client import results  # noqa: PLC0415

    if file is not None:

        def keep(outcome: Outcome) -> None:
            # What may go well the next time is left for the next call.
            if outcome.is_final:
                file.write(outcome)

        return keep
    if output_format in ("table", "json"):
        return collected.append
    as_lines: ResultFormat = "csv" if output_format == "csv" else "jsonl"
    pending = [results.header(as_lines)]

    def show(outcome: Outcome) -> None:
        # The header waits for the first outcome, so that a call without a gateway prints nothing.
        click.echo("".join(pending) + _printable(results.line(outcome, as_lines)), nl=False)
        pending.clear()

    return show


def _format(named: str | None, output: Path | None) -> str:
    """The format that is meant.

    Raises:
        ConfigurationError: a file can't have it.
    """
    if output is None:
        return named or "table"
    suffix = output.suffix.lower().lstrip(".")
    chosen = named or suffix
    if chosen not in ("csv", "jsonl"):
        raise ConfigurationError(f"--output {output} must end in .csv or .jsonl, or --format be csv or jsonl")
    return chosen


def _open(output: Path, output_format: str) -> ResultFile:
    from serving.client.results import ResultFile  # noqa: PLC0415

    return ResultFile(output, "csv" if output_format == "csv" else "jsonl")


class _Progress:
    """On stderr: a bar on a terminal, elsewhere a line now and then. Nothing when results themselves are shown."""

    def __init__(self, total: int, *, is_shown: bool) -> None:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        self._total = total
        self._is_shown = is_shown
        self._done = 0
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not is_shown or not sys.stderr.isatty(),
            transient=True,
        )
        self._clock = self._bar.get_time
        self._started = self._told = self._clock()
        self._task = self._bar.add_task("images", total=total, speed="")

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
        if self._is_shown:
            click.echo(self._summary(), err=True)

    def say(self, text: str) -> None:
        """A line above the bar."""
        text = _printable(text)
        if self._bar.disable:
            click.echo(text, err=True)
        else:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def advance(self, failed: int) -> None:
        """One more is done."""
        self._done += 1
        self._bar.update(self._task, completed=self._done, speed=f"{self._speed():.0f}/s, {failed} failed")
        if self._is_shown and self._bar.disable and self._clock() - self._told > _LEAST_SECONDS_BETWEEN_LINES:
            self._told = self._clock()
            click.echo(self._summary(), err=True)

    def _speed(self) -> float:
        return self._done / max(self._clock() - self._started, 1e-3)

    def _summary(self) -> str:
        return f"{self._done:,} of {self._total:,} images, {self._speed():.1f}/s"


def _printable(text: str) -> str:
    """Text without what UTF-8 can't hold: file names may be any bytes."""
    return text.encode(errors="replace").decode()


def _print_table(outcomes: Iterable[Outcome]) -> None:
    """Columns as wide as what they hold; a line for each class, or for a regression's value."""
    header: tuple[str, ...] = ("image", "label", "confidence", "model", "preprocessing")
    rows: list[tuple[str, ...]] = []
    for outcome in outcomes:
        found: Any = outcome.prediction
        if found is None:
            continue
        origin = (f"{found.model}/{found.version}", found.preprocessing_version or "-")
        if found.value is not None:
            header = ("image", "value", "model", "preprocessing")
            rows.append((str(outcome.path), f"{found.value:.6g}", *origin))
        for rank, scored in enumerate(found.top_k):
            shown = (str(outcome.path), scored.label, f"{scored.confidence:.4f}", *origin)
            rows.append(shown if rank == 0 else ("", *shown[1:3], "", ""))
    if rows:
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        for row in [header, *rows]:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            click.echo(_printable("  ".join(cells).rstrip()))

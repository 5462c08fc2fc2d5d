"""`darkroom predict`: ask a running gateway about images."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from darkroom.errors import DarkroomError
from serving.errors import Code, ServingError

if TYPE_CHECKING:
    from serving.client import GatewayClient, Prediction

# Without these the next image would fail in the same way.
_HOPELESS = (Code.UNAVAILABLE, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one image: a prediction, or an error with the refusal's reason where there is one."""

    path: Path
    prediction: Prediction | None
    error: str | None = None
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        """For JSON."""
        if self.prediction is None:
            return {"image": str(self.path), "error": self.error, "reason": self.reason}
        return {"image": str(self.path), **asdict(self.prediction)}


@click.command("predict")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--address", default=None, help="The gateway; 127.0.0.1:8080, or 127.0.0.1:9000 for gRPC.")
@click.option("--protocol", type=click.Choice(["rest", "grpc"]), default="rest", show_default=True)
@click.option("--model", default=None, help="The model to ask; the one that the gateway serves unless named.")
@click.option("--top-k", type=click.IntRange(1), default=None, help="Classes for each image.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Seconds.")
@click.option(
    *("--format", "output_format"),
    type=click.Choice(["table", "json", "jsonl", "csv"]),
    default="table",
    show_default=True,
)
def command(
    *,
    images: tuple[Path, ...],
    address: str | None,
    protocol: Literal["rest", "grpc"],
    model: str | None,
    top_k: int | None,
    timeout: float,
    output_format: str,
) -> None:
    """Ask a running gateway about IMAGES; results go to stdout.

    An image that fails costs no other one: it is named on stderr, and the exit code is 1.
    """
    from serving.client import GatewayClient  # noqa: PLC0415 - an HTTP or gRPC library, only for this command

    address = address or ("127.0.0.1:8080" if protocol == "rest" else "127.0.0.1:9000")
    with GatewayClient(address, protocol=protocol, model=model, timeout=timeout) as client:
        outcomes = _ask(client, images, top_k)
        write = {"table": _write_table, "json": _write_json, "jsonl": _write_jsonl, "csv": _write_csv}[output_format]
        failed = write(_reporting(outcomes))
    if failed:
        raise DarkroomError(f"{failed} of {len(images)} images failed.")


def _ask(client: GatewayClient, images: Iterable[Path], top_k: int | None) -> Iterator[_Outcome]:
    """One request for each image, so that one refused image costs no other.

    Raises:
        DarkroomError: the gateway can't be reached; asking on is no use.
    """
    from serving.client import ImageRefusedError  # noqa: PLC0415

    for path in images:
        try:
            yield _Outcome(path, client.predict([path], top_k=top_k)[0])
        except OSError as error:
            yield _Outcome(path, None, f"can't be read: {error.strerror}")
        except ImageRefusedError as error:
            yield _Outcome(path, None, error.message.removeprefix("image 0: "), error.reason)
        except ServingError as error:
            if error.code in _HOPELESS:
                raise DarkroomError(f"{error.message} ({error.code.name})") from error
            yield _Outcome(path, None, f"{error.message} ({error.code.name})")


def _reporting(outcomes: Iterable[_Outcome]) -> Iterator[_Outcome]:
    """Name the failed ones on stderr as they come."""
    for outcome in outcomes:
        if outcome.prediction is None:
            reason = f"refused, {outcome.reason}: " if outcome.reason else ""
            click.echo(f"{outcome.path}: {reason}{outcome.error}", err=True)
        yield outcome


def _write_table(outcomes: Iterable[_Outcome]) -> int:
    """Columns as wide as what they hold; a line for each class. Returns how many failed."""
    header = ("image", "label", "confidence", "model", "preprocessing")
    rows: list[tuple[str, ...]] = []
    failed = 0
    for outcome in outcomes:
        found = outcome.prediction
        if found is None:
            failed += 1
            continue
        origin = (f"{found.model}/{found.version}", found.preprocessing_version or "-")
        if found.value is not None:
            rows.append((str(outcome.path), "-", f"{found.value:.6g}", *origin))
        for rank, scored in enumerate(found.top_k):
            shown = (str(outcome.path), scored.label, f"{scored.confidence:.4f}", *origin)
            rows.append(shown if rank == 0 else ("", *shown[1:3], "", ""))
    if rows:
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        for row in [header, *rows]:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return failed


def _write_json(outcomes: Iterable[_Outcome]) -> int:
    found = list(outcomes)
    click.echo(json.dumps([outcome.document() for outcome in found], indent=2))
    return _failures(found)


def _write_jsonl(outcomes: Iterable[_Outcome]) -> int:
    failed = 0
    for outcome in outcomes:
        click.echo(json.dumps(outcome.document()))
        failed += outcome.prediction is None
    return failed


def _write_csv(outcomes: Iterable[_Outcome]) -> int:
    """The best class of each image, or the value, or the error."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    columns = ("label", "class_id", "confidence", "value", "model", "version", "preprocessing_version")
    writer.writerow(("image", *columns, "error", "reason"))
    failed = 0
    for outcome in outcomes:
        found = outcome.prediction
        values = [getattr(found, column) if found is not None else None for column in columns]
        writer.writerow((outcome.path, *values, outcome.error, outcome.reason))
        failed += found is None
    return failed


def _failures(outcomes: Iterable[_Outcome]) -> int:
    return sum(outcome.prediction is None for outcome in outcomes)

"""`darkroom data from-requests`: served images become a folder to label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from darkroom.errors import DarkroomError, DataError

if TYPE_CHECKING:
    from preprocessing.population import Population
    from serving.prediction_log.extraction import Extracted

# A model version keeps its description here (pipeline/model_description.py).
_DESCRIPTION = Path("assets.extra") / "darkroom.json"
_BASELINE_KEYS = ("baseline", "sampled", "everything")
# Below this many values, chance makes two samples of the same differ.
_MIN_VALUES = 100


@click.command("from-requests")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LOG...")
@click.option(
    *("-o", "--output"),
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for images/, listing.csv and statistics.json; one that has them is added to.",
)
@click.option(
    "--baseline",
    type=click.Path(exists=True, path_type=Path),
    default=None,
    help="Compare with this: a model version's folder, its darkroom.json, or another statistics.json.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON on stdout.")
def from_requests(logs: tuple[Path, ...], output: Path, baseline: Path | None, as_json: bool) -> None:
    """Turn logged requests into a folder of images with a listing to label.

    LOG is a shard of TF Serving's PredictionLog (TFRecord, plain or gzip), as `serving.prediction_log` and TF Serving
    itself write them, or a folder of such shards.

    Fill in the column `label` of listing.csv; the images that the model was least sure of come first. Each image is
    there once. Running the command again, with more logs or the same ones, keeps what was filled in.
    """
    from rich.console import Console  # noqa: PLC0415 - `darkroom data --help` shows no progress
    from rich.progress import track  # noqa: PLC0415 - the same

    from serving.prediction_log.extraction import Extraction, LogError, find_logs  # noqa: PLC0415 - brings NumPy
    from serving.prediction_log.listing import ListingError  # noqa: PLC0415 - the same

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    reference = None if baseline is None else _read_baseline(baseline)
    try:
        files = find_logs(logs)
        extraction = Extraction(output)
        for file in track(files, "Reading", console=console, transient=True, disable=not console.is_terminal):
            extraction.read(file)
        found = extraction.finish()
    except (LogError, ListingError, FileNotFoundError) as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DarkroomError(f"{output}: {error}") from error
    drift = [] if reference is None else _drift(reference, found.traffic)
    _tell(console.print, found, output, drift)
    if reference is not None and not drift:
        console.print(f"Nothing to compare: a feature needs {_MIN_VALUES} values in the baseline and in the logs.")
    if as_json:
        click.echo(json.dumps({**_outcome(found, output), "drift": drift}))


def _read_baseline(path: Path) -> Population:
    """The population in a model's description or in another extraction's statistics.

    Raises:
        DataError: there is none.
    """
    from preprocessing.population import Population  # noqa: PLC0415

    file = path / _DESCRIPTION if path.is_dir() else path
    try:
        document = json.loads(file.read_bytes())
        stored = next((document[key] for key in _BASELINE_KEYS if document.get(key)), None)
    except OSError as error:
        raise DataError(f"{file}: can't be read ({error.strerror}); name a model version's folder") from error
    except (ValueError, AttributeError) as error:
        raise DataError(f"{file}: is no JSON object; name a model's darkroom.json or a statistics.json") from error
    if stored is None:
        raise DataError(
            f"{file}: stores no statistics; models of earlier releases have none, so train and push one anew"
        )
    try:
        return Population.from_json(stored)
    except ValueError as error:
        raise DataError(f"{file}: {error}") from error


def _drift(baseline: Population, current: Population) -> list[dict[str, Any]]:
    from preprocessing.population.divergence import compare  # noqa: PLC0415

    return [
        {
            "feature": found.feature,
            "psi": round(found.psi, 4),
            "jensen_shannon": round(found.jensen_shannon, 4),
            "values": found.values,
        }
        for found in sorted(compare(baseline, current, min_values=_MIN_VALUES), key=lambda found: -found.psi)
    ]


def _outcome(found: Extracted, output: Path) -> dict[str, Any]:
    return {
        "folder": str(output),
        "files": found.files,
        "records": found.records,
        "logged_images": found.logged_images,
        "written": found.written,
        "listed": found.listed,
        "refused": dict(found.refused),
        "damaged_files": found.damaged,
        "unreadable_records": found.unreadable_records,
    }


def _tell(say: Any, found: Extracted, output: Path, drift: list[dict[str, Any]]) -> None:
    say(
        f"{found.records} requests in {found.files} files: {found.logged_images} images, {found.written} of them new; "
        f"{found.listed} are listed in {output}/listing.csv",
        markup=False,
    )
    for reason, count in found.refused.most_common():
        say(f"{count} refused: {reason}", markup=False)
    if found.unreadable_records:
        say(f"{found.unreadable_records} records are no PredictionLog and were passed over", markup=False)
    for sentence in found.damaged:
        say(f"{sentence}; what stands before was read", markup=False)
    for row in drift:
        say(
            f"{row['feature']:<16} PSI {row['psi']:<8} Jensen-Shannon {row['jensen_shannon']:<8} "
            f"({row['values']} values)",
            markup=False,
        )

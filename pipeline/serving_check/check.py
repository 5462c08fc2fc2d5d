"""The check itself: one model, one model server, the rules in order."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import numpy as np
from tfx.utils import io_utils

from darkroom.configuration.serving_check_section import ServingCheckSection
from darkroom.task import Task
from pipeline.serving_check.questions import Questions
from pipeline.serving_check.reference import Reference
from pipeline.serving_check.rule import Rule, at_most, verdict
from pipeline.serving_check.server_process import ServerFailedError, ServerProcess, stage
from pipeline.serving_check.warmup import write_warmup_requests

_log = logging.getLogger(__name__)

# So many that a p99 is not the one slowest request, few enough for seconds.
_MEASURED_REQUESTS = 120

# Sizes of the warm-up batches: one image as most clients send it, and a few together.
WARMUP_BATCHES = (1, 4)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked.

    Attributes:
        name: the model's.
        model: its SavedModel's folder or URL.
        model_run: the Trainer's other output.
        task: what is predicted.
        images: encoded images that it is asked about.
        tolerance: what the export was allowed to differ by (half precision), if that is more than the check's own.
    """

    name: str
    model: str
    model_run: str
    task: Task
    images: Sequence[bytes]
    tolerance: float = 0.0


def check(subject: Subject, section: ServingCheckSection) -> tuple[Rule, ...]:
    """Serves the model and asks it; the rules up to the one without which the others make no sense."""
    with tempfile.TemporaryDirectory(prefix="darkroom-serving-check-") as name:
        folder = Path(name)
        version = folder / subject.name / "1"
        local = Path(subject.model)
        if "://" in subject.model:
            local = folder / "model"
            io_utils.copy_dir(subject.model, str(local))
        stage(local, version)
        (version / "assets.extra").mkdir(exist_ok=True)
        write_warmup(version / "assets.extra", subject.images)
        with ServerProcess(subject.name, version.parent, folder / "log") as server:
            return tuple(_rules(subject, section, server))


def write_warmup(assets_extra: Path | str, images: Sequence[bytes]) -> None:
    """Writes the requests that the check begins with as the model's warm-up."""
    write_warmup_requests(str(assets_extra), [images[:size] for size in WARMUP_BATCHES])


def _rules(subject: Subject, section: ServingCheckSection, server: ServerProcess) -> Iterator[Rule]:
    # While the server starts.
    reference = Reference(subject.model, subject.model_run, subject.task)
    wanted = reference.predict(subject.images)
    must = f"The model must load within {section.load_seconds:g} s in {server.kind}"
    try:
        seconds = server.wait_until_available(section.load_seconds)
    except TimeoutError:
        yield verdict("load_seconds", f"{must} and did not", passed=False)
        return
    except ServerFailedError as error:
        yield verdict("load_seconds", f"{must} and could not ({error})", passed=False)
        return
    yield verdict("load_seconds", f"{must} and took {seconds:.1f} s", passed=True, measured=seconds)
    with Questions(subject.name, subject.task.output_name, server.grpc_address, server.rest_address) as questions:
        try:
            yield from _predictions(subject, section, questions, reference.source, wanted)
            yield _preprocessing(questions, reference.preprocessing_version)
            yield from _latency(subject, section, questions)
            yield _malformed(subject, section, questions, server)
        except (grpc.RpcError, httpx.HTTPError) as error:
            _log.warning("A request of the serving check failed", exc_info=error)
            how = f"{error.code().name}: {error.details()}" if isinstance(error, grpc.RpcError) else str(error)
            alive = "" if server.is_alive() else f"; the server has ended: {server.last_words()}"
            yield verdict("answers", f"Every image must be answered and one was not ({how}{alive})", passed=False)
            return
    yield _memory(section, server.peak_bytes())


def _predictions(
    subject: Subject, section: ServingCheckSection, questions: Questions, source: str, wanted: np.ndarray
) -> Iterator[Rule]:
    batch, tolerance = max(WARMUP_BATCHES), _tolerance(subject, section)
    for protocol in ("gRPC", "REST"):
        found = [
            questions.over_grpc(images)[0] if protocol == "gRPC" else questions.over_rest(images)
            for images in (subject.images[at : at + batch] for at in range(0, len(subject.images), batch))
        ]
        difference = largest_difference(np.concatenate(found), wanted)
        yield verdict(
            f"difference_{protocol.lower()}",
            f"Predictions over {protocol} must equal {source} within {tolerance:g} and differ by at most "
            f"{difference:.2g} for {len(subject.images)} test images",
            passed=bool(difference <= tolerance),
            measured=float(difference),
        )


def _tolerance(subject: Subject, section: ServingCheckSection) -> float:
    return max(section.tolerance, subject.tolerance)


def largest_difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """Between two arrays of predictions, relative to values beyond 1; infinite where they cannot be compared."""
    if found.size != wanted.size:
        return float("inf")
    found, wanted = found.reshape(wanted.shape).astype(np.float64), wanted.astype(np.float64)
    difference = np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))
    return float(np.max(np.where(np.isnan(difference), np.inf, difference)))


def _preprocessing(questions: Questions, version: str) -> Rule:
    described = json.loads(questions.description())["preprocessing"]["version"]
    return verdict(
        "preprocessing",
        f"The served graph must preprocess as the trainer did, {version}, and does {described}",
        passed=described == version,
    )


def _latency(subject: Subject, section: ServingCheckSection, questions: Questions) -> Iterator[Rule]:
    seconds = [
        questions.over_grpc([subject.images[number % len(subject.images)]])[1] for number in range(_MEASURED_REQUESTS)
    ]
    for percent, limit in ((50, section.max_p50_ms), (99, section.max_p99_ms)):
        measured = float(np.percentile(seconds, percent)) * 1000
        yield at_most(f"p{percent}_ms", f"The latency of one image over gRPC, p{percent},", "ms", measured, limit)


def _malformed(subject: Subject, section: ServingCheckSection, questions: Questions, server: ServerProcess) -> Rule:
    before, _ = questions.over_grpc(subject.images[:1])
    errors = questions.malformed(subject.images[0])
    answered = [kind for kind, error in errors.items() if error is None]
    must = "Malformed input must get an error and the server go on"
    if not server.is_alive():
        return verdict("malformed", f"{must}, but it ended: {server.last_words()}", passed=False)
    if answered:
        return verdict("malformed", f"{must}, but there was an answer to {', '.join(answered)}", passed=False)
    after, _ = questions.over_grpc(subject.images[:1])
    if not largest_difference(after, before) <= _tolerance(subject, section):
        return verdict("malformed", f"{must}, but it answers an image differently afterwards", passed=False)
    return verdict("malformed", f"{must}, and {len(errors)} kinds of it did", passed=True, measured=float(len(errors)))


def _memory(section: ServingCheckSection, peak: int | None) -> Rule:
    what = "The model server's peak memory"
    if peak is not None:
        return at_most("memory_mb", what, "MB", peak / 1e6, section.max_memory_mb)
    sentence = f"{what} cannot be measured on this system"
    if section.max_memory_mb is None:
        return Rule(name="memory_mb", sentence=f"{sentence}.", passed=None)
    return verdict("memory_mb", f"{sentence}, but serving_check.max_memory_mb limits it", passed=False)

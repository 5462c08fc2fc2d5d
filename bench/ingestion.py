"""What ingestion costs: its speed beside a bare decoder's, its memory as data grows, and that nothing moves.

    python bench/ingestion.py [--photos N] [--small N]

- speed: made JPEGs of 640x480, checked as ingestion checks them (read, inspected, verified, hashed, looked at, made
  into an example), beside a loop that reads and decodes them with TensorFlow, in the same process on one core;
- memory: the peak of a process that ingests a tenth of the small images, and of one that ingests all of them;
- splits: byte-identical when the same images are ingested again; images that move when a tenth is added.

Small images are PNGs of noise, 16x16. Each ingestion is a process of its own. Writes bench/results/ingestion.json; exit
code 1 when a bound of the table is not kept.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from support.results import ROOT, print_table, write_results

MIN_SPEED, MAX_MEMORY = 0.6, 1.3


def main() -> int:
    """Exit code 1 when a bound is not kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.subject:
        print(json.dumps(SUBJECTS[options.subject](**json.loads(sys.stdin.read()))))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_photos(folder / "photos", options.photos)
        speed = subject("speed", folder=str(folder / "photos"))
        write_small(folder / "small", 0, options.small // 10)
        few = subject("ingest", images=str(folder / "small"), out=str(folder / "few"))
        write_small(folder / "small", options.small // 10, options.small)
        every = subject("ingest", images=str(folder / "small"), out=str(folder / "all"))
        again = subject("ingest", images=str(folder / "small"), out=str(folder / "again"))
        write_small(folder / "small", options.small, options.small * 11 // 10)
        grown = subject("ingest", images=str(folder / "small"), out=str(folder / "grown"), ledgers=every["ledgers"])
    share, growth = speed["ingestion"] / speed["bare"], every["peak_mb"] / few["peak_mb"]
    identical = every["digests"] == again["digests"]
    print_table(
        {
            "bare decode loop, images/s": speed["bare"],
            "checked and staged, images/s": speed["ingestion"],
            "share of the bare loop": share,
            f"peak MB of {options.small // 10:,} images": few["peak_mb"],
            f"peak MB of {options.small:,} images": every["peak_mb"],
            "times": growth,
            f"seconds for {options.small:,}": every["seconds"],
            "same images, same bytes": identical,
            "moved when 10 % are added": grown["moved"],
        },
        {
            "share of the bare loop": f"at least {MIN_SPEED}",
            "times": f"at most {MAX_MEMORY}",
            "same images, same bytes": "True",
            "moved when 10 % are added": "0",
        },
    )
    write_results(
        "ingestion",
        {"speed": speed, "few": few, "all": every, "again": again, "grown": grown, "identical": identical},
    )
    return 0 if share >= MIN_SPEED and growth <= MAX_MEMORY and identical and not grown["moved"] else 1


def subject(name: str, **options: Any) -> dict[str, Any]:
    """Runs a measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--subject", name],
        input=json.dumps(options),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def write_photos(folder: Path, count: int) -> None:
    """JPEGs of 640x480: two real photographs, turned a little further each."""
    from sklearn.datasets import load_sample_images  # noqa: PLC0415

    folder.mkdir(parents=True)
    pictures = [Image.fromarray(pixels).resize((640, 480)) for pixels in load_sample_images().images]
    for number in range(count):
        pictures[number % 2].rotate(number / 10).save(folder / f"{number}.jpg", quality=90)


def write_small(folder: Path, first: int, end: int) -> None:
    """PNGs of noise in two class folders."""
    for number in range(first, end):
        target = folder / str(number % 2) / f"{number:07d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (16, 16), np.uint8)).save(content, "PNG")
        target.write_bytes(content.getvalue())


def measure_speed(folder: str) -> dict[str, float]:
    """Images per second of CPU time, the best of three rounds."""
    import tensorflow as tf  # noqa: PLC0415

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from pipeline.ingestion.labelled_image import LabelledImage  # noqa: PLC0415
    from pipeline.ingestion.staging_images import StageImages  # noqa: PLC0415
    from preprocessing.images import ImageLimits  # noqa: PLC0415

    paths = sorted(str(path) for path in Path(folder).iterdir())
    decode = tf.function(
        lambda image: tf.io.decode_jpeg(image, channels=3), input_signature=[tf.TensorSpec([], tf.string)]
    )

    def bare() -> None:
        for path in paths:
            decode(Path(path).read_bytes())

    with tempfile.TemporaryDirectory() as staging:
        step = StageImages(staging, ImageLimits())
        step.setup()

        def ingest() -> None:
            step.start_bundle()
            for path in paths:
                list(step.process(LabelledImage(path, path, label=0, text="a")))
            step.finish_bundle()

        return {"bare": _best(bare, len(paths)), "ingestion": _best(ingest, len(paths))}


def _best(function: Any, count: int) -> float:
    function()
    times = []
    for _ in range(3):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return count / min(times)


def measure_ingestion(
    images: str, out: str, ledgers: str | None = None, beam: tuple[str, ...] = (), near_duplicates: int | None = 4
) -> dict[str, Any]:
    """One ingestion: seconds, CPU seconds of all its processes, peak memory, digests, images that have moved."""
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor  # noqa: PLC0415
    from tfx.types import standard_artifacts  # noqa: PLC0415

    from darkroom.configuration.sections import BeamSection  # noqa: PLC0415
    from darkroom.configuration.split_ratios import SplitRatios  # noqa: PLC0415
    from pipeline.beam_arguments import beam_arguments  # noqa: PLC0415
    from pipeline.ingestion.executor import ImageExecutor  # noqa: PLC0415
    from pipeline.ingestion.ledger import Ledger  # noqa: PLC0415
    from pipeline.ingestion.options import IngestionOptions  # noqa: PLC0415
    from pipeline.ingestion.quarantine import Quarantine  # noqa: PLC0415
    from preprocessing.images import ImageLimits  # noqa: PLC0415

    examples, quarantine = standard_artifacts.Examples(), Quarantine()
    examples.uri, quarantine.uri = f"{out}/examples", f"{out}/quarantine"
    remembered = ledgers or f"{out}/splits"
    before = [Ledger.read(str(path)) for path in Path(remembered).glob("*.npz")]
    options = IngestionOptions(
        root=images, ratios=SplitRatios(), limits=ImageLimits(), near_duplicates=near_duplicates, ledgers=remembered
    )
    start = time.monotonic()
    ImageExecutor(BaseBeamExecutor.Context(beam_pipeline_args=beam_arguments(BeamSection(options=beam)))).Do(
        {}, {"examples": [examples], "quarantine": [quarantine]}, {"ingestion_options": options.model_dump_json()}
    )
    seconds = time.monotonic() - start
    after = Ledger.read(f"{examples.uri}/splits.npz")
    moved = sum(int((after.look_up(old.rows["sha256"]) != old.splits).sum()) for old in before)
    files = sorted(Path(examples.uri).glob("Split-*/*"))
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "cpu_seconds": own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "digests": {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        "ledgers": remembered,
        "moved": moved,
    }


SUBJECTS = {"speed": measure_speed, "ingest": measure_ingestion}

if __name__ == "__main__":
    sys.exit(main())

"""What the modes of `training.feeding` cost: images per second, the share of time that steps wait, and memory.

    python bench/feeding.py [--images N] [--epochs N]

Made JPEGs of 500x375 are trained on at 160x160x3 with a light augmentation, by two networks: the small CNN, and one
that is next to nothing, which stands for an accelerator that is faster than this machine decodes. Each mode runs in a
process of its own, so that its peak memory is its own. `wait` is the share of the steps' time that passed before their
batch was there; in `hybrid` the changes of segments are in it. The first epoch, in which `memory` decodes and all is
traced, does not count.

Beside that: how fast this machine decodes with nothing else to do, and how fast the network trains on one batch that is
there. Where decoding is slower than training, `disk` cannot keep the network busy, and the table says so; a network
that outruns the augmentation waits in `memory` too. Writes bench/results/feeding.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support.results import ROOT, print_table, write_results

MAX_WAIT = 0.03
SIDE, BATCH, PASSES = 160, 32, 4
# None is a mean over patches and one dense layer.
NETWORKS: dict[str, dict[str, Any] | None] = {
    "small_cnn": {"small_cnn": {"filters": [8, 16, 32]}},
    "next_to_nothing": None,
}
MODES = ("memory", "disk", "hybrid")
EVALUATION_IMAGES = 32

# Of what the pixels take, for hybrid: makes four segments or a few more, two of which are held.
_HYBRID_SHARE = 0.5

_WARM_UP_STEPS = 3


def main() -> int:
    """Exit code 1 when a step waits too long although decoding would allow better."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=1 + 2 * PASSES)
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.subject:
        print(json.dumps(measure(**json.loads(options.subject))))
        return 0
    found: dict[str, Any] = {"images": options.images, "epochs": options.epochs}
    limits: dict[str, str] = {}
    good = True
    with tempfile.TemporaryDirectory() as folder:
        subject = {"folder": folder, "images": options.images, "epochs": options.epochs}
        run(subject | {"what": "write"})
        found |= run(subject | {"what": "decode"})
        for network in NETWORKS:
            step = run(subject | {"what": "step", "network": network})
            found |= {f"{network}_{name}": value for name, value in step.items()}
            decodes = found["decoded_images_per_second"] > step["trained_images_per_second"]
            found[f"{network}_decoding_keeps_up"] = decodes
            for mode in MODES:
                result = run(subject | {"what": "feed", "network": network, "mode": mode})
                found |= {f"{network}_{mode}_{name}": value for name, value in result.items()}
                if decodes and mode != "hybrid":
                    limits[f"{network}_{mode}_wait"] = f"at most {MAX_WAIT}"
                    good = good and result["wait"] <= MAX_WAIT
    print_table(found, limits)
    write_results("feeding", found)
    return 0 if good else 1


def run(subject: dict[str, Any]) -> dict[str, Any]:
    """`measure` in a process of its own."""
    done = subprocess.run(
        (sys.executable, __file__, "--subject", json.dumps(subject)),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    print(
        {key: subject[key] for key in ("what", "network", "mode") if key in subject},
        done.stdout.strip(),
        file=sys.stderr,
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(
    *, folder: str, images: int, epochs: int, what: str, network: str = "small_cnn", mode: str = "memory"
) -> dict[str, Any]:
    """One subject."""
    # What needs no TensorFlow does not import it.
    from support import feeding_subjects, made_photos  # noqa: PLC0415

    from pipeline.training.split_files import SplitFiles  # noqa: PLC0415

    if what == "write":
        made_photos.write_photos(Path(folder) / "train", images)
        made_photos.write_photos(Path(folder) / "eval", EVALUATION_IMAGES)
        return {}
    train = SplitFiles((f"{folder}/train/*",), images)
    evaluation = SplitFiles((f"{folder}/eval/*",), EVALUATION_IMAGES)
    subject = feeding_subjects.Subject(train, evaluation, SIDE, BATCH, NETWORKS[network])
    if what == "decode":
        return {"decoded_images_per_second": subject.decoded_per_second()}
    if what == "step":
        return {"trained_images_per_second": subject.trained_per_second(_WARM_UP_STEPS)}
    pixels = images * SIDE * SIDE * 3 * 4 / 2**20
    section = {"mode": mode, "segment_epochs": PASSES}
    if mode == "hybrid":
        section["memory_megabytes"] = pixels * _HYBRID_SHARE
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    result = subject.fed(section, epochs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return result | {
        "seconds": time.monotonic() - started,
        "peak_megabytes_more": (peak - before) / 1024,
        "all_pixels_megabytes": pixels,
    }


if __name__ == "__main__":
    sys.exit(main())

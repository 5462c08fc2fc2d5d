"""The quickstart: real images to a served prediction, through the same commands that a user types."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from darkroom.configuration import DarkroomConfig, load_configuration
from pipeline.features import TEST_SPLIT
from pipeline.ingestion.ledger import Ledger

_DARKROOM = (sys.executable, "-m", "darkroom.cli")

# Loading TensorFlow and the model takes seconds; on a busy small machine it can take a minute.
_STOP_TIMEOUT_SECONDS = 60


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("quickstart"), help="Where everything goes.")
def main(folder: Path) -> None:
    """Write the digits, run the pipeline, serve the model, predict a held-out image over REST and gRPC."""
    images = folder / "images"
    _step("1/4", "1,797 handwritten digits as PNG files")
    write_digits(images)
    configuration = folder / "darkroom.yaml"
    if not configuration.exists():
        _darkroom("init", str(images), "-o", str(folder), "--name", "digits")
    config = load_configuration(configuration)
    model_folder = Path(config.repository_path) / config.model.name
    _step("2/4", "the pipeline")
    if any(entry.name.isdecimal() for entry in model_folder.glob("*")):
        click.echo(f"The model of an earlier run is in {model_folder}; 'make clean' removes it.", err=True)
    else:
        _darkroom("run", "-c", str(configuration))
    _step("3/4", "the server")
    with _server(configuration) as addresses:
        held_out = held_out_image(images, config)
        _step("4/4", f"a digit that training never saw: {held_out}")
        for protocol in ("rest", "grpc"):
            click.echo(err=True)
            _darkroom(
                "predict", str(held_out), "--protocol", protocol, "--address", addresses[protocol], "--top-k", "3"
            )
    click.echo(_next_commands(configuration, held_out, config), err=True)


def write_digits(folder: Path) -> None:
    """Writes scikit-learn's digits, 8 x 8 pixels with 17 grey levels, as `<folder>/<digit>/<number>.png`."""
    # Only the quickstart needs scikit-learn.
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415
    from sklearn.datasets import load_digits  # noqa: PLC0415

    digits = load_digits()
    names = [folder / str(digit) / f"{number:04d}.png" for number, digit in enumerate(digits.target)]
    missing = [number for number, name in enumerate(names) if not name.exists()]
    for number in missing:
        names[number].parent.mkdir(parents=True, exist_ok=True)
        levels = np.rint(digits.images[number] * (255 / 16)).astype(np.uint8)
        Image.fromarray(levels, mode=None).save(names[number])
    click.echo(f"{len(names):,} files in {folder} ({len(missing):,} new)", err=True)


def held_out_image(images: Path, config: DarkroomConfig) -> Path:
    """The first image, in name order, that the run put into the test split."""
    ledgers = sorted(Path(config.pipeline_root).glob("splits/*.npz"), key=lambda path: path.stat().st_mtime)
    held_out = Ledger.read(str(ledgers[-1])).images_of(TEST_SPLIT) if ledgers else set()
    for path in sorted(images.glob("*/*.png")):
        if hashlib.sha256(path.read_bytes()).hexdigest() in held_out:
            return path
    raise click.ClickException(f"No image in {images} lies in the test split.")


@contextmanager
def _server(configuration: Path) -> Iterator[dict[str, str]]:
    """`darkroom serve` on free ports until the block ends; yields its addresses by protocol."""
    arguments = ("serve", "-c", str(configuration), "--rest-port", "0", "--grpc-port", "0")
    log_path = configuration.parent / "serve.log"
    _show_command(arguments)
    click.echo(f"log: {log_path}", err=True)
    with (
        log_path.open("w", encoding="utf-8") as log,
        subprocess.Popen((*_DARKROOM, *arguments), stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        try:
            addresses = _addresses_when_ready(server, log_path)
            click.echo(f"REST on {addresses['rest']}, gRPC on {addresses['grpc']}", err=True)
            yield addresses
        finally:
            server.terminate()
            server.wait(timeout=_STOP_TIMEOUT_SECONDS)
            click.echo("The server is stopped.", err=True)


def _addresses_when_ready(server: subprocess.Popen[str], log_path: Path) -> dict[str, str]:
    addresses: dict[str, str] = {}
    for line in server.stdout or ():
        event = json.loads(line)
        if event["event"] == "listening":
            addresses = {"rest": f"127.0.0.1:{event['rest_port']}", "grpc": f"127.0.0.1:{event['grpc_port']}"}
        elif event["event"] == "ready":
            return addresses
    raise click.ClickException(f"The server ended with exit code {server.wait()} before it was ready; see {log_path}")


def _darkroom(*arguments: str) -> None:
    _show_command(arguments)
    code = subprocess.run((*_DARKROOM, *arguments), check=False).returncode
    if code:
        sys.exit(code)


def _show_command(arguments: Sequence[str]) -> None:
    click.secho(f"$ darkroom {' '.join(arguments)}", bold=True, err=True)


def _step(number: str, text: str) -> None:
    click.secho(f"\n[{number}] {text}", fg="cyan", bold=True, err=True)


def _next_commands(configuration: Path, image: Path, config: DarkroomConfig) -> str:
    port = config.serving.rest_port
    return f"""
Next:
  source .venv/bin/activate
  darkroom serve -c {configuration}
  curl --data-binary @{image} -H 'Content-Type: image/png' \\
    http://127.0.0.1:{port}/v1/models/{config.model.name}:predict
  darkroom run -c {configuration} --set training.epochs=40     # compared with the model you have
  darkroom init /path/to/your/images -o my-model && darkroom run -c my-model/darkroom.yaml
"""


if __name__ == "__main__":
    main()

"""`darkroom model-server`: the model server alone, with TF Serving's flags."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.errors import ConfigurationError

if TYPE_CHECKING:
    from serving.model_server.server import Ports


def _flag(name: str) -> tuple[str, ...]:
    """An option in our spelling and in TF Serving's, with underscores."""
    return (f"--{name}",) if "-" not in name else (f"--{name}", f"--{name.replace('-', '_')}")


@click.command("model-server")
@click.option(
    *_flag("model-base-path"),
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder with the version folders, or the folder above it.",
)
@click.option(
    *_flag("model-name"),
    default=None,
    help="What clients call the model. By default 'default' for a folder of versions, as in TF Serving, and the "
    "model's own name for a folder that holds one model.",
)
@click.option(*_flag("port"), type=click.IntRange(0, 65535), default=8500, show_default=True, help="gRPC; 0 takes any.")
@click.option(
    *_flag("rest-api-port"),
    type=click.IntRange(0, 65535),
    default=8501,
    show_default=True,
    help="REST; 0 takes any.",
)
@click.option(
    *_flag("host"),
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. The protocol has no authentication: 0.0.0.0 lets everybody who reaches it ask.",
)
@click.option(
    *_flag("rest-api-timeout-in-ms"),
    type=click.IntRange(1),
    default=30000,
    show_default=True,
    help="How long one REST request may take.",
)
@click.option(
    *_flag("file-system-poll-wait-seconds"),
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Pause between looks for new versions; 0 looks once.",
)
@click.option(
    *_flag("enable-model-warmup"),
    type=bool,
    is_flag=False,
    flag_value=True,  # the bare flag means true, as in TF Serving
    default=True,
    show_default=True,
    help="Replay assets.extra/tf_serving_warmup_requests before a version serves.",
)
@click.option(
    *_flag("num-request-iterations-for-warmup"),
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How often each warm-up request runs.",
)
@click.option(
    *_flag("tensorflow-intra-op-parallelism"),
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="TensorFlow's threads inside one operation; 0 leaves it to TensorFlow.",
)
@click.option(
    *_flag("tensorflow-inter-op-parallelism"),
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="TensorFlow's threads across operations; 0 leaves it to TensorFlow.",
)
@click.option(
    *_flag("inference-threads"),
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Requests that run at the same time; 0 takes twice the cores, at least 4.",
)
@click.option(
    *_flag("drain-seconds"),
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="How long requests under way may take after SIGTERM.",
)
@click.option(*_flag("exit-with-parent"), is_flag=True, help="End when the process that started this one ends.")
@click.option("-v", "--verbose", is_flag=True, help="Log more, TensorFlow's messages included.")
def command(
    *,
    model_base_path: Path,
    model_name: str | None,
    port: int,
    rest_api_port: int,
    host: str,
    rest_api_timeout_in_ms: int,
    file_system_poll_wait_seconds: float,
    enable_model_warmup: bool,
    num_request_iterations_for_warmup: int,
    tensorflow_intra_op_parallelism: int,
    tensorflow_inter_op_parallelism: int,
    inference_threads: int,
    drain_seconds: float,
    exit_with_parent: bool,
    verbose: bool,
) -> None:
    """Serve a model over TF Serving's gRPC and REST protocol.

    Prints one line of JSON on stdout once it listens: {"event": "listening", "grpc_port": …, "rest_port": …}. Every
    flag may be written with underscores, as tensorflow_model_server has them.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("asyncio", "h5py", "tensorflow", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.INFO if verbose else logging.ERROR)
    # 0 shows all of TensorFlow's own messages, 2 errors only; what the user has set stays.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "2")

    from serving.model_server.repository import resolve_name  # noqa: PLC0415 - after the environment is set
    from serving.model_server.server import serve  # noqa: PLC0415
    from serving.model_server.settings import ModelServerSettings, ModelSettings  # noqa: PLC0415

    base_path = model_base_path.absolute()
    name = resolve_name(base_path, model_name)
    try:
        settings = ModelServerSettings(
            models=(ModelSettings(name, base_path),),
            host=host,
            port=port,
            rest_port=rest_api_port,
            poll_seconds=file_system_poll_wait_seconds,
            rest_timeout_seconds=rest_api_timeout_in_ms / 1000,
            intra_op_threads=tensorflow_intra_op_parallelism,
            inter_op_threads=tensorflow_inter_op_parallelism,
            enable_warmup=enable_model_warmup,
            warmup_iterations=num_request_iterations_for_warmup,
            drain_seconds=drain_seconds,
            **({"inference_threads": inference_threads} if inference_threads else {}),  # type: ignore[arg-type]
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    asyncio.run(serve(settings, on_listening=_announce, exit_with_parent=exit_with_parent))
    # Threads that are still loading a model, or running a request that was cancelled, would keep the process alive for
    # as long as they take; everything that clients could see is done.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _announce(ports: Ports) -> None:
    event = {"event": "listening", "grpc_port": ports.grpc_port, "rest_port": ports.rest_port}
    click.echo(json.dumps(event))
    sys.stdout.flush()

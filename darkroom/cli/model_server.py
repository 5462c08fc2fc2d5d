"""`darkroom model-server`, and `darkroom-tensorflow-model-server` with the defaults of TF Serving's own executable."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from serving.model_server.server import Ports

_EXECUTABLE = "darkroom-tensorflow-model-server"

_FILE = click.Path(dir_okay=False, path_type=Path)
_PORT = click.IntRange(0, 65535)


def _option(name: str, **attributes: Any) -> Callable[[Any], Any]:
    """An option in our spelling and in TF Serving's, with underscores."""
    spellings = (f"--{name}",) if "-" not in name else (f"--{name}", f"--{name.replace('-', '_')}")
    attributes.setdefault("show_default", attributes.get("default") not in (None, ""))
    return click.option(*spellings, **attributes)


def _boolean(name: str, *, default: bool, help: str) -> Callable[[Any], Any]:  # noqa: A002 - click's name
    """TF Serving's kind of flag: `--name`, `--name=true` or `--name=false`."""
    return _option(name, type=bool, is_flag=False, flag_value=True, default=default, help=help)


_OPTIONS = (
    _option(
        "model-base-path",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder with the version folders, or the folder above it. Ignored with --model-config-file, otherwise "
        "required.",
    ),
    _option(
        "model-name",
        default=None,
        help="What clients call the model. By default 'default' for a folder of versions, as in TF Serving, and the "
        "model's own name for a folder that holds one model.",
    ),
    _option("model-config-file", type=_FILE, help="A ModelServerConfig text proto: several models, policies, labels."),
    _option(
        "model-config-file-poll-wait-seconds",
        type=click.FloatRange(0),
        default=0.0,
        help="Pause between looks at --model-config-file; 0 reads it once.",
    ),
    _option(
        "file-system-poll-wait-seconds",
        type=click.FloatRange(0),
        default=1.0,
        help="Pause between looks for new versions; 0 looks once.",
    ),
    _boolean(
        "allow-version-labels-for-unavailable-models",
        default=False,
        help="Attach new labels to versions that are not available yet.",
    ),
    _option(
        "rest-api-timeout-in-ms", type=click.IntRange(1), default=30000, help="How long one REST request may take."
    ),
    _option("grpc-socket-path", type=_FILE, help="Listen for gRPC on this Unix socket as well."),
    _option("grpc-channel-arguments", default="", help="gRPC's options: KEY=VALUE,KEY=VALUE."),
    _option("ssl-config-file", type=_FILE, help="An SSLConfig text proto: TLS for gRPC."),
    _option("monitoring-config-file", type=_FILE, help="A MonitoringConfig text proto: whether and where metrics are."),
    _boolean("enable-batching", default=False, help="Run requests of several clients together."),
    _option("batching-parameters-file", type=_FILE, help="A BatchingParameters text proto, with --enable-batching."),
    _boolean(
        "enable-model-warmup",
        default=True,
        help="Replay assets.extra/tf_serving_warmup_requests before a version serves.",
    ),
    _option(
        "num-request-iterations-for-warmup",
        type=click.IntRange(0),
        default=0,
        help="How often each warm-up request runs, if more than once.",
    ),
    _option(
        "tensorflow-intra-op-parallelism",
        type=click.IntRange(0),
        default=0,
        help="TensorFlow's threads inside one operation; 0 leaves it to TensorFlow.",
    ),
    _option(
        "tensorflow-inter-op-parallelism",
        type=click.IntRange(0),
        default=0,
        help="TensorFlow's threads across operations; 0 leaves it to TensorFlow.",
    ),
    _option(
        "inference-threads",
        type=click.IntRange(0),
        default=0,
        help="Requests that run at the same time without batching; 0 takes twice the cores, at least 4.",
    ),
    _option(
        "drain-seconds",
        type=click.FloatRange(0),
        default=30.0,
        help="How long requests under way may take after SIGTERM.",
    ),
    _option(
        "tracing-otlp-endpoint",
        metavar="URL",
        help="OTLP/gRPC collector for OpenTelemetry spans of inference requests, such as http://collector:4317.",
    ),
    _option(
        "tracing-sample-rate",
        type=click.FloatRange(0, 1),
        default=1.0,
        help="Share of requests that are traced, where their traceparent does not decide it.",
    ),
    _option("tracing-service-name", default="darkroom-model-server", help="How the spans name this service."),
    click.option(
        *("--exit-with-parent", "--exit_with_parent"),
        is_flag=True,
        help="End when the process that started this one ends.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Log more, TensorFlow's messages included."),
)


def _with_options(*more: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for option in reversed((*more, *_OPTIONS)):
            function = option(function)
        return function

    return decorate


@click.command("model-server")
@_with_options(
    _option("port", type=_PORT, default=8500, help="gRPC; 0 takes any."),
    _option("rest-api-port", type=_PORT, default=8501, help="REST; 0 takes any."),
    _option(
        "host",
        default="127.0.0.1",
        help="Address to listen on. The protocol has no authentication: 0.0.0.0 lets everybody who reaches it ask.",
    ),
)
def command(**flags: Any) -> None:
    """Serve models over TF Serving's gRPC and REST protocol.

    Prints one line of JSON on stdout once it listens: {"event": "listening", "grpc_port": …, "rest_port": …}. Every
    flag may be written with underscores, as tensorflow_model_server has them.
    """
    _serve(**flags)


@click.command(_EXECUTABLE)
@click.version_option(package_name="darkroom", prog_name=_EXECUTABLE)
@_with_options(
    _option("port", type=_PORT, default=8500, help="gRPC; 0 switches it off."),
    _option("rest-api-port", type=_PORT, default=0, help="REST; 0 switches it off."),
    _option("host", default="0.0.0.0", help="Address to listen on; TF Serving has no such flag."),
)
def tensorflow_model_server(*, port: int, rest_api_port: int, **flags: Any) -> None:
    """Serve models with the flags and the defaults of tensorflow_model_server.

    Unlike `darkroom model-server` it listens on all addresses, and serves REST only if a port is named.
    """
    try:
        _serve(port=port or None, rest_api_port=rest_api_port or None, **flags)
    except DarkroomError as error:
        click.echo(f"{_EXECUTABLE}: {error}", err=True)
        sys.exit(error.exit_code)


def _serve(*, exit_with_parent: bool, verbose: bool, **flags: Any) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("asyncio", "h5py", "tensorflow", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.INFO if verbose else logging.ERROR)
    # 0 shows all of TensorFlow's own messages, 2 errors only; what the user has set stays.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "2")

    import uvloop  # noqa: PLC0415 - `--help` is fast without these

    from serving.model_server.flags import Flags  # noqa: PLC0415 - after the environment is set
    from serving.model_server.server import serve  # noqa: PLC0415

    settings = Flags(**flags).settings()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, on_listening=_announce, exit_with_parent=exit_with_parent))
        # Threads that are still loading a model, or running a request that was cancelled, would keep the process alive
        # for as long as they take; everything that clients could see is done.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _announce(ports: Ports) -> None:
    event = {"event": "listening", "grpc_port": ports.grpc_port, "rest_port": ports.rest_port}
    click.echo(json.dumps(event))
    sys.stdout.flush()

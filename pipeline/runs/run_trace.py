"""A run as an OpenTelemetry trace: a span for it, and one in it for each component.

Spans are made when the run has ended, from the times in ML Metadata: the same way for a run in one process and for one
whose components had a container each.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from darkroom.errors import ConfigurationError
from pipeline.runs.past_run import PastRun
from pipeline.runs.records import NodeRecord, RecordedState

SERVICE = "darkroom-pipeline"

_TIMEOUT_SECONDS = 10.0


def send_trace(run: PastRun, model: str, endpoint: str) -> None:
    """Sends a run that has ended.

    Args:
        run: with its components.
        model: its name.
        endpoint: of a collector that takes OTLP over gRPC, such as `http://collector:4317`.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.
        OSError: the collector cannot be reached, or refuses.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult  # noqa: PLC0415
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "pipeline.otlp_endpoint is set, but OpenTelemetry is not installed; install darkroom[tracing]"
        ) from error
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: SERVICE}), shutdown_on_exit=False)
    # Kept until all are there: then one message, whose answer says whether it arrived.
    kept = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("darkroom.pipeline")
    whole = tracer.start_span(f"run {model}", start_time=_nanoseconds(run.started))
    whole.set_attributes({"darkroom.run_id": run.run_id, "darkroom.model": model, "darkroom.outcome": run.outcome})
    if run.pushed_version is not None:
        whole.set_attribute("darkroom.pushed_version", run.pushed_version)
    inside = trace.set_span_in_context(whole)
    for name, node in run.nodes.items():
        span = tracer.start_span(name, context=inside, start_time=_nanoseconds(node.started))
        span.set_attribute("darkroom.state", node.state.value)
        if node.state is RecordedState.FAILED:
            span.set_status(trace.Status(trace.StatusCode.ERROR))
        span.end(_nanoseconds(_end(node)))
    if run.failed_node is not None:
        whole.set_status(trace.Status(trace.StatusCode.ERROR, run.outcome))
    whole.end(_nanoseconds(run.ended))
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"), timeout=_TIMEOUT_SECONDS)
    try:
        if exporter.export(kept.get_finished_spans()) is not SpanExportResult.SUCCESS:
            raise OSError(f"the collector at {endpoint} did not take the run's trace")
    finally:
        exporter.shutdown()


def _end(node: NodeRecord) -> datetime:
    return node.started + timedelta(seconds=node.seconds)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)

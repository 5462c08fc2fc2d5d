"""For each alert a history that it fires on and one that it must not fire on.

Series are written as promtool's tests write them, a sample a minute. `EVERY` minutes stand between two samples where an
alert looks back over days.
"""

from __future__ import annotations

from dataclasses import dataclass

_GATEWAY = 'namespace="pets", job="gateway", instance="a"'
_MODEL = f'{_GATEWAY}, model="pets", version="3"'
_RUN = 'job="darkroom_run", model="pets"'


@dataclass(frozen=True, slots=True)
class Case:
    """A history of `minutes`, with a sample every `every` of them."""

    alert: str
    fires: dict[str, str]
    quiet: dict[str, str]
    minutes: int = 120
    every: int = 1


def _requests(total: str, failed: str, **labels: str) -> dict[str, str]:
    given = "".join(f', {name}="{value}"' for name, value in labels.items())
    return {
        f"darkroom_gateway_requests_total{{{_GATEWAY}}}": total,
        f'darkroom_gateway_request_errors_total{{{_GATEWAY}, code="UNAVAILABLE"{given}}}': failed,
    }


def _latency(within: str, all_: str) -> dict[str, str]:
    return {
        f'darkroom_gateway_request_seconds_bucket{{{_GATEWAY}, code="OK", le="1.0"}}': within,
        f'darkroom_gateway_request_seconds_count{{{_GATEWAY}, code="OK"}}': all_,
    }


def _arms(name: str, stable: str, canary: str) -> dict[str, str]:
    return {
        f'darkroom_gateway_release_{name}{{{_GATEWAY}, arm="stable"}}': stable,
        f'darkroom_gateway_release_{name}{{{_GATEWAY}, arm="canary"}}': canary,
    }


def _gauge(name: str, values: str, labels: str = _GATEWAY) -> dict[str, str]:
    return {f"darkroom_{name}{{{labels}}}": values}


def _queue(waits: str) -> dict[str, str]:
    name = ":tensorflow:serving:batching_session:queuing_latency_bucket"
    server = 'namespace="pets", job="model-server"'
    return {
        f'{name}{{{server}, le="100000"}}': waits,
        f'{name}{{{server}, le="1000000"}}': "0+60x120",
        f'{name}{{{server}, le="+Inf"}}': "0+60x120",
    }


CASES = (
    Case("DarkroomAvailabilityBurnsFast", _requests("0+100x120", "0+2x120"), _requests("0+100x120", "0+1x120")),
    # The errors have ended: the long window remembers them, the short one does not.
    Case(
        "DarkroomAvailabilityBurnsFast", _requests("0+100x120", "0+2x120"), _requests("0+100x120", "0+4x100 400+0x19")
    ),
    # A body that came too slowly is its sender's fault.
    Case(
        "DarkroomAvailabilityBurnsFast",
        _requests("0+100x120", "0+2x120"),
        _requests("0+100x120", "0+50x120", http_status="408"),
    ),
    Case(
        "DarkroomAvailabilityBurnsSteadily",
        _requests("0+1000x60", "0+7x60"),
        _requests("0+1000x60", "0+5x60"),
        minutes=300,
        every=5,
    ),
    Case(
        "DarkroomAvailabilityBurnsSlowly",
        _requests("0+5000x120", "0+6x120"),
        _requests("0+5000x120", "0+4x120"),
        minutes=600,
        every=5,
    ),
    Case("DarkroomLatencyBurnsFast", _latency("0+80x120", "0+100x120"), _latency("0+90x120", "0+100x120")),
    Case(
        "DarkroomLatencyBurnsSteadily",
        _latency("0+93x60", "0+100x60"),
        _latency("0+95x60", "0+100x60"),
        minutes=300,
        every=5,
    ),
    Case(
        "DarkroomLatencyBurnsSlowly",
        _latency("0+980x120", "0+1000x120"),
        _latency("0+995x120", "0+1000x120"),
        minutes=600,
        every=5,
    ),
    Case(
        "DarkroomNoModelAvailable",
        _gauge("gateway_draining", "0x120")
        | _gauge("gateway_backend_available", "1x60 0x59", f'{_GATEWAY}, backend="x"'),
        _gauge("gateway_draining", "0x120")
        | _gauge("gateway_backend_available", "0x120", f'{_GATEWAY}, backend="x"')
        | _gauge("gateway_backend_available", "1x120", f'{_GATEWAY}, backend="y"'),
    ),
    # The embedded model server is being started again: it has no series. One that drains needs none.
    Case("DarkroomNoModelAvailable", _gauge("gateway_draining", "0x120"), _gauge("gateway_draining", "1x120")),
    Case("DarkroomGatewayAbsent", _gauge("gateway_draining", "0x60"), _gauge("gateway_draining", "0x120")),
    Case(
        "DarkroomModelServerEjected",
        _gauge("gateway_backend_circuit", "0x60 1x30 0.5x29", f'{_GATEWAY}, backend="x"'),
        _gauge("gateway_backend_circuit", "0x60 1 0x59", f'{_GATEWAY}, backend="x"'),
    ),
    Case(
        "DarkroomModelServerRestarts",
        _gauge("gateway_model_server_restarts_total", "0x100 1+1x19"),
        _gauge("gateway_model_server_restarts_total", "0x60 1x59"),
    ),
    Case(
        "DarkroomShedding",
        _gauge("gateway_requests_total", "0+100x120") | _gauge("gateway_shed_requests_total", "0+2x120"),
        _gauge("gateway_requests_total", "0+1000x120") | _gauge("gateway_shed_requests_total", "0+2x120"),
    ),
    Case(
        "DarkroomQueueGrows",
        _gauge("gateway_in_flight_requests", "10x90 30x29"),
        # A quiet service that becomes a little less quiet.
        _gauge("gateway_in_flight_requests", "1x90 4x29"),
    ),
    Case("DarkroomModelServerQueueWaits", _queue("0+30x120"), _queue("0+59x120")),
    Case(
        "DarkroomFilesRefused",
        _gauge("gateway_file_reloads_total", "_x110 1x9", f'{_GATEWAY}, file="certificates", result="failed"'),
        _gauge("gateway_file_reloads_total", "1x120", f'{_GATEWAY}, file="certificates", result="failed"')
        | _gauge("gateway_file_reloads_total", "_x110 1x9", f'{_GATEWAY}, file="certificates", result="ok"'),
    ),
    Case(
        "DarkroomFilesRefused",
        _gauge("gateway_configuration_reloads_total", "1x110 2x9", f'{_GATEWAY}, result="refused"'),
        _gauge("gateway_configuration_reloads_total", "1x110 2x9", f'{_GATEWAY}, result="applied"'),
    ),
    Case(
        "DarkroomCanaryFailsMore",
        _arms("requests_total", "0+100x120", "0+10x120") | _arms("errors_total", "0+1x120", "0+1x120"),
        _arms("requests_total", "0+100x120", "0+10x120") | _arms("errors_total", "0+10x120", "0+1x120"),
    ),
    # Too few requests to judge by.
    Case(
        "DarkroomCanaryFailsMore",
        _arms("requests_total", "0+100x120", "0+10x120") | _arms("errors_total", "0x120", "0+1x120"),
        _arms("requests_total", "0+100x120", "0+1x120") | _arms("errors_total", "0x120", "0+1x120"),
    ),
    Case(
        "DarkroomCanarySlower",
        _arms("requests_total", "0+100x120", "0+10x120")
        | _arms("seconds_count", "0+100x120", "0+10x120")
        | _arms("seconds_sum", "0+10x120", "0+2x120"),
        _arms("requests_total", "0+100x120", "0+10x120")
        | _arms("seconds_count", "0+100x120", "0+10x120")
        | _arms("seconds_sum", "0+10x120", "0+1.4x120"),
    ),
    Case(
        "DarkroomCanaryStopped",
        _gauge("gateway_canary_stopped", "0x60 1x59"),
        _gauge("gateway_canary_stopped", "1x60 0x59"),
    ),
    Case(
        "DarkroomDrift",
        _gauge("gateway_drift_psi", "0.3x120", f'{_MODEL}, feature="brightness"'),
        _gauge("gateway_drift_psi", "0.3x100 0.2x19", f'{_MODEL}, feature="brightness"'),
    ),
    Case(
        "DarkroomConfidenceCollapse",
        _gauge("gateway_confidence_count", "0+50x120", _MODEL)
        | _gauge("gateway_confidence_sum", "0+45x90 4080+30x29", _MODEL),
        _gauge("gateway_confidence_count", "0+50x120", _MODEL)
        | _gauge("gateway_confidence_sum", "0+45x90 4090+40x29", _MODEL),
        minutes=600,
        every=5,
    ),
    Case(
        "DarkroomPredictionLogLosesRequests",
        _gauge("gateway_prediction_log_requests_total", "0x60 1+1x59", f'{_GATEWAY}, outcome="failed"'),
        _gauge("gateway_prediction_log_requests_total", "0+5x120", f'{_GATEWAY}, outcome="written"')
        | _gauge("gateway_prediction_log_requests_total", "7x120", f'{_GATEWAY}, outcome="dropped"'),
    ),
    Case(
        "DarkroomPredictionLogFull",
        _gauge("gateway_prediction_log_bytes", "990x120") | _gauge("gateway_prediction_log_limit_bytes", "1000x120"),
        _gauge("gateway_prediction_log_bytes", "900x120") | _gauge("gateway_prediction_log_limit_bytes", "1000x120"),
    ),
    Case(
        "DarkroomRetrainingLate",
        _gauge("run_finished_timestamp_seconds", "0x30", _RUN),
        _gauge("run_finished_timestamp_seconds", "0x20 75600x9", _RUN),
        minutes=1800,
        every=60,
    ),
    Case(
        "DarkroomRetrainingFailed",
        _gauge("run_failed_in_a_row", "0x60 1x59", _RUN),
        _gauge("run_failed_in_a_row", "1x60 0x59", _RUN),
    ),
    Case(
        "DarkroomNotBlessedInARow",
        _gauge("run_not_blessed_in_a_row", "2x60 3x59", _RUN),
        _gauge("run_not_blessed_in_a_row", "2x120", _RUN),
    ),
    Case(
        "DarkroomModelTooOld",
        _gauge("run_pushed_timestamp_seconds", "0x760", _RUN),
        _gauge("run_pushed_timestamp_seconds", "0x700 2523600x59", _RUN),
        minutes=45600,
        every=60,
    ),
    Case(
        "DarkroomPushgatewayStale",
        {f"push_failure_time_seconds{{{_RUN}}}": "0x100 6060x19"},
        {f"push_failure_time_seconds{{{_RUN}}}": "6060x120"},
    ),
    Case(
        "DarkroomPushgatewayDown",
        {'up{job="prometheus-pushgateway", instance="a"}': "1x60 0x59"},
        # A restart, and something else that is down.
        {'up{job="prometheus-pushgateway", instance="a"}': "1x100 0x9 1x9", 'up{job="gateway", instance="a"}': "0x120"},
    ),
)

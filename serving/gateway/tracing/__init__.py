"""Traces of requests: `spans` is what the gateway's parts use, `open_telemetry` is imported only when switched on."""

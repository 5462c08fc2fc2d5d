"""Traces of inference requests: `spans` is what the core uses, `open_telemetry` is imported only when switched on."""

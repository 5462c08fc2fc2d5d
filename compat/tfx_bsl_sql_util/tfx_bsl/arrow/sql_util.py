"""Stands in for the SQL slicing that tfx-bsl 1.21 dropped and tensorflow-data-validation 1.16 still imports.

The import must succeed in every process that imports TFDV, Beam's workers included, so this is a real module in
site-packages rather than a patch at import time. Slicing by SQL is the one feature that is not there. The package goes
away with the `tensorflow-data-validation` override in pyproject.toml.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa


class RecordBatchSQLSliceQuery:
    """What TFDV constructs when `StatsOptions.slicing_sqls` is given; refuses by name."""

    def __init__(self, sql: str, schema: pa.Schema) -> None:
        raise NotImplementedError(
            f"Slicing statistics by SQL is not available with tfx-bsl 1.21 (got {sql!r}). "
            "Use StatsOptions.experimental_slice_functions or TFDV's slicing_config by feature instead."
        )

    def Execute(self, record_batch: pa.RecordBatch) -> list[list[tuple[str, Any]]]:  # noqa: N802 - tfx-bsl's name
        """Never reached: the constructor refuses."""
        raise NotImplementedError

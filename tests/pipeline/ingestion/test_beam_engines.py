"""Ingestion on engines other than Beam's default: what they write is the same, byte for byte."""

from pathlib import Path

import numpy as np
import pytest
from dask.distributed import LocalCluster, default_client
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from darkroom.configuration.sections import BeamSection
from darkroom.configuration.split_ratios import SplitRatios
from pipeline.beam_arguments import beam_arguments
from pipeline.ingestion.executor import ImageExecutor
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.quarantine import Quarantine
from preprocessing.images import ImageLimits
from tests.pipeline.image_sets import write_bad_files
from tests.preprocessing.made_images import jpeg_bytes

# Worker processes import TensorFlow.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MULTI_PROCESS = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


@pytest.fixture(scope="module")
def ingest(tmp_path_factory):
    """Ingests the same images with other Beam options; gives the content of each file by name."""
    root = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for name in ("0", "1"):
        (root / name).mkdir()
        for number in range(12):
            # Large JPEGs are looked at while they are verified: no worker need trace the decoder.
            pixels = random.integers(0, 255, (256, 256, 3), np.uint8)
            (root / name / f"{number}.jpg").write_bytes(jpeg_bytes(pixels))
    write_bad_files(root / "1")
    options = IngestionOptions(root=str(root), ratios=SplitRatios(), limits=ImageLimits()).model_dump_json()

    def run(**section):
        arguments = beam_arguments(BeamSection(**section))
        target = tmp_path_factory.mktemp("out")
        examples, quarantine = standard_artifacts.Examples(), Quarantine()
        examples.uri, quarantine.uri = str(target / "examples"), str(target / "quarantine")
        context = BaseBeamExecutor.Context(beam_pipeline_args=arguments)
        ImageExecutor(context).Do(
            {}, {"examples": [examples], "quarantine": [quarantine]}, {"ingestion_options": options}
        )
        # A ledger is a zip with the time in it.
        return {
            str(path.relative_to(target)): path.read_bytes()
            for path in sorted(Path(target).rglob("*"))
            if path.is_file() and path.name != "splits.npz"
        }

    return run


@pytest.fixture(scope="module")
def alone(ingest):
    return ingest()


def test_processes_write_what_one_writes(ingest, alone):
    assert len(alone) == 6
    assert ingest(options=MULTI_PROCESS) == alone


def test_dask_writes_what_one_process_writes(ingest, alone):
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        address = f"--dask_client_address={cluster.scheduler_address}"
        found = ingest(runner="apache_beam.runners.dask.dask_runner.DaskRunner", options=(address,))
        # Beam leaves its clients open, one for each of the two pipelines.
        for _ in range(2):
            default_client().close()
    assert found == alone

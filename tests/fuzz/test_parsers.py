"""A short run of the fuzzer in `parsers.py`."""

import subprocess
import sys

import pytest

from tests.fuzz.length import ROOT


def test_no_input_of_a_short_run_breaks_a_parser(tmp_path):
    pytest.importorskip("atheris", reason="needs atheris, which has wheels for Linux: uv sync installs the dev group")
    command = [sys.executable, "-m", "tests.fuzz.parsers", "-runs=20000", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)

    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 20000 runs" in done.stderr

"""checkov on every overlay; what it is not asked is in k8s/checkov.yaml, what a resource is excused from beside it."""

import shutil
import subprocess

import pytest
import yaml

from tests.k8s.kustomize import K8S, NEEDS_KUBECTL, rendered

pytestmark = [
    NEEDS_KUBECTL,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("checkov") is None, reason="checkov is missing: uv tool install checkov"),
]


def test_checkov_finds_nothing(tmp_path):
    for overlay in sorted((K8S / "overlays").iterdir()):
        (tmp_path / f"{overlay.name}.yaml").write_text(yaml.safe_dump_all(rendered(overlay.name)))
    arguments = ["--config-file", str(K8S / "checkov.yaml"), "--directory", str(tmp_path)]
    done = subprocess.run(["checkov", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

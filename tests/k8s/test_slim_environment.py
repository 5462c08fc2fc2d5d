"""What the gateway's image leaves out, its process does without."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy
import PIL

from tests.k8s.kustomize import K8S

SITE_PACKAGES = Path(numpy.__file__).parents[1]

# Imports every module of the gateway, and decodes an image of each format, where importing what is left out fails.
PROBE = """
import fnmatch, importlib, io, pkgutil, runpy, sys

refused = runpy.run_path(sys.argv[1])["UNUSED"]
patterns = [pattern.removesuffix(".*.so") for pattern in refused] + ["pygments", "markdown_it", "pycparser"]

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if any(fnmatch.fnmatchcase(name.replace(".", "/"), pattern) for pattern in patterns):
            raise ModuleNotFoundError(f"the image has no {name}", name=name)

sys.meta_path.insert(0, Refusing())
import serving.gateway, serving.prediction_log
for command in ("api_key", "data", "data_from_requests", "models", "models_versions", "predict", "serve"):
    importlib.import_module(f"darkroom.cli.{command}")
for package in (serving.gateway, serving.prediction_log):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
import jwt, cryptography.x509, cryptography.hazmat.primitives.asymmetric.ec
import opentelemetry.exporter.otlp.proto.grpc.trace_exporter, opentelemetry.sdk.trace.export
from rich.console import Console
from rich.table import Table
Console(file=io.StringIO()).print(Table("a"))
from PIL import Image
from preprocessing.images.inspection import inspect_image
from preprocessing.images.limits import ImageLimits
from preprocessing.images.verification import verify_image
for format in ("JPEG", "PNG", "GIF", "BMP", "WEBP"):
    data = io.BytesIO()
    Image.new("RGB", (400, 300)).save(data, format)
    verify_image(data.getvalue(), inspect_image(data.getvalue(), ImageLimits()))
assert "tensorflow" not in sys.modules
"""


def unused():
    return runpy.run_path(str(K8S / "slim_environment.py"))["UNUSED"]


def test_the_gateway_imports_nothing_that_is_left_out():
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(K8S / "slim_environment.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=K8S.parent,
    )
    assert done.returncode == 0, done.stderr


def test_every_name_that_is_left_out_is_there_to_be_left_out():
    assert PIL.__file__.startswith(str(SITE_PACKAGES))
    places = (SITE_PACKAGES, K8S.parent)
    missing = [pattern for pattern in unused() if not any(list(place.glob(pattern)) for place in places)]
    assert missing == []

"""`darkroom models zoo` prints the table, without TensorFlow."""

import json
import subprocess
import sys

from click.testing import CliRunner

from darkroom.cli.models import command
from pipeline.models.zoo import ARCHITECTURES


def test_the_table_has_a_line_for_each_architecture():
    answer = CliRunner().invoke(command, ["zoo"])
    assert answer.exit_code == 0
    lines = {line.split()[0]: line for line in answer.stdout.splitlines()}
    assert set(ARCHITECTURES) < set(lines)
    assert lines["ResNet50"].split() == ["ResNet50", "23.6", "M", "224", "32", "caffe", "imagenet,", "file"]


def test_json_has_the_exact_numbers():
    facts = json.loads(CliRunner().invoke(command, ["zoo", "--json"]).stdout)
    assert {row["architecture"]: row["parameters"] for row in facts}["VGG16"] == ARCHITECTURES["VGG16"].parameters


def test_listing_does_not_import_tensorflow():
    code = "import sys; import darkroom.cli.models; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The command as a whole: help, lazy imports, exit codes."""

import json
import subprocess
import sys

import pytest

from darkroom.cli import cli
from tests.darkroom.command import ROOT, darkroom

COMMANDS = cli.list_commands(None)


def test_help_lists_every_command():
    answer = darkroom("--help")
    assert answer.returncode == 0
    assert all(f"\n  {name} " in answer.stdout for name in COMMANDS)


def imported_by(*arguments):
    """The modules that are loaded once the command has answered."""
    code = (
        "import sys, json\n"
        "from darkroom.cli import cli\n"
        f"cli.main({list(arguments)!r}, standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]], ids=lambda value: " ".join(value) or "none")
def test_help_imports_nothing_heavy(command):
    loaded = imported_by(*command, "--help")
    assert not loaded & {"tensorflow", "tfx", "apache_beam", "keras", "grpc", "starlette"}


def test_the_groups_help_does_not_even_import_its_commands():
    assert not {name for name in imported_by("--help") if name.startswith("darkroom.cli.")}


def test_an_unknown_command_is_a_usage_error():
    answer = darkroom("rum")
    assert answer.returncode == 2
    assert "No such command 'rum'" in answer.stderr


def test_the_version_is_the_packages():
    from darkroom import __version__

    assert darkroom("--version").stdout.strip().endswith(__version__)


def test_an_error_is_a_message_and_no_traceback(tmp_path):
    answer = darkroom("run", "-c", tmp_path / "nothing.yaml")
    assert answer.returncode == 2
    assert answer.stderr.startswith("darkroom: ")
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""

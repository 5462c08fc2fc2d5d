"""The commands of docs/operations.md: what they name is there, and what can be run here does what the page says."""

import os
import re
import shlex
import subprocess

import click
import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from darkroom.cli import cli
from tests.k8s.kustomize import K8S, NEEDS_KUBECTL, rendered

pytest_plugins = ("tests.pipeline.kubeflow.mariadb",)

ROOT = K8S.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
COMMANDS = [
    line.strip()
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


def starting(*words):
    found = [shlex.split(command) for command in COMMANDS if command.split()[: len(words)] == list(words)]
    assert found, words
    return found


@NEEDS_KUBECTL
def test_every_overlay_that_is_applied_is_there():
    applied = {command[command.index("-k") + 1] for command in starting("kubectl", "apply")}
    assert {path.removeprefix("k8s/overlays/") for path in applied} >= {
        "dev",
        "prod",
        "monitoring",
        "kubeflow",
        "retraining",
    }
    for path in applied:
        assert rendered(path.removeprefix("k8s/overlays/"))


def test_every_image_that_is_built_is_a_target_and_takes_the_arguments():
    dockerfile = (ROOT / "Dockerfile").read_text()
    for command in starting("docker", "build"):
        assert f" AS {command[command.index('--target') + 1]}\n" in dockerfile
    named = {
        argument
        for row in re.findall(r"^ +\| (`[A-Z_`, ]+`) \|", PAGE, re.MULTILINE)
        for argument in re.findall(r"\w+", row)
    }
    assert named == set(re.findall(r"^ARG (\w+)", dockerfile, re.MULTILINE))


def test_every_darkroom_command_takes_its_options():
    context = click.Context(cli)
    for _, name, *rest in starting("darkroom"):
        found = cli.get_command(context, name)
        assert found is not None, name
        found.make_context(name, rest)


@NEEDS_KUBECTL
def test_every_secret_that_is_made_is_one_that_a_pod_mounts_or_reads():
    texts = {overlay: str(rendered(overlay)) for overlay in ("prod", "kubeflow", "retraining")}
    for command in starting("kubectl", "-n"):
        if "secret" in command:
            name = command[command.index("secret") + 2]
            assert any(f"'{name}'" in text for text in texts.values()), name


def _script(program):
    """What `kubectl exec` has the database's pod run."""
    [found] = [
        command[-1] if command[-2] == "-c" else None for command in _execs() if f"{program} " in " ".join(command)
    ]
    return found


def _execs():
    for command in COMMANDS:
        if "exec" in command.split():
            yield shlex.split(re.split(r" [<>] ", command)[0])


@pytest.mark.slow
def test_the_records_of_runs_come_back_from_their_dump(mariadb, tmp_path):
    # The programs find the server where they look for it in the pod.
    (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={mariadb.socket}\n")
    environment = os.environ | {"HOME": str(tmp_path), "MARIADB_PASSWORD": mariadb.password}

    def in_pod(script, given=b""):
        done = subprocess.run(["sh", "-c", script], input=given, capture_output=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def store():
        connection = metadata_store_pb2.ConnectionConfig()
        connection.mysql.host, connection.mysql.port = "127.0.0.1", mariadb.port
        connection.mysql.database, connection.mysql.user = mariadb.name, mariadb.user
        connection.mysql.password = mariadb.password
        return metadata_store.MetadataStore(connection)

    first = store()
    kind = first.put_context_type(metadata_store_pb2.ContextType(name="run"))
    first.put_contexts([metadata_store_pb2.Context(type_id=kind, name="before")])
    dump = in_pod(_script("mariadb-dump"))
    first.put_contexts([metadata_store_pb2.Context(type_id=kind, name="after")])
    mariadb.run(f"drop database {mariadb.name}; create database {mariadb.name};")

    in_pod(_script("mariadb"), dump)

    assert [context.name for context in store().get_contexts()] == ["before"]

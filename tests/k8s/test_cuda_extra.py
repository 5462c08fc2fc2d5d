"""The extra that the pipeline's image takes for NVIDIA GPUs."""

import tomllib
from importlib import metadata

from packaging.requirements import Requirement

from tests.k8s.kustomize import K8S


def test_it_is_what_tensorflow_names_for_cuda():
    project = tomllib.loads((K8S.parent / "pyproject.toml").read_text())["project"]
    ours = [Requirement(line) for line in project["optional-dependencies"]["cuda"]]
    theirs = [
        requirement
        for requirement in map(Requirement, metadata.requires("tensorflow"))
        if requirement.marker is not None
        and requirement.marker.evaluate({"extra": "and-cuda"})
        and not requirement.marker.evaluate({"extra": ""})
    ]
    assert {one.name: one.specifier for one in ours} == {one.name: one.specifier for one in theirs}
    assert {str(one.marker) for one in ours} == {'sys_platform == "linux"'}

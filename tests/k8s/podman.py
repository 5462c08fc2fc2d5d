"""podman with storage of its own, and an image that holds nothing: this machine's programs and checkout are mounted.

So the manifests are played as they are (user, read-only root, no capabilities, volumes, configuration) without an image
being built, which would take a base image that no test may download. k8s/try_images.sh tries the image.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]

# What the processes inside need of this machine, each at its own path.
MOUNTED = tuple(dict.fromkeys(("/usr", sys.base_prefix, sys.prefix, str(CHECKOUT))))

_FOLDERS = ("usr", "etc", "proc", "sys", "dev", "run", "tmp", "var", "models", "etc/darkroom")
_LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
_PASSWD = b"root:x:0:0::/:/bin/sh\ndarkroom:x:10001:10001::/tmp:/bin/sh\n"


class PodmanFailedError(Exception):
    """What podman printed."""


class Podman:
    """The command, away from the machine's own containers."""

    def __init__(self, folder: Path) -> None:
        """Storage goes under `folder`."""
        # Copies of an empty image cost nothing, and unlike overlays leave nothing mounted.
        places = ("--root", str(folder / "storage"), "--runroot", str(folder / "run"))
        self._storage = (*places, "--storage-driver", "vfs")
        settings = '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        # Where both hierarchies of control groups are mounted, crun refuses and runc works.
        if shutil.which("runc"):
            settings += 'runtime = "runc"\n'
        # Podman would raise the limits, which a machine that is a container itself may forbid.
        settings += '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\nlog_driver = "k8s-file"\n'
        (folder / "containers.conf").write_text(settings)
        self._environment = os.environ | {"CONTAINERS_CONF": str(folder / "containers.conf")}

    def __call__(self, *arguments: str, given: bytes | None = None) -> str:
        """What it prints.

        Raises:
            PodmanFailedError: it failed.
        """
        done = subprocess.run(
            ("podman", *self._storage, *arguments), input=given, capture_output=True, check=False, env=self._environment
        )
        if done.returncode:
            raise PodmanFailedError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode().strip()

    def inspect(self, container: str) -> dict[str, Any]:
        """What it knows of a container."""
        [found] = json.loads(self("container", "inspect", container))
        return dict(found)

    def make_image(self, name: str) -> None:
        """An image that runs this checkout, by the programs that are mounted."""
        path = f"ENV PATH={sys.prefix}/bin:/usr/bin:/bin"
        self("import", "--quiet", "--change", path, "--change", "ENV HOME=/tmp", "-", name, given=_root())

    def problem(self, image: str) -> str | None:
        """Why containers can't run here; None where they can."""
        try:
            self("run", "--rm", "--volume", "/usr:/usr:ro", image, "/usr/bin/true")
        except PodmanFailedError as error:
            return str(error).splitlines()[-1]
        return None


def _root() -> bytes:
    """An empty root file system, as tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        paths = [Path(folder) for folder in (*_FOLDERS, *(path.lstrip("/") for path in MOUNTED))]
        for folder in sorted({*paths, *(parent for path in paths for parent in path.parents[:-1])}):
            entry = tarfile.TarInfo(str(folder))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder.name == "tmp" else 0o755
            archive.addfile(entry)
        for name, target in _LINKS.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
        entry = tarfile.TarInfo("etc/passwd")
        entry.size, entry.mode = len(_PASSWD), 0o644
        archive.addfile(entry, io.BytesIO(_PASSWD))
    return buffer.getvalue()

"""Takes out of an environment what the gateway's process never imports: the Dockerfile's gateway target runs it.

    python k8s/slim_environment.py SITE_PACKAGES

What goes is named here, with the reason; nothing is guessed. tests/k8s/test_slim_environment.py starts the gateway's
modules with these names refused, and k8s/try_images.sh asks the finished image about an image of each format.
Needs `strip` (binutils).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Globs below site-packages.
UNUSED = (
    # Trains, and needs TensorFlow: the image `pipeline` has it. `darkroom models` reads pipeline/models/zoo.py.
    "pipeline/[!_m]*",
    # numpy's own tests, what builds extension modules, and fields of mathematics that requests don't meet.
    "numpy/_core/_multiarray_tests.*.so",
    "numpy/_core/_operand_flag_tests.*.so",
    "numpy/_core/_rational_tests.*.so",
    "numpy/_core/_simd.*.so",
    "numpy/_core/_struct_ufunc_tests.*.so",
    "numpy/_core/_umath_tests.*.so",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/fft",
    "numpy/ma",
    "numpy/polynomial",
    "numpy/random",
    "numpy/testing",
    # Formats that Darkroom refuses, fonts, and colour profiles, which it does not apply.
    "PIL/_avif.*.so",
    "PIL/_imagingcms.*.so",
    "PIL/_imagingft.*.so",
    "pillow.libs/libavif-*",
    "pillow.libs/libfreetype-*",
    "pillow.libs/libharfbuzz-*",
    "pillow.libs/liblcms2-*",
    # The interface of pydantic 1, for those who have not moved.
    "pydantic/v1",
    # Builds extension modules; cryptography runs on _cffi_backend, which stays.
    "cffi",
    # Messages of Google's services; the exporter of traces takes google/rpc.
    "google/api",
    "google/type",
)
# Anywhere: what compilers, type checkers and tests read.
FOR_DEVELOPERS = ("*.a", "*.c", "*.cpp", "*.h", "*.pxd", "*.pyi", "*.pyx", "tests")


def _unwanted(site_packages: Path) -> Iterator[Path]:
    for pattern in UNUSED:
        found = list(site_packages.glob(pattern))
        if not found:
            raise SystemExit(f"{site_packages} has no {pattern}: take it off the list in {__file__}")
        yield from found
    for pattern in FOR_DEVELOPERS:
        yield from site_packages.rglob(pattern)


def main() -> None:
    """Removes, then strips the extension modules of their symbols."""
    site_packages = Path(sys.argv[1])
    for path in list(_unwanted(site_packages)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    # Not the shared libraries in *.libs: auditwheel has moved their sections, and strip breaks OpenBLAS.
    modules = [path for path in site_packages.rglob("*.so") if not path.parent.name.endswith(".libs")]
    subprocess.run(["strip", "--strip-unneeded", *map(str, modules)], check=True)


if __name__ == "__main__":
    main()

"""Names as Kubernetes wants them."""

from __future__ import annotations

import re


def kebab_case(name: str) -> str:
    """`ImageExampleGen` as `image-example-gen`, `My_pets.v2` as `my-pets-v2`: Kubernetes' names have no capitals."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()).strip("-")

"""`data.arrays`: images and labels as NumPy arrays."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from darkroom.configuration.section import Section


class ArrayPair(Section):
    """Images and their labels, in two arrays of the same length."""

    images: str = Field(
        description="A .npy file, or an array in a .npz: `digits.npz:x_train`. `[N, H, W]` or `[N, H, W, C]` of uint8, "
        "where C is 1, 3 or 4."
    )
    labels: str = Field(
        description="The same for `[N]` labels: integers (their place in `data.classes`, or names of their own without "
        "them), or texts; a regression's numbers."
    )
    split: Literal["train", "eval", "test"] | None = Field(
        default=None, description="Where all of them belong; when not given, they are split as `splits` says."
    )

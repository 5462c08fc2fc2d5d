"""`training.augmentation:` how training images are varied."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.configuration.section import Section

Share = Annotated[float, Field(ge=0, le=1)]


class RandAugmentSection(Section):
    """RandAugment (Cubuk et al. 2019): for each image, `operations` chosen at random, all of one strength."""

    operations: Annotated[int, Field(ge=1, le=8)] = Field(default=2, description="How many for each image.")
    magnitude: Annotated[float, Field(gt=0, le=1)] = Field(default=0.3, description="Their strength.")


class AugmentationSection(Section):
    """Random changes to the training images, drawn anew for every image in every epoch; zero leaves a change out.

    Shares are of the image's side for `zoom` and `translation`, of the grey levels' range for the colours.
    """

    flip: Literal["none", "horizontal", "vertical", "both"] = Field(default="none", description="Mirror half of them.")
    rotation: Annotated[float, Field(ge=0, le=180)] = Field(default=0.0, description="By up to this many degrees.")
    zoom: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, description="In or out by up to this share.")
    translation: Share = Field(default=0.0, description="Along both axes by up to this share.")
    fill: Literal["pad", "nearest", "reflect", "wrap"] = Field(
        default="pad",
        description="What shows where the image was moved away: `pad` is `preprocessing.pad_value`.",
    )
    brightness: Share = Field(default=0.0, description="Lighter or darker by up to this share.")
    contrast: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, description="Up or down by up to this share.")
    hue: Share = Field(default=0.0, description="Turned by up to this share of half the colour circle; colour only.")
    erasing: Share = Field(default=0.0, description="Probability that a rectangle is replaced by noise.")
    erasing_area: tuple[Share, Share] = Field(
        default=(0.02, 0.33), description="Least and greatest share of the image that the rectangle covers."
    )
    rand_augment: RandAugmentSection | None = Field(
        default=None, description="RandAugment; null leaves it out, `{}` switches it on."
    )
    mixup: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.0, description="MixUp: blends pairs of images and their labels with a share drawn from Beta(a, a)."
    )
    cutmix: Share = Field(
        default=0.0,
        description="CutMix: pastes a rectangle of another image, its area drawn from Beta(a, a), and mixes the "
        "labels. With MixUp too, each batch gets one of them.",
    )
    n_augmentation: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="Differently augmented copies of each image in a batch. The batch keeps its size, so an epoch has "
        "this many times as many steps.",
    )

    @model_validator(mode="after")
    def _areas_in_order(self) -> Self:
        if self.erasing_area[0] > self.erasing_area[1]:
            raise ValueError(f"erasing_area {list(self.erasing_area)} must give the least share first")
        return self

    @property
    def mixes_labels(self) -> bool:
        """Whether an image may come to have more than one label."""
        return self.mixup > 0 or self.cutmix > 0

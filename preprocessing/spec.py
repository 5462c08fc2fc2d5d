"""What preprocessing does to an image, as one frozen, serialisable value."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ResizeMode = Literal["pad", "stretch", "center_crop"]
ShrinkMethod = Literal["area", "bilinear", "lanczos3", "nearest"]
EnlargeMethod = Literal["cubic", "bilinear", "lanczos3", "nearest"]
Scaling = Literal["none", "normalize", "symmetric", "standardize", "caffe", "torch"]
Level = Annotated[int, Field(ge=0, le=255)]

# A model input larger than this is a typing error far more often than a wish, and 4096 x 4096 x 3 float32 is 200 MB
# for each image of a batch.
MAX_MODEL_SIDE = 4096


class PreprocessingSpec(BaseModel):
    """The steps from encoded image bytes to the pixels a model sees.

    Frozen and round-trips through JSON. Together with `ChannelStatistics` it defines the graph
    `image_bytes [N] string -> pixels [N, height, width, channels] float32` and that graph's version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._]{1,32}$")] = Field(
        default="1",
        description="Your own name for this recipe: the part before the dash in the preprocessing version.",
    )
    height: Annotated[int, Field(ge=1, le=MAX_MODEL_SIDE)] = Field(
        default=224, description="Height of the model's input, in pixels."
    )
    width: Annotated[int, Field(ge=1, le=MAX_MODEL_SIDE)] = Field(
        default=224, description="Width of the model's input, in pixels."
    )
    channels: Literal[1, 3] = Field(
        default=3, description="3 feeds the model RGB, 1 feeds it greyscale (ITU-R BT.601 luma)."
    )
    mode: ResizeMode = Field(
        default="pad",
        description="How the aspect ratio is treated: `pad` keeps all of the image and fills the rest with "
        "`pad_value`, `center_crop` keeps the aspect ratio and cuts the longer side, `stretch` distorts.",
    )
    pad_value: Level = Field(default=0, description="Grey level (0..255) of the padding, in every channel.")
    background: tuple[Level, Level, Level] = Field(
        default=(255, 255, 255),
        description="RGB colour (0..255) under transparent pixels.",
    )
    shrink: ShrinkMethod = Field(
        default="area", description="Interpolation along a side that gets shorter; all but `nearest` are antialiased."
    )
    enlarge: EnlargeMethod = Field(default="cubic", description="Interpolation along a side that gets longer.")
    scaling: Scaling = Field(
        default="standardize",
        description="What happens to the levels 0..255: `none`; `normalize` to 0..1; `symmetric` to -1..1; "
        "`standardize` with the mean and standard deviation of each channel over the training split; `caffe` and "
        "`torch` with those of ImageNet, as networks pretrained in these ways want them: `caffe` takes the mean off "
        "and turns RGB to BGR, `torch` also divides by the deviation. Pretrained weights choose it if none is given.",
    )

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, value: object) -> object:
        # YAML reads `version: 2` as an integer; both spellings mean the same recipe.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @property
    def pixel_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of one preprocessed image."""
        return (self.height, self.width, self.channels)

    @property
    def needs_statistics(self) -> bool:
        """Whether the graph can only be built with `ChannelStatistics`."""
        return self.scaling == "standardize"

    @model_validator(mode="after")
    def _imagenet_has_three_channels(self) -> Self:
        if self.scaling in ("caffe", "torch") and self.channels != 3:
            raise ValueError(f"scaling {self.scaling} is defined for RGB, but channels is {self.channels}; set it to 3")
        return self

    @model_validator(mode="after")
    def _background_is_grey_for_one_channel(self) -> Self:
        if self.channels == 1 and len(set(self.background)) != 1:
            raise ValueError(
                f"background {list(self.background)} is a colour, but channels is 1; give three equal levels"
            )
        return self

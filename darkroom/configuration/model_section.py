"""`model:` the network and the weights it starts from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from darkroom.configuration.section import Section
from preprocessing.spec import Scaling

Activation = Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh"]
Initializer = Literal["auto", "he_normal", "he_uniform", "glorot_normal", "glorot_uniform"]
Pooling = Literal["avg", "max", "flatten"]

WEIGHTS_FILE_ENDINGS = (".weights.h5", ".h5", ".keras")
REPOSITORY_PREFIX = "repository:"
DOMAIN_PREFIX = "domain:"
IMAGENET = "imagenet"

_MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"


class SmallCnnSection(Section):
    """The shape of the small convolutional network, for `architecture: small_cnn`."""

    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(32, 64, 128),
        min_length=1,
        max_length=8,
        description="Filters of each block; a block is convolutions with batch norm and activation, then max pooling.",
    )
    blocks: Annotated[int, Field(ge=1, le=8)] | None = Field(
        default=None,
        description="How many blocks, where that shall differ from the length of `filters`: fewer leave out the last "
        "ones, more double the last one's filters each.",
    )
    convolutions: Annotated[int, Field(ge=1, le=4)] = Field(default=2, description="Convolutions in each block.")
    kernel_size: Annotated[int, Field(ge=1, le=11)] = Field(default=3, description="Side of the convolutions' kernels.")
    activation: Activation = Field(default="relu", description="After each convolution and the dense layer.")
    batch_norm: bool = Field(default=True, description="Whether batch norm follows each convolution.")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Share of feature maps dropped after each block."
    )
    dense_units: Annotated[int, Field(ge=0)] = Field(
        default=128, description="Width of the dense layer before the output; 0 leaves it out."
    )

    @property
    def block_filters(self) -> tuple[int, ...]:
        """Filters of each block, `blocks` taken into account."""
        count = self.blocks or len(self.filters)
        added = [self.filters[-1] * 2 ** (extra + 1) for extra in range(count - len(self.filters))]
        return (*self.filters[:count], *added)


class ModelSection(Section):
    """What is trained and under which name it is served."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")] = Field(
        default="model", description="The model's name in the repository and in every request."
    )
    architecture: str = Field(
        default="small_cnn",
        description="`small_cnn`, or the name of any model in keras.applications, such as `MobileNetV2`, `ResNet50` or "
        "`EfficientNetV2B0`, or `ResNeXt50`, `ResNeXt101`. `darkroom models zoo` lists them.",
    )
    small_cnn: SmallCnnSection = Field(default_factory=SmallCnnSection, description="Options of the small CNN.")
    weights: str | None = Field(
        default=None,
        description="What the network below its head starts from: null draws it at random; `imagenet` downloads what "
        "keras.applications offers; a file (`.weights.h5`, `.h5`, `.keras`); `repository:<model>[/<version>]`, another "
        "model of the repository, its newest version if none is given; `domain:<path>`, a base saved earlier.",
    )
    weights_scaling: Scaling | None = Field(
        default=None,
        description="Pixel scaling that the weights of a file were trained with, where the file does not say it; null "
        "means that of the architecture's ImageNet weights.",
    )
    pooling: Pooling = Field(
        default="avg", description="From feature maps to one vector: global average, global maximum, or all of them."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.3, description="Dropout before the output layer, as a share of units."
    )
    initializer: Initializer = Field(
        default="auto",
        description="How kernels are drawn: `auto` is He-normal for networks with ReLU, else what the architecture's "
        "authors chose.",
    )
    module: Annotated[str, Field(pattern=_MODULE)] | None = Field(
        default=None,
        description="A Python module of your own, importable or beside darkroom.yaml, with any of `build_model`, "
        "`compile_model`, `augment`, `random_transform`, `callbacks` (docs/training.md).",
    )

    @field_validator("weights")
    @classmethod
    def _weights_are_of_a_known_kind(cls, weights: str | None) -> str | None:
        if weights is None or weights == IMAGENET:
            return weights
        for prefix in (REPOSITORY_PREFIX, DOMAIN_PREFIX):
            if weights.startswith(prefix):
                if not weights.removeprefix(prefix):
                    raise ValueError(f"{weights} names nothing after the colon")
                return weights
        if not weights.endswith(WEIGHTS_FILE_ENDINGS):
            raise ValueError(
                f"must be imagenet, a file ending in {', '.join(WEIGHTS_FILE_ENDINGS)}, "
                "repository:<model>[/<version>] or domain:<path>"
            )
        return weights

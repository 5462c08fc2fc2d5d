"""Which architectures there are, and what is known of each; data alone, so that listing them builds nothing.

The numbers were read off Keras's models; tests/pipeline/models/test_zoo.py builds them and compares.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from darkroom.errors import ConfigurationError
from preprocessing.spec import Scaling

SMALL_CNN = "small_cnn"


@dataclass(frozen=True, slots=True)
class Family:
    """What architectures of one paper share.

    Attributes:
        scaling: the pixel scaling that its pretrained weights were trained with; None when it has none of its own.
        rescales_inside: whether a layer of the network itself scales the pixels, so that it wants `scaling` always.
        relu: whether its activations are ReLUs, for which He-normal kernels were derived.
        stages: a regular expression that a layer's name starts with, whose captured part names the convolutional group.
        keras: whether keras.applications has it, with ImageNet weights.
    """

    scaling: Scaling | None
    stages: str
    relu: bool = True
    rescales_inside: bool = False
    keras: bool = True


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network by name.

    Attributes:
        name: as `model.architecture` has it.
        parameters: of the network below its head, for three channels.
        input_size: side of the images it was designed for, in pixels.
        smallest_input: least side that it takes.
        family: what it shares with its kin.
    """

    name: str
    parameters: int
    input_size: int
    smallest_input: int
    family: Family


_SMALL_CNN = Family(None, r"block(\d)", keras=False)
_XCEPTION = Family("symmetric", r"block(\d+)_")
_VGG = Family("caffe", r"block(\d)_")
_RESNET = Family("caffe", r"(?:conv|pool)(\d)_")
_RESNET_V2 = Family("symmetric", r"(?:conv|pool)(\d)_")
_RESNEXT = Family("torch", r"(?:conv|pool)(\d)_", keras=False)
_INCEPTION = Family("symmetric", r"mixed(\d+)$")
_INCEPTION_RESNET = Family("symmetric", r"(mixed_\d[ab]|block35|block17|block8|conv_7b)")
_MOBILENET = Family("symmetric", r"(?:(conv1)|conv_[dp]w_(\d+))")
_MOBILENET_V2 = Family("symmetric", r"(?:(Conv1)|(expanded_conv)_|(block_\d+)_|(Conv_1))")
_MOBILENET_V3 = Family(
    "none", r"(?:(conv)(?:_bn)?$|(expanded_conv(?:_\d+)?)_|(conv_1))", relu=False, rescales_inside=True
)
_DENSENET = Family("torch", r"(?:conv|pool)(\d)")
_NASNET = Family("symmetric", r"((?:normal|reduction)_concat_\w+)$")
_EFFICIENTNET = Family("none", r"(stem|block\d|top)", relu=False, rescales_inside=True)
_CONVNEXT = Family("none", r".*(stem|stage_\d)", relu=False, rescales_inside=True)

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        # Any size and, by default, three blocks; the count is that of the default configuration.
        Architecture(SMALL_CNN, 288_352, 32, 1, _SMALL_CNN),
        Architecture("Xception", 20_861_480, 299, 71, _XCEPTION),
        Architecture("VGG16", 14_714_688, 224, 32, _VGG),
        Architecture("VGG19", 20_024_384, 224, 32, _VGG),
        Architecture("ResNet50", 23_587_712, 224, 32, _RESNET),
        Architecture("ResNet101", 42_658_176, 224, 32, _RESNET),
        Architecture("ResNet152", 58_370_944, 224, 32, _RESNET),
        Architecture("ResNet50V2", 23_564_800, 224, 32, _RESNET_V2),
        Architecture("ResNet101V2", 42_626_560, 224, 32, _RESNET_V2),
        Architecture("ResNet152V2", 58_331_648, 224, 32, _RESNET_V2),
        Architecture("ResNeXt50", 23_048_128, 224, 32, _RESNEXT),
        Architecture("ResNeXt101", 42_266_560, 224, 32, _RESNEXT),
        Architecture("InceptionV3", 21_802_784, 299, 75, _INCEPTION),
        Architecture("InceptionResNetV2", 54_336_736, 299, 75, _INCEPTION_RESNET),
        Architecture("MobileNet", 3_228_864, 224, 32, _MOBILENET),
        Architecture("MobileNetV2", 2_257_984, 224, 32, _MOBILENET_V2),
        Architecture("MobileNetV3Small", 939_120, 224, 32, _MOBILENET_V3),
        Architecture("MobileNetV3Large", 2_996_352, 224, 32, _MOBILENET_V3),
        Architecture("DenseNet121", 7_037_504, 224, 32, _DENSENET),
        Architecture("DenseNet169", 12_642_880, 224, 32, _DENSENET),
        Architecture("DenseNet201", 18_321_984, 224, 32, _DENSENET),
        Architecture("NASNetMobile", 4_269_716, 224, 32, _NASNET),
        Architecture("NASNetLarge", 84_916_818, 331, 32, _NASNET),
        Architecture("EfficientNetB0", 4_049_571, 224, 32, _EFFICIENTNET),
        Architecture("EfficientNetB1", 6_575_239, 240, 32, _EFFICIENTNET),
        Architecture("EfficientNetB2", 7_768_569, 260, 32, _EFFICIENTNET),
        Architecture("EfficientNetB3", 10_783_535, 300, 32, _EFFICIENTNET),
        Architecture("EfficientNetB4", 17_673_823, 380, 32, _EFFICIENTNET),
        Architecture("EfficientNetB5", 28_513_527, 456, 32, _EFFICIENTNET),
        Architecture("EfficientNetB6", 40_960_143, 528, 32, _EFFICIENTNET),
        Architecture("EfficientNetB7", 64_097_687, 600, 32, _EFFICIENTNET),
        Architecture("EfficientNetV2B0", 5_919_312, 224, 32, _EFFICIENTNET),
        Architecture("EfficientNetV2B1", 6_931_124, 240, 32, _EFFICIENTNET),
        Architecture("EfficientNetV2B2", 8_769_374, 260, 32, _EFFICIENTNET),
        Architecture("EfficientNetV2B3", 12_930_622, 300, 32, _EFFICIENTNET),
        Architecture("EfficientNetV2S", 20_331_360, 384, 32, _EFFICIENTNET),
        Architecture("EfficientNetV2M", 53_150_388, 480, 32, _EFFICIENTNET),
        Architecture("EfficientNetV2L", 117_746_848, 480, 32, _EFFICIENTNET),
        Architecture("ConvNeXtTiny", 27_820_128, 224, 32, _CONVNEXT),
        Architecture("ConvNeXtSmall", 49_454_688, 224, 32, _CONVNEXT),
        Architecture("ConvNeXtBase", 87_566_464, 224, 32, _CONVNEXT),
        Architecture("ConvNeXtLarge", 196_230_336, 224, 32, _CONVNEXT),
        Architecture("ConvNeXtXLarge", 348_147_968, 224, 32, _CONVNEXT),
    )
}


def architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        ConfigurationError: there is none; the message names the nearest.
    """
    if name not in ARCHITECTURES:
        near = difflib.get_close_matches(name, ARCHITECTURES, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ConfigurationError(
            f"model.architecture: there is no {name!r}.{hint} 'darkroom models zoo' lists what there is."
        )
    return ARCHITECTURES[name]

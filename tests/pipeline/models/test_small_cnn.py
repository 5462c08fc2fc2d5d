import keras
import pytest

from darkroom.configuration.model_section import SmallCnnSection
from pipeline.models.small_cnn import small_cnn


def layers(**options):
    return {layer.name: layer for layer in small_cnn((16, 16, 3), SmallCnnSection(**options)).layers}


def test_every_part_is_configuration():
    found = layers(filters=(4, 8), convolutions=1, kernel_size=5, activation="gelu", batch_norm=False, dropout=0.2)
    assert found["block2_conv1"].kernel.shape == (5, 5, 4, 8)
    assert found["block2_conv1"].use_bias
    assert found["block1_activation1"].activation is keras.activations.gelu
    assert found["block1_dropout"].rate == 0.2
    assert not {"block1_norm1", "block1_conv2", "block3_conv1"} & set(found)


@pytest.mark.parametrize(("blocks", "filters"), [(None, (4, 6)), (1, (4,)), (4, (4, 6, 12, 24))])
def test_blocks_shorten_or_lengthen_the_list_of_filters(blocks, filters):
    assert SmallCnnSection(filters=(4, 6), blocks=blocks).block_filters == filters

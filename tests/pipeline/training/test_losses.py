import keras
import pytest

from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.training.label_form import Encoding
from pipeline.training.losses import build_loss, class_weight_vector, wanted_encoding


def loss_of(task, units, activation, **options):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation)])
    loss = build_loss(task, TrainingSection.model_validate(options), model)
    model.compile(loss=loss)
    return loss, model


@pytest.mark.parametrize(
    ("task", "layer", "options", "kind", "encoding"),
    [
        (Task.MULTICLASS, (3, "softmax"), {}, "SparseCategoricalCrossentropy", Encoding.IDS),
        (Task.MULTICLASS, (3, "softmax"), {"label_smoothing": 0.1}, "CategoricalCrossentropy", Encoding.ONE_HOT),
        (Task.MULTICLASS, (3, None), {"augmentation": {"mixup": 0.2}}, "CategoricalCrossentropy", Encoding.ONE_HOT),
        (Task.BINARY, (1, "sigmoid"), {"label_smoothing": 0.1}, "BinaryCrossentropy", Encoding.COLUMN),
        (Task.BINARY, (2, "softmax"), {}, "SparseCategoricalCrossentropy", Encoding.IDS),
        (Task.REGRESSION, (1, None), {}, "StandardizedSquaredError", Encoding.COLUMN),
    ],
)
def test_the_loss_fits_task_output_and_labels(task, layer, options, kind, encoding):
    loss, model = loss_of(task, *layer, **options)
    assert type(loss).__name__ == kind
    assert wanted_encoding(model) is encoding
    assert getattr(loss, "from_logits", False) == (layer[1] is None and task is not Task.REGRESSION)
    assert getattr(loss, "label_smoothing", 0.0) == options.get("label_smoothing", 0.0)


def test_balanced_weights_make_classes_count_the_same():
    assert class_weight_vector("balanced", ("a", "b"), {"a": 30, "b": 10}) == (40 / 60, 2.0)
    assert class_weight_vector(None, ("a", "b"), {}) is None


def test_weights_by_name():
    assert class_weight_vector({"b": 3.0}, ("a", "b"), {}) == (1.0, 3.0)
    with pytest.raises(ConfigurationError, match=r"there is no class 'bicycel'. Did you mean 'bicycle'\?"):
        class_weight_vector({"bicycel": 2}, ("bicycle", "car"), {})

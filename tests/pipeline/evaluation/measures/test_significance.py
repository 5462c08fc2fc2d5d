import numpy as np
import pytest

from pipeline.evaluation.measures.answers import ClassAnswers
from pipeline.evaluation.measures.significance import mcnemar, paired_bootstrap


def answers(right):
    right = np.array(right, np.float32)
    return ClassAnswers(np.zeros(len(right), int), np.stack([right, 1 - right], axis=1))


def test_mcnemars_exact_test_looks_at_images_that_one_model_gets_right_alone():
    # Five lost, one won: 2 * (C(6,0) + C(6,1)) / 2**6.
    candidate = answers([0, 0, 0, 0, 0, 1, *[1] * 50])
    baseline = answers([1, 1, 1, 1, 1, 0, *[1] * 50])
    assert mcnemar(candidate, baseline) == pytest.approx(2 * 7 / 64)
    assert mcnemar(candidate, candidate) == 1.0


def test_a_bootstrap_tells_a_difference_from_noise():
    random = np.random.default_rng(0)
    noise = random.normal(0, 1, 500)
    assert paired_bootstrap(noise, random.normal(0, 1, 500)) > 0.2
    assert paired_bootstrap(noise + 100, noise) == pytest.approx(2 / 501)
    assert paired_bootstrap(np.full(3, np.nan), noise[:3]) is None

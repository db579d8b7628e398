"""The divergence of two models' logits is that of their distributions, whatever constant is added to them."""

import math

import numpy as np
import pytest

from slmworks.model_tasks.text_generation.divergence import mean_divergence


def test_it_is_the_mean_over_all_places() -> None:
    said = np.log(np.array([[0.5, 0.5], [0.9, 0.1]], dtype=np.float32))
    other = np.log(np.array([[0.25, 0.75], [0.9, 0.1]], dtype=np.float32)) + 7
    first = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert mean_divergence([(said, other)]) == pytest.approx(first / 2, abs=1e-6)


def test_models_that_say_what_no_number_is_are_not_close() -> None:
    said = np.zeros((1, 2), dtype=np.float32)
    assert math.isnan(mean_divergence([(said, np.full((1, 2), np.nan, dtype=np.float32))]))
    assert math.isnan(mean_divergence([]))

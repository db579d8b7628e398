"""The size of a batch is what the machine is fastest with."""

import time

import pytest

from slmworks.contract.catalog import model_task
from slmworks_serve.batch_size import paced
from slmworks_serve.model import Loaded, Served

SERVED = Served(name="reviews", version=1, model_digest="a" * 64, wrapper_digest="b" * 64)


class Computer:
    """Takes four milliseconds a call and then, beyond what its cache holds, ever longer a text."""

    def __init__(self, fits):
        self.fits = fits

    def answer(self, rows):
        time.sleep(0.004 + len(rows) * (0.0005 if len(rows) <= self.fits else 0.003))
        return [{}] * len(rows)


@pytest.mark.parametrize(
    ("fits", "most", "batch"), [(4, 32, 4), (64, 32, 32), (64, 8, 8), (4, 1, 1), (8, 12, 8)]
)
def test_a_batch_is_as_large_as_it_pays(fits, most, batch):
    assert paced(Loaded(SERVED, model_task("text-classification"), Computer(fits)), most).batch == batch

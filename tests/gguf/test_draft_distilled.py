"""A draft that was distilled: what it is worth is known from training, and its guesses hold."""

import pytest
from orders import orders
from toys import exported, toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import inputs_of
from slmworks.model_tasks.text_generation.task import TextGeneration
from slmworks.testing import Bench, sealed
from slmworks_gguf.quantize import QuantizeGguf
from slmworks_gguf.runtime import GgufRuntime
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.causal.token_kd import TokenKD

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("line"))


@pytest.fixture(scope="module")
def data(bench: Bench) -> Dataset:
    return orders(bench.folder / "orders")


@pytest.fixture(scope="module")
def tuned(bench: Bench, data: Dataset) -> Model:
    base = toy(bench.folder / "base", num_hidden_layers=4, initializer_range=0.1)
    plugin = SupervisedFinetune(epochs=16, learning_rate=3e-3, batch_size=8)
    return sealed(plugin.run(model=base, data=data, task=bench.task("tuned")))


def test_most_guesses_of_a_few_distilled_layers_hold(bench: Bench, data: Dataset, tuned: Model) -> None:
    plugin = TokenKD(layers=(0, 3), epochs=8, learning_rate=3e-3, batch_size=8, agreement=True)
    made = sealed(plugin.run(teacher=tuned, student=None, data=data, task=bench.task("guesses")))
    agreement = made.summary["teacher_agreement"]
    model, whole = (exported(one, bench, f"file{number}") for number, one in enumerate((tuned, made)))
    small = QuantizeGguf(type="q8_0").run(model=whole, calibration=None, task=bench.task("draft"))
    rows = inputs_of(TextGeneration(), data.rows("validation", "messages"))
    proof = GgufRuntime.prove_draft(model, sealed(small), rows, threads=1)
    assert agreement > 0.8
    assert proof.equal == proof.rows == 12
    assert proof.guessed > 5 * proof.rows
    assert proof.acceptance > 0.8

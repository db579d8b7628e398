"""Adapters of low rank: they learn, are added to the weights, and leave embeddings alone."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from orders import orders
from toys import exported, toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch.causal import chat_model, lora
from slmworks_torch.causal.lora import LoraFinetune


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"))


def tune(bench: Bench, model: Model, data: Dataset, name: str = "lora", **options: Any) -> Model:
    plugin = LoraFinetune(**{"epochs": 2, "learning_rate": 1e-2, "batch_size": 8, **options})
    return sealed(plugin.run(model=model, data=data, task=bench.task(name)))


def weights(model: Model) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(model.path / "model.safetensors"))


@pytest.mark.parametrize("kind", ["llama", "llama-untied", "gemma2"])
def test_linear_layers_change_and_nothing_else(
    kind: str, bench: Bench, data: Dataset, tmp_path: Path
) -> None:
    model = toy(tmp_path / "model", kind, initializer_range=0.1)
    made = tune(bench, model, data)
    before, after = weights(model), weights(made)
    assert after.keys() == before.keys()
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed == {name for name in before if "_proj." in name}
    assert made.summary["loss"] < 4
    assert 0 < made.summary["trained"] < 0.5
    assert made.meta["parameters"] == sum(weight.numel() for weight in before.values())
    config = [json.loads((one.path / "config.json").read_text()) for one in (model, made)]
    assert config[0] == config[1]


def test_it_answers_in_both_runtimes(bench: Bench, data: Dataset, tmp_path: Path) -> None:
    made = tune(bench, toy(tmp_path / "model", initializer_range=0.1), data, epochs=20)
    rows = [{"messages": one["messages"]} for one in data.rows("validation", "messages")]
    said = answer_all(open_runtime(made, threads=1), rows)
    assert {one["finish"] for one in said} == {"stop"}
    assert made.summary["token_accuracy"] > 0.8
    assert answer_all(open_runtime(exported(made, bench), threads=1), rows) == said


def test_the_merged_folder_is_what_was_measured(bench: Bench, data: Dataset, tmp_path: Path) -> None:
    from slmworks_torch.causal import examples, measures

    model = toy(tmp_path / "model", initializer_range=0.1)
    made = tune(bench, model, data, epochs=5, precision="float32")  # with bfloat16 it is measured so, too
    model = chat_model.load(made, port="model")
    held_out = examples.encode(model, examples.read(data, "validation"), split="validation", max_length=256)
    found = measures.validate(model.net, held_out, most=1024, precision="float32")
    assert found.numbers["loss"] == pytest.approx(made.summary["loss"], abs=2e-4)


def test_the_same_seed_gives_the_same_bytes(bench: Bench, data: Dataset, tmp_path: Path) -> None:
    model = toy(tmp_path / "model")
    options = {"epochs": 1, "dropout": 0.1}
    assert tune(bench, model, data, "1", **options).digest == tune(bench, model, data, "2", **options).digest


@pytest.mark.parametrize(("kind", "weights_a_layer"), [("gpt2", 11_264), ("mixtral", 40_496)])
def test_transposed_layers_and_fused_experts_get_adapters_without_a_warning(
    kind: str, weights_a_layer: int, tmp_path: Path
) -> None:
    model = chat_model.load(toy(tmp_path / "model", kind), port="model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapted = lora.adapted(model, 16, 32.0, 0.0)
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert trained == 2 * weights_a_layer

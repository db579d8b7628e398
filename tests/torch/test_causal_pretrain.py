"""A model from nothing but its data: it answers, its tokenizer is one that llama.cpp has a name for."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from orders import dataset, order, orders, row
from toys import exported

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.testing import Bench, sealed
from slmworks_torch.causal.pretrain import Pretrain

SMALL = {"hidden": 64, "layers": 2, "ffn": 96, "vocabulary": 400, "context": 128, "batch_size": 8}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"))


def train(bench: Bench, data: Dataset, name: str = "pretrain", **options: Any) -> Model:
    plugin = Pretrain(**{**SMALL, **options})
    return sealed(plugin.run(model=None, data=data, task=bench.task(name)))


@pytest.mark.slow
def test_a_toy_domain_is_learnt_in_less_than_a_minute(bench: Bench, tmp_path: Path) -> None:
    data = orders(tmp_path / "many", train=240, validation=24)
    before = time.process_time()
    made = sealed(Pretrain().run(model=None, data=data, task=bench.task("default")))
    assert time.process_time() - before < 60
    rows = data.rows("validation", "messages", "completion")
    said = answer_all(open_runtime(made, threads=1), [{"messages": one["messages"]} for one in rows])
    right = sum(one["text"] == true["completion"] for one, true in zip(said, rows, strict=True))
    assert right >= 20, [one["text"] for one in said]
    assert {one["finish"] for one in said} == {"stop"}


def test_both_runtimes_answer_alike_and_export_knows_the_tokenizer(bench: Bench, data: Dataset) -> None:
    made = train(bench, data, epochs=3)
    assert made.meta["gguf"] == {"pre": "smollm", "general": {}}
    assert made.meta["max_length"] == 128
    rows = [
        *({"messages": one["messages"]} for one in data.rows("validation", "messages")),
        row([("tools", '[{"name": "f"}]'), ("user", "x")], None),
        row([("prompt", "Book a table")], None),
    ]
    file = exported(made, bench)
    assert file.meta["gguf"]["pre"] == "smollm"
    assert answer_all(open_runtime(file, threads=1), rows) == answer_all(open_runtime(made, threads=1), rows)


def test_the_same_data_and_seed_give_the_same_bytes(bench: Bench, data: Dataset) -> None:
    one, other = (train(bench, data, name, epochs=1) for name in ("one", "other"))
    assert one.digest == other.digest


def test_the_network_is_as_the_options_say(bench: Bench, data: Dataset) -> None:
    made = train(bench, data, epochs=1, kv_heads=1)
    config = json.loads((made.path / "config.json").read_text())
    sizes = (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
    )
    assert [config[name] for name in sizes] == [64, 2, 4, 1, 96]
    assert config["vocab_size"] <= 400
    assert config["max_position_embeddings"] == 128
    assert config["tie_word_embeddings"]


def test_plain_text_can_be_learnt(bench: Bench, tmp_path: Path) -> None:
    text = [row([("prompt", "")], f"The {word} is blue. " * 30) for word in ("sky", "sea", "ink")]
    made = train(bench, dataset(tmp_path / "data", train=text, validation=text[:1]), epochs=20, batch_size=2)
    assert made.summary["token_accuracy"] > 0.5


def test_prompts_can_be_learnt_too(bench: Bench, data: Dataset) -> None:
    one, other = (train(bench, data, learn, epochs=1, learn=learn) for learn in ("answers", "everything"))
    assert one.digest != other.digest


def test_rows_longer_than_the_context_are_left_out(bench: Bench, tmp_path: Path) -> None:
    long = row([("user", "x " * 200)], "y")
    data = dataset(tmp_path / "data", train=[*map(order, range(8)), long], validation=[order(9)])
    assert train(bench, data, epochs=1).summary["rows_left_out"] == 1
    with pytest.raises(BadRequest, match="max_length: 129 tokens are more than the 128"):
        train(bench, data, "longer", max_length=129)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"heads": 3}, "hidden .128. must be a multiple of twice the heads .3."),
        ({"kv_heads": 3}, "heads .4. must be a multiple of kv_heads .3."),
        ({"hidden": 100}, "multiple of 32"),
        ({"vocabulary": 200}, "greater than or equal to 260"),
        ({"architecture": "bert"}, "llama"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        configure(Pretrain, "pretrain", options)


RECIPE = """
name: tiny
steps:
  raw: {stage: fetch, from: {train: train.jsonl}}
  data: {stage: curate, uses: chat, from: {data: raw}}
  tiny: {stage: finetune, uses: pretrain, from: {data: data}}
  more: {stage: finetune, uses: sft, from: {model: tiny, data: data}}
"""


def test_a_recipe_needs_no_model_for_it(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("{}\n")
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    found = plan(Recipe.read(path))
    assert dict(found.tasks["tiny"].inputs) == {"data": ("data",)}
    path.write_text(RECIPE.replace("model: tiny, ", ""))
    with pytest.raises(BadRequest, match="sft needs `model:`"):
        plan(Recipe.read(path))

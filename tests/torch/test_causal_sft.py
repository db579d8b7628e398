"""Supervised fine-tuning: it learns to answer and to stop, keeps the folder, and refuses what it can't learn from."""

import json
import math

import pytest
from orders import orders
from toys import toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch.causal.sft import SupervisedFinetune

QUICK = {"epochs": 6, "learning_rate": 3e-3, "batch_size": 8}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("llama") / "model", initializer_range=0.1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"))


def tune(
    bench: Bench, model: Model, data: Dataset, name: str = "sft", seed: int = 0, **options: object
) -> Model:
    plugin = SupervisedFinetune(**{**QUICK, **options})
    return sealed(plugin.run(model=model, data=data, task=bench.task(name, seed=seed)))


def lines(bench: Bench) -> list[str]:
    return [event["line"] for event in bench.events if event["event"] == "line"]


def test_it_learns_to_answer_and_to_stop(bench: Bench, llama: Model, data: Dataset) -> None:
    made = tune(bench, llama, data, epochs=30)
    rows = data.rows("validation", "messages", "completion")
    answers = answer_all(open_runtime(made, threads=1), [{"messages": one["messages"]} for one in rows])
    assert {answer["finish"] for answer in answers} == {"stop"}
    right = sum(
        json.loads(answer["text"]) == json.loads(one["completion"])
        for answer, one in zip(answers, rows, strict=True)
    )
    assert right >= 6, [answer["text"] for answer in answers]
    assert made.summary["token_accuracy"] > 0.9
    assert made.summary["perplexity"] == pytest.approx(math.exp(made.summary["loss"]), rel=1e-3)
    assert made.meta["task"] == "text-generation"
    assert made.meta["gguf"] == {"pre": "smollm"}

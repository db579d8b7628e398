"""Distillation by a teacher's likeliest tokens: paid once, matched by every divergence, refused for strangers."""

from typing import Any

import pytest
from orders import dataset, order, orders
from toys import toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.teachers.budget import Budget
from slmworks.testing import Bench, sealed
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.causal.token_kd import TokenKD

QUICK = {"epochs": 4, "learning_rate": 3e-3, "batch_size": 8}
LAYERS = {"initializer_range": 0.1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, data: Dataset) -> Model:
    """A toy that has learnt the orders."""
    folder = tmp_path_factory.mktemp("teacher")
    plugin = SupervisedFinetune(epochs=12, learning_rate=3e-3, batch_size=8)
    task = Bench(folder).task("sft")
    return sealed(plugin.run(model=toy(folder / "model", **LAYERS), data=data, task=task))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("small") / "model", num_hidden_layers=1, **LAYERS)


def distill(
    bench: Bench, teacher: Model, student: Model | None, data: Dataset, name: str = "kd", **options: Any
) -> Model:
    seed = options.pop("seed", 0)
    plugin = TokenKD(**{**QUICK, **options})
    return sealed(plugin.run(teacher=teacher, student=student, data=data, task=bench.task(name, seed=seed)))


@pytest.mark.parametrize("divergence", ["forward-kl", "reverse-kl", "jsd"])
def test_a_student_follows_its_teacher(bench, teacher, small, data, divergence) -> None:
    made = distill(bench, teacher, small, data, divergence=divergence, epochs=10)
    assert made.summary["loss"] < 0.8  # without a label; 6 before
    assert made.summary["token_accuracy"] > 0.7
    assert made.meta["task"] == "text-generation"
    assert made.summary["parameters"] < teacher.meta["parameters"]


def test_layers_of_the_teacher_make_a_student(bench, teacher, data) -> None:
    made = distill(bench, teacher, None, data, layers=[0])
    assert made.summary["parameters"] < teacher.meta["parameters"]


def test_a_copy_has_nothing_to_learn(bench, teacher, data) -> None:
    made = distill(bench, teacher, None, data, epochs=1, learning_rate=1e-9)
    assert made.summary["loss"] == pytest.approx(teacher.summary["loss"], abs=1e-3)
    (losses,) = [[event["metrics"]["loss"] for event in bench.events if "loss" in event.get("metrics", ())]]
    assert max(losses) < 2e-3


def test_the_teacher_is_paid_once_for_all_students_and_again_only_for_new_rows(
    bench, teacher, small, data, tmp_path
) -> None:
    first = distill(bench, teacher, small, data, epochs=1)
    assert first.summary["teacher_tokens_reused"] == 0
    paid = first.summary["teacher_tokens_paid"]
    (ledger,) = bench.ledgers.values()
    assert ledger.spent.tokens == paid > 0
    second = distill(bench, teacher, small, data, "second", epochs=1, divergence="jsd", seed=3)
    assert (second.summary["teacher_tokens_paid"], second.summary["teacher_tokens_reused"]) == (0, paid)
    more = orders(tmp_path / "more", train=64, validation=8)
    third = distill(bench, teacher, small, more, "third", epochs=1)
    assert 0 < third.summary["teacher_tokens_paid"] < paid / 10
    assert third.summary["teacher_tokens_reused"] == paid


def test_a_row_that_stands_twice_is_paid_once(bench, teacher, small, tmp_path) -> None:
    rows = [order(1), order(2), order(1)]
    data = dataset(tmp_path / "data", train=rows, validation=rows[:1])
    made = distill(bench, teacher, small, data, epochs=1)
    assert made.summary["teacher_tokens_paid"] == pytest.approx(
        2 * made.summary["teacher_tokens_reused"], rel=0.2
    )


def test_a_spent_budget_stops_and_a_larger_one_goes_on(bench, teacher, small, data) -> None:
    with pytest.raises(BadRequest) as caught:
        distill(bench, teacher, small, data, epochs=1, budget=Budget(tokens=50))
    assert str(caught.value).startswith("budget: it is spent (tokens: ")
    assert "rows have no log-probabilities yet; raise it" in str(caught.value)
    (ledger,) = bench.ledgers.values()
    before = ledger.spent.tokens
    assert before > 50
    with pytest.raises(BadRequest, match="budget: it is spent"):
        distill(bench, teacher, small, data, "again", epochs=1, budget=Budget(tokens=50))
    assert ledger.spent.tokens == before
    made = distill(bench, teacher, small, data, "more", epochs=1)
    assert made.summary["teacher_tokens_reused"] == before
    assert made.digest == distill(Bench(bench.folder / "other"), teacher, small, data, epochs=1).digest


def test_the_same_seed_gives_the_same_bytes_whether_the_teacher_was_paid_or_not(
    bench, teacher, small, data
) -> None:
    options = {"epochs": 1, "dropout": 0.1, "alpha": 0.5, "temperature": 2.0}
    one, same, other = (
        distill(bench, teacher, small, data, name, seed=seed, **options)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one.digest == same.digest != other.digest


def test_packed_rows_teach_the_same_as_padded_ones(bench, teacher, small, data) -> None:
    padded = distill(bench, teacher, small, data, "padded", epochs=1, alpha=0.3)
    packed = distill(
        bench, teacher, small, data, "packed", epochs=1, alpha=0.3, packing=True, tokens_at_once=300
    )
    assert packed.summary["loss"] == pytest.approx(padded.summary["loss"], rel=1e-3)

"""`evaluate/judge` with real toys as judges: one that says anything, one that always prefers the first place."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from orders import dataset, order, row
from toys import exported, limited, toy

from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings
from slmworks.evaluate.judge_report import JudgeReport
from slmworks.evaluate.quality import Quality
from slmworks.model_tasks.text_generation import judge_prompt
from slmworks.model_tasks.text_generation.judge import Judge
from slmworks.teachers.ask import Budget
from slmworks.testing import Bench, sealed
from slmworks_torch.causal.sft import SupervisedFinetune

LONG = {"max_position_embeddings": 1024, "initializer_range": 0.1}
ROWS = 5


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def data(shop: Path) -> Dataset:
    rows = [order(number) for number in range(2 * ROWS)]
    return dataset(shop / "data", train=rows, validation=rows[:ROWS], test=rows[ROWS:])


@pytest.fixture(scope="module")
def folder(shop: Path) -> Model:
    return toy(shop / "llama", **LONG)


@pytest.fixture(scope="module")
def model(shop: Path, folder: Model) -> Model:
    return limited(exported(folder, Bench(shop / "model")), 6)


@pytest.fixture(scope="module")
def other(shop: Path) -> Model:
    return limited(exported(toy(shop / "untied", "llama-untied", **LONG), Bench(shop / "other")), 6)


@pytest.fixture(scope="module")
def rival(shop: Path, other: Model, data: Dataset) -> Report:
    plugin = Quality(trivial=False, likelihood=False)
    task = Bench(shop / "rival").task("quality")
    return sealed(plugin.run(model=other, baseline=None, data=data, task=task))


@pytest.fixture(scope="module")
def anyhow(shop: Path) -> Model:
    """A judge that has learnt nothing."""
    return exported(toy(shop / "mistral", "mistral", **LONG), Bench(shop / "anyhow"))


@pytest.fixture(scope="module")
def first(shop: Path, folder: Model) -> Model:
    """A judge that has learnt to say "A", whatever it is shown."""
    asked = [
        judge_prompt.question(order(number), f"{number}", f"{number + 1}", judge_prompt.CRITERIA, Settings())
        for number in range(6)
    ]
    rows = [row([("user", one.row["messages"][0]["content"])], '{"verdict": "A"}') for one in asked]
    lesson = dataset(shop / "lesson", train=rows, validation=rows[:2])
    plugin = SupervisedFinetune(epochs=8, learning_rate=1e-2, batch_size=2)
    tuned = sealed(plugin.run(model=folder, data=lesson, task=Bench(shop / "first").task("sft")))
    return exported(tuned, Bench(shop / "first"))


def judged(
    bench: Bench, judge: Model, model: Model, data: Dataset, name: str = "judge", **given: Any
) -> Report:
    baseline = given.pop("baseline", None)
    plugin = Judge(**given)
    made = plugin.run(model=model, baseline=baseline, judge=judge, data=data, task=bench.task(name))
    return bench.keep(made)


def test_a_judge_of_nothing_gives_verdicts_by_its_schema(
    bench: Bench, anyhow: Model, model: Model, data: Dataset
) -> None:
    made = judged(bench, anyhow, model, data)
    said = made.read()
    assert (said["n"], said["unread"], said["against"]) == (ROWS, 0, {"name": "the true answers"})
    assert said["wins"] + said["ties"] + said["losses"] == ROWS
    assert made.refs == {"model": model.digest, "data": data.digest, "judge": anyhow.digest}
    pairs = JudgeReport(made).pairs
    assert all(one.ahead in judge_prompt.VERDICTS and one.behind in judge_prompt.VERDICTS for one in pairs)
    assert said["agreement"]["n"] == ROWS  # the truth is right, and what a toy says is not
    spent = sum(ledger.spent.tokens for ledger in bench.ledgers.values())
    assert said["cost"]["tokens"] == spent > 0
    assert said["cost"]["seconds"] > 0


def test_nobody_is_asked_twice_and_the_report_is_the_same(
    bench: Bench, anyhow: Model, model: Model, data: Dataset
) -> None:
    one = judged(bench, anyhow, model, data, "one")
    before = {name: len(ledger.entries) for name, ledger in bench.ledgers.items()}
    assert judged(bench, anyhow, model, data, "two").digest == one.digest
    assert {name: len(ledger.entries) for name, ledger in bench.ledgers.items()} == before


def test_a_judge_that_always_prefers_the_first_place_decides_nothing(
    bench: Bench, first: Model, model: Model, rival: Report, data: Dataset
) -> None:
    said = judged(bench, first, model, data, baseline=rival).read()
    assert said["against"] == {"name": "gguf", "digest": rival.refs["model"]}
    assert (said["n"], said["ties"], said["wins"], said["losses"]) == (ROWS, ROWS, 0, 0)
    assert said["win_rate"]["value"] == 0.5
    bias = said["position_bias"]
    assert (bias["n"], bias["value"], bias["first"]) == (ROWS - said["same"], 1.0, 1.0)


def test_equal_answers_cost_nothing(bench: Bench, anyhow: Model, model: Model, data: Dataset) -> None:
    twin = replace(model, digest="e" * 64)
    baseline = bench.keep(
        Quality(trivial=False, likelihood=False).run(
            model=twin, baseline=None, data=data, task=bench.task("quality")
        )
    )
    said = judged(bench, anyhow, model, data, baseline=baseline).read()
    assert (said["same"], said["ties"], said["cost"]) == (ROWS, ROWS, {})
    assert said["position_bias"] == {"n": 0}


def test_a_sample_is_judged_beside_the_same_rows_of_the_baseline(
    bench: Bench, anyhow: Model, model: Model, rival: Report, data: Dataset
) -> None:
    made = judged(bench, anyhow, model, data, baseline=rival, rows=3)
    assert made.read()["n"] == 3
    assert {one.id for one in JudgeReport(made).pairs} < {f"test-{place}" for place in range(ROWS)}


def test_a_judge_that_cannot_be_read_is_refused(
    bench: Bench, anyhow: Model, model: Model, data: Dataset
) -> None:
    with pytest.raises(BadRequest) as caught:
        judged(bench, anyhow, model, data, grammar="none", max_new_tokens=4)
    assert str(caught.value).startswith(
        f"judge: no verdict could be read from {2 * ROWS} answers (the first: "
    )


def test_bad_judges_are_named_before_anything_is_asked(
    bench: Bench, model: Model, data: Dataset, tiny_classifier: Model
) -> None:
    cases = {
        "judge: it is a model for text-classification, which writes no answers; give a model for "
        "text-generation.": tiny_classifier,
        "judge: it would judge answers of its own, and models prefer these; give `judge` another model.": model,
    }
    for number, (line, judge) in enumerate(cases.items()):
        with pytest.raises(BadRequest) as caught:
            judged(bench, judge, model, data, f"judge-{number}")
        assert str(caught.value) == line
    assert bench.ledgers == {}


def test_a_spent_budget_stops_and_keeps_what_was_paid(
    bench: Bench, anyhow: Model, model: Model, data: Dataset
) -> None:
    with pytest.raises(BadRequest, match=r"^budget: it is spent \(tokens: \d+ of 5\)"):
        judged(bench, anyhow, model, data, budget=Budget(tokens=5))
    (ledger,) = bench.ledgers.values()
    assert len(ledger.entries) == 1


def test_a_verdict_table_is_written(bench: Bench, anyhow: Model, model: Model, data: Dataset) -> None:
    made = judged(bench, anyhow, model, data)
    found = json.loads((made.path / "report.json").read_text())
    outcomes = [one.outcome for one in JudgeReport(made).pairs]
    assert [found[name] for name in ("wins", "ties", "losses")] == [
        outcomes.count(name) for name in ("win", "tie", "loss")
    ]
    assert {name: len(rows) for name, rows in found["examples"].items()} == {
        name: min(outcomes.count(name), 4) for name in ("win", "loss")
    }

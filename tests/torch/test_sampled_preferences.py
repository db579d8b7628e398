"""`curate/sampled-preferences`: toys that always say the same thing, paired by each rule."""

from pathlib import Path
from typing import Any

import pytest
from orders import dataset, row
from toys import exported, limited, toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench, sealed
from slmworks_text.curate_sampled_preferences import CurateSampledPreferences
from slmworks_torch.causal.sft import SupervisedFinetune

GOOD, BAD = '{"ok": 1}', "No."


def speaker(folder: Path, says: str) -> Model:
    """A toy that answers everything with the same words."""
    bench = Bench(folder)
    rows = [row([("user", f"Task {number}?")], says) for number in range(16)]
    data = dataset(folder / "data", train=rows, validation=rows[:2])
    plugin = SupervisedFinetune(epochs=8, learning_rate=5e-3, batch_size=8)
    made = plugin.run(model=toy(folder / "model", initializer_range=0.1), data=data, task=bench.task("sft"))
    return exported(sealed(made), bench)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return speaker(tmp_path_factory.mktemp("teacher"), GOOD)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return speaker(tmp_path_factory.mktemp("student"), BAD)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Truths that the teacher says, that the student says, and that neither says."""
    truths = ('{"ok":1}', BAD, "Perhaps.", '{"ok": 2}')
    rows = [row([("user", f"Task {20 + n}?")], truths[n % 4]) for n in range(12)]
    return dataset(tmp_path_factory.mktemp("seeds"), train=rows[:4], validation=rows[4:8], test=rows[8:])


def paired(bench: Bench, name: str = "pairs", *, given: dict[str, Any], **options: Any) -> Dataset:
    return sealed(CurateSampledPreferences(**options).run(**given, task=bench.task(name)))


def answers(data: Dataset, split: str = "train") -> list[tuple[str, str]]:
    return [(one["completion"], one["rejected"]) for one in data.rows(split, "completion", "rejected")]


RULES = {
    "teacher": [(GOOD, BAD)] * 4,
    "exact": [(GOOD, BAD), (BAD, GOOD)],
    "valid-json": [(GOOD, BAD)] * 2,
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_which_answer_is_better(
    rule: str, bench: Bench, teacher: Model, student: Model, seeds: Dataset
) -> None:
    given = {"teacher": teacher, "student": student, "seeds": seeds}
    made = paired(bench, given=given, choose=rule)
    assert answers(made) == RULES[rule]
    assert made.summary["dropped"] == ({"tie": 2 * (4 - len(RULES[rule]))} if rule != "teacher" else {})
    truths = [one["completion"] for one in seeds.rows("test", "completion")]
    assert answers(made, "test") == [(truth, None) for truth in truths]
    spent = [ledger.spent for ledger in bench.ledgers.values()]
    assert len(spent) == 2
    assert paired(bench, "again", given=given, choose=rule).digest == made.digest
    assert [ledger.spent for ledger in bench.ledgers.values()] == spent


def test_models_that_always_agree_give_no_pair(bench: Bench, teacher: Model, seeds: Dataset) -> None:
    with pytest.raises(BadRequest, match=r"none of the 4 rows of 'train' gives a pair \(4 tie\)"):
        paired(bench, given={"teacher": teacher, "student": teacher, "seeds": seeds})


def test_answers_that_were_cut_off_are_dropped(
    bench: Bench, teacher: Model, student: Model, seeds: Dataset
) -> None:
    with pytest.raises(BadRequest, match=r"\(4 answer cut off\).*max_new_tokens"):
        paired(bench, given={"teacher": limited(teacher, 2), "student": student, "seeds": seeds})


def test_data_without_conversations_are_refused(
    bench: Bench, teacher: Model, student: Model, tiny_reviews: Dataset
) -> None:
    with pytest.raises(BadRequest, match="seeds: it is for classification.*curate/chat"):
        paired(bench, given={"teacher": teacher, "student": student, "seeds": tiny_reviews})

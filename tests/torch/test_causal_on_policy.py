"""On-policy distillation: a student learns from its teacher's judgement of what it says itself."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from colours import LEARN, colours, knowing, right, rows, unlabelled
from orders import row
from pydantic import ValidationError
from toys import bpe, save, toy

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench, sealed
from slmworks_torch import checkpoints
from slmworks_torch.causal import chat_model
from slmworks_torch.causal.on_policy import OnPolicyKD


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return knowing(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """It knows the form of an answer, and one of the three ways to ask."""
    folder = tmp_path_factory.mktemp("student")
    return knowing(folder, rows()[:6], epochs=15, hidden_size=48)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return colours(tmp_path_factory.mktemp("data") / "data", train=rows()[:6], transfer=unlabelled()[6:])


def distil(bench: Bench, teacher: Model, data: Dataset, name: str = "kd", **options: Any) -> Model:
    given, seed = options.pop("student", None), options.pop("seed", 0)
    plugin = OnPolicyKD(**{**LEARN, "epochs": 1, **options})
    return sealed(plugin.run(teacher=teacher, student=given, data=data, task=bench.task(name, seed=seed)))


@pytest.mark.parametrize(
    "divergence",
    [
        "jsd",
        pytest.param("forward-kl", marks=pytest.mark.slow),
        pytest.param("reverse-kl", marks=pytest.mark.slow),
    ],
)
def test_a_student_learns_what_its_teacher_knows_of_unlabelled_rows(
    bench: Bench, teacher: Model, student: Model, data: Dataset, divergence: str
) -> None:
    before = right(student)
    made = distil(bench, teacher, data, student=student, epochs=30, divergence=divergence, answer_tokens=12)
    assert right(made) >= before + 5
    assert (made.summary["rows"], made.summary["student_tokens"] > 0) == (18, True)


def test_the_same_seed_gives_the_same_bytes(bench: Bench, teacher: Model, data: Dataset) -> None:
    one, same, other = (
        distil(bench, teacher, data, name, seed=seed, layers=(1,), dropout=0.1)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one.digest == same.digest != other.digest


def test_a_killed_training_goes_on_with_the_same_answers(
    bench: Bench,
    teacher: Model,
    student: Model,
    data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from slmworks_torch.loop import Loop

    plugin = OnPolicyKD(**{**LEARN, "epochs": 2, "dropout": 0.1})
    whole = sealed(plugin.run(teacher=teacher, student=student, data=data, task=bench.task("whole")))
    monkeypatch.setattr(checkpoints, "LEAST", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)
    learn = Loop._learn

    def killed(self: Loop, numbers: list[int]) -> float:
        if self.at.step == 4:
            raise KeyboardInterrupt
        return learn(self, numbers)

    kept = tmp_path / "checkpoints"
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_learn", killed)
        first = replace(bench.task("first"), checkpoints=kept)
        with pytest.raises(KeyboardInterrupt):
            plugin.run(teacher=teacher, student=student, data=data, task=first)
    second = replace(bench.task("second"), checkpoints=kept)
    assert sealed(plugin.run(teacher=teacher, student=student, data=data, task=second)).digest == whole.digest
    assert any("step 4 of" in event.get("line", "") for event in bench.events)


def test_a_step_holds_the_students_share_of_answers(bench: Bench, teacher: Model, data: Dataset) -> None:
    plugin = OnPolicyKD(on_policy=0.25, answer_tokens=5)
    model = chat_model.load(teacher, port="teacher")
    given, labelled = plugin._lesson(model, model, data, bench.task("kd"), port="teacher")
    assert labelled == 6
    made = plugin._objective(given, model, labelled, bench.task("other"))
    steps = 300
    shares = [sum(row < 6 for row in made._own(range(18), step)) for step in range(steps)]
    assert sum(shares) / steps == pytest.approx(1.5, abs=0.15)
    assert set(made._own(range(18), 0)) >= set(range(6, 18))
    made.begin(model.net, list(range(18)), 0)
    own = set(made._own(range(18), 0))
    for number in range(18):
        prompt = given.train.ids[number][: given.train.starts[number]]
        assert made.now.train.ids[number][: len(prompt)] == prompt
        if number not in own:
            assert made.now.train.ids[number] == given.train.ids[number]
        else:
            assert 1 <= len(made.now.train.ids[number]) - len(prompt) <= 5
    # its own teacher has nothing to teach
    assert sum(float(made.loss(model.net, group)) for group in made.groups(range(18))) == pytest.approx(
        0, abs=1e-3
    )


def test_a_student_with_a_part_of_the_vocabulary_is_judged_by_its_own_tokens(
    bench: Bench, teacher: Model, data: Dataset
) -> None:
    plugin = OnPolicyKD(on_policy=1.0, answer_tokens=5)
    model = chat_model.load(teacher, port="teacher")
    given, labelled = plugin._lesson(model, model, data, bench.task("kd"), port="teacher")
    made = plugin._objective(given, model, labelled, bench.task("other"))
    made.begin(model.net, list(range(18)), 0)
    plain = [float(made.loss(model.net, group)) for group in made.groups(range(18))]
    order = list(range(400))
    random.Random(1).shuffle(order)
    made.table = torch.tensor(order)
    swapped = [made._teacher(group) for group in made.groups(range(18))]
    made.table = torch.arange(400)
    assert [float(made.loss(model.net, group)) for group in made.groups(range(18))] == plain
    assert {one.shape[1] for one in swapped} == {400}


# --- what is refused ---------------------------------------------------------------------------------


def test_a_student_with_other_tokens_is_refused(
    bench: Bench, teacher: Model, data: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    other = toy(folder, initializer_range=0.1)
    save(bpe("gpt-2"), folder)
    with pytest.raises(BadRequest, match="^student: .*distill/sequence-kd, which takes any.") as refused:
        distil(bench, teacher, data, student=other)
    assert "\n" not in str(refused.value)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError):
        OnPolicyKD(on_policy=0)


def test_a_long_prompt_leaves_less_room_for_an_answer(bench: Bench, teacher: Model, tmp_path: Path) -> None:
    long = row([("user", "x " * 10)], None)
    data = colours(tmp_path / "data", train=rows()[:6], transfer=[long])
    made = distil(bench, teacher, data, layers=(0,), max_length=48, answer_tokens=40)
    assert made.summary["rows"] + made.summary["rows_left_out"] == 7

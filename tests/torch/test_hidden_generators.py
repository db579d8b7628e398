"""Generators learn what their teacher computes between layers, row by row, padded or packed."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cut_students import logits, opened, student, teacher
from orders import orders
from toys import toy

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench, sealed
from slmworks_torch import checkpoints
from slmworks_torch.causal import examples, layouts
from slmworks_torch.hidden import decoders
from slmworks_torch.hidden.hidden_kd import HiddenKD

QUICK = {"epochs": 2, "learning_rate": 3e-3, "batch_size": 8}
FAMILIES = ("llama", "phi3", "gemma2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"), train=32, validation=8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Model]:
    """A random teacher of four layers of each family."""
    folder = tmp_path_factory.mktemp("teachers")
    return {family: teacher(folder / family, family, num_hidden_layers=4) for family in FAMILIES}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Half as wide as the teachers, with as many keys as queries."""
    folder = tmp_path_factory.mktemp("narrow") / "model"
    return toy(folder, hidden_size=32, intermediate_size=32, num_key_value_heads=4, initializer_range=0.1)


def distill(
    bench: Bench, teacher: Model, data: Dataset, given: Model | None = None, name: str = "kd", **options: Any
) -> Model:
    seed = options.pop("seed", 0)
    plugin = HiddenKD(**{**QUICK, **options})
    return sealed(plugin.run(teacher=teacher, student=given, data=data, task=bench.task(name, seed=seed)))


@pytest.mark.parametrize(
    ("family", "method"), [("llama", "both"), ("phi3", "relations"), ("gemma2", "states")]
)
def test_half_the_layers_come_closer(family, method, bench, whole, data):
    first, made = (
        distill(bench, whole[family], data, None, f"{rate}", method=method, epochs=epochs, learning_rate=rate)
        for epochs, rate in ((1, 1e-12), (2, 3e-3))
    )
    assert made.summary["hidden_distance"] < 0.8 * first.summary["hidden_distance"]
    assert made.summary["layers"] == 2
    assert made.meta["task"] == "text-generation"
    assert logits(opened(made), [1, 40, 300, 77]).isfinite().all()


def test_a_copy_is_at_no_distance(bench, whole, data):
    made = distill(
        bench, whole["llama"], data, layers=[0, 1, 2, 3], method="both", epochs=1, learning_rate=1e-12
    )
    assert made.summary["hidden_distance"] < 1e-4
    (losses,) = [[event["metrics"]["loss"] for event in bench.events if "loss" in event.get("metrics", ())]]
    assert max(losses) < 1e-3


def test_a_narrow_student_of_its_own_learns_answers_too(bench, whole, data, narrow):
    first, made = (
        distill(
            bench,
            whole["llama"],
            data,
            narrow,
            f"{rate}",
            method="both",
            alpha=1.0,
            epochs=epochs,
            learning_rate=rate,
        )
        for epochs, rate in ((1, 1e-12), (3, 5e-3))
    )
    assert made.summary["loss"] < 0.7 * first.summary["loss"]
    assert made.summary["hidden_distance"] < 0.9 * first.summary["hidden_distance"]
    assert not [name for name, _ in opened(made).named_parameters() if "projection" in name]


def test_packed_rows_teach_the_same_as_padded_ones(bench, whole, data, narrow):
    options = {"epochs": 1, "method": "both", "alpha": 0.5}
    padded = distill(bench, whole["llama"], data, narrow, "padded", **options)
    packed = distill(
        bench, whole["llama"], data, narrow, "packed", packing=True, tokens_at_once=200, **options
    )
    for name in ("loss", "hidden_distance"):
        assert packed.summary[name] == pytest.approx(padded.summary[name], rel=2e-3)


def test_rows_see_themselves_only_and_weigh_what_their_answers_do():
    rows = examples.Examples([[5, 6, 7, 8], [9, 5, 6], [7, 8, 9, 5, 6]], [2, 1, 4])
    device = torch.device("cpu")
    packed = layouts.packed_batch(rows, [0, 1], device)
    assert decoders.seen(packed)[0].int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 1, 1],
    ]
    torch.testing.assert_close(decoders.row_weights(packed), torch.tensor([[2 / 3, 2 / 3, 2 / 3, 1, 1]]))
    padded = layouts.padded_batch(rows, [1, 2], device)
    assert decoders.real(padded).tolist() == [[True, True, False, False], [True] * 4]
    torch.testing.assert_close(decoders.row_weights(padded), torch.tensor([[1.0, 1, 0, 0], [0.25] * 4]))
    assert not decoders.seen(padded)[0, 2:].any()
    assert not decoders.seen(padded)[0, :, 2:].any()


class CutError(Exception):
    """The end of an attempt."""


def test_an_attempt_goes_on_where_the_last_one_ended(bench, whole, data, narrow, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "LEAST", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)
    plugin = HiddenKD(**QUICK, dropout=0.1, alpha=0.5, method="both")

    def attempt(name: str, folder: Path | None, cut: int = 0) -> Model:
        logged: list[dict[str, Any]] = []

        def emit(event: dict[str, Any]) -> None:
            bench.events.append(event)
            logged.extend([event] if event["event"] == "metrics" else [])
            if cut and len(logged) >= cut:
                raise CutError

        task = replace(bench.task(name), checkpoints=folder, emit=emit)
        return sealed(plugin.run(teacher=whole["llama"], student=narrow, data=data, task=task))

    with pytest.raises(CutError):
        attempt("first", tmp_path / "kept", cut=7)
    made = attempt("second", tmp_path / "kept")
    assert any("resumed at epoch" in event.get("line", "") for event in bench.events)
    assert made.digest == attempt("whole", None).digest


def test_a_student_with_a_part_of_the_vocabulary_is_shown_the_same_texts(bench, whole, data, tmp_path):
    cut = student(bench, whole["llama"], data, vocabulary=360, layers=(0, 2))
    folder = tmp_path / "given"
    folder.mkdir()
    cut.save(folder)
    given = sealed(Model(path=folder, format="hf"))
    first, made = (
        distill(bench, whole["llama"], data, given, f"{rate}", epochs=epochs, learning_rate=rate)
        for epochs, rate in ((1, 1e-12), (2, 3e-3))
    )
    assert made.summary["hidden_distance"] < 0.8 * first.summary["hidden_distance"]


def test_strangers_are_refused(whole, data, narrow, tiny_reviews, tmp_path):
    def refused(teacher: Model, data: Dataset, given: Model | None, **options: Any) -> str:
        with pytest.raises(BadRequest) as caught:
            distill(Bench(Path(tempfile.mkdtemp(dir=tmp_path))), teacher, data, given, **options)
        return str(caught.value)

    assert "layers: the teacher has the layers 0 to 3, not 4" in refused(
        whole["llama"], data, None, layers=[1, 4]
    )
    assert "more than its teacher's" in refused(narrow, data, whole["llama"])
    assert "learns from data for text-generation" in refused(whole["llama"], tiny_reviews, None)
    assert "relation_heads: the student's queries have 32 numbers" in refused(
        whole["llama"], data, narrow, relation_heads=64
    )
    other = toy(tmp_path / "other", rule="llama-bpe", num_hidden_layers=1)
    assert refused(whole["llama"], data, other).endswith("or distill/sequence-kd, which takes any.")

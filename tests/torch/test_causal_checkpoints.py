"""A training that was cut short goes on, and ends with the same bytes; what it cannot go on from is named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from orders import orders
from toys import toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import Bench, sealed
from slmworks_torch import checkpoints
from slmworks_torch.causal.sft import SupervisedFinetune


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("llama") / "model", initializer_range=0.1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step."""
    monkeypatch.setattr(checkpoints, "LEAST", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)


class CutError(Exception):
    """The end of an attempt, at the moment when a test wants it."""


def tune(
    bench: Bench,
    model: Model,
    data: Dataset,
    name: str,
    folder: Path | None = None,
    *,
    cut: int = 0,
    **options: Any,
) -> Model:
    """Fine-tune; with `cut` the attempt ends when so many points of a curve were logged."""
    logged = 0

    def emit(event: dict[str, Any]) -> None:
        nonlocal logged
        bench.events.append({"attempt": name, **event})
        logged += event["event"] == "metrics"
        if cut and logged >= cut:
            raise CutError

    plugin = SupervisedFinetune(
        **{"epochs": 3, "learning_rate": 3e-3, "batch_size": 8, "dropout": 0.1, **options}
    )
    task = replace(bench.task(name), checkpoints=folder, emit=emit)
    return sealed(plugin.run(model=model, data=data, task=task))


def lines(bench: Bench, attempt: str) -> list[str]:
    return [e["line"] for e in bench.events if e["event"] == "line" and e["attempt"] == attempt]


def curve(bench: Bench, attempt: str) -> list[tuple[int, dict[str, float]]]:
    return [
        (e["step"], e["metrics"]) for e in bench.events if e["event"] == "metrics" and e["attempt"] == attempt
    ]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("cut", [3, 9, 14, 25])
def test_an_attempt_goes_on_where_the_last_one_ended(
    cut: int, bench: Bench, llama: Model, data: Dataset, tmp_path: Path
) -> None:
    whole = tune(bench, llama, data, "whole")
    with pytest.raises(CutError):
        tune(bench, llama, data, "first", tmp_path / "kept", cut=cut)
    assert len(list((tmp_path / "kept").iterdir())) == 1
    made = tune(bench, llama, data, "second", tmp_path / "kept")
    assert "resumed at epoch" in lines(bench, "second")[0]
    assert made.digest == whole.digest
    assert curve(bench, "second") == curve(bench, "whole")
    numbers = ("loss", "token_accuracy", "epoch")
    assert [made.summary[name] for name in numbers] == [whole.summary[name] for name in numbers]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("options", [{"learning_rate": 1e-3}, {"epochs": 4}])
def test_a_checkpoint_of_another_training_is_not_taken(
    options: dict[str, Any], bench: Bench, llama: Model, data: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(CutError):
        tune(bench, llama, data, "first", tmp_path / "kept", cut=5)
    made = tune(bench, llama, data, "second", tmp_path / "kept", **options)
    assert "not taken: it was written with options" in lines(bench, "second")[0]
    assert made.digest == tune(bench, llama, data, "whole", **options).digest


@pytest.mark.usefixtures("often")
def test_a_torn_checkpoint_is_not_taken(bench: Bench, llama: Model, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(CutError):
        tune(bench, llama, data, "first", tmp_path / "kept", cut=5)
    (kept,) = (tmp_path / "kept").iterdir()
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    (tmp_path / "kept" / "part").write_bytes(content[:100])
    made = tune(bench, llama, data, "second", tmp_path / "kept")
    assert "its bytes are not those that were written" in lines(bench, "second")[0]
    assert made.digest == tune(bench, llama, data, "whole").digest


@pytest.mark.usefixtures("often")
def test_a_disk_that_refuses_ends_no_training(
    bench: Bench, llama: Model, data: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    made = tune(bench, llama, data, "made", tmp_path / "kept")
    (line,) = lines(bench, "made")
    assert "no checkpoints from here on" in line
    assert made.digest == tune(bench, llama, data, "whole").digest

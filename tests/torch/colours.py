"""Conversations that a toy learns in a second: which colour a thing has. One toy knows it, another doesn't."""

from pathlib import Path
from typing import Any

from orders import dataset, row
from toys import toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch.causal.sft import SupervisedFinetune

COLOURS = {"sky": "blue", "sun": "yellow", "rose": "red", "leaf": "green", "coal": "black", "snow": "white"}
ASK = ("Which colour has the {}?", "The {} is", "Colour of {}?")
LEARN = {"epochs": 30, "learning_rate": 5e-3, "batch_size": 6}


def rows() -> list[dict[str, Any]]:
    return [
        row([("user", ask.format(thing))], f"It is {colour}.")
        for ask in ASK
        for thing, colour in COLOURS.items()
    ]


def unlabelled() -> list[dict[str, Any]]:
    return [{**one, "completion": None} for one in rows()]


def colours(folder: Path, **splits: list[dict[str, Any]]) -> Dataset:
    """All rows in `train`, unless splits are given, and in `validation`."""
    return dataset(folder, **{"train": rows(), "validation": rows(), **splits})


def knowing(
    folder: Path, known: list[dict[str, Any]] | None = None, *, epochs: int = 20, hidden_size: int = 64
) -> Model:
    """A toy that has learnt these rows, or all."""
    (folder / "bench").mkdir(parents=True)
    made = SupervisedFinetune(**{**LEARN, "epochs": epochs}).run(
        model=toy(folder / "base", hidden_size=hidden_size, initializer_range=0.1),
        data=colours(folder / "data", **({"train": known} if known else {})),
        task=Bench(folder / "bench").task("knowing"),
    )
    return sealed(made)


def right(model: Model) -> int:
    """Answers of all that are right."""
    asked = [{"messages": one["messages"]} for one in rows()]
    said = answer_all(open_runtime(model, threads=1, model_task="text-generation"), asked)
    return sum(one["text"] == true["completion"] for one, true in zip(said, rows(), strict=True))

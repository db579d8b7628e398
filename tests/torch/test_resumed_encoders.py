"""Every training of an encoder goes on from its last checkpoint, in whatever precision, and ends with the same bytes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import Bench, sealed
from slmworks_torch import checkpoints, devices
from slmworks_torch.bag_of_embeddings import BagOfEmbeddings
from slmworks_torch.classifier import FinetuneClassifier
from slmworks_torch.embedding_kd import EmbeddingKD
from slmworks_torch.hidden.hidden_kd import HiddenKD
from slmworks_torch.static_embeddings import StaticEmbeddings

QUICK = {"epochs": 2, "learning_rate": 3e-3, "batch_size": 32, "dropout": 0.1}
FROZEN = {**QUICK, "max_length": 24, "freeze_layers": 2, "freeze_embeddings": True}
TRAININGS: dict[str, tuple[type, dict[str, Any], int]] = {
    "layers that stay": (FinetuneClassifier, FROZEN, 12),
    "float16": (FinetuneClassifier, {**QUICK, "max_length": 24, "precision": "float16"}, 7),
    "bfloat16": (FinetuneClassifier, {**QUICK, "max_length": 24, "precision": "bfloat16"}, 9),
    "hidden-kd": (HiddenKD, {**QUICK, "method": "both", "alpha": 0.5}, 15),
    "hidden-kd by distance": (HiddenKD, {**QUICK, "soft": 0.0}, 15),
    "bag-of-embeddings": (BagOfEmbeddings, {"epochs": 2, "augment": 1}, 7),
    "embedding-kd": (EmbeddingKD, QUICK, 9),
    "static-embeddings": (StaticEmbeddings, {"epochs": 3, "dimensions": 16, "batch_size": 32}, 20),
}
"""Plugin, options, and the step at which it is cut short: some within the first epoch, some within the last."""


@pytest.fixture(scope="module")
def documents(tiny_reviews: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The reviews as texts of a search, without documents."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("documents")
    for split in ("train", "validation"):
        rows = [{**row, "document": None} for row in tiny_reviews.rows(split, "id", "text", "source")]
        schema = pa.schema([(name, pa.string()) for name in ("id", "text", "source", "document")])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "feature-extraction"}))


class CutError(Exception):
    """The end of an attempt."""


def attempt(
    bench: Bench, plugin: Any, given: Mapping[str, Any], name: str, kept: Path | None = None, *, cut: int = 0
) -> Model:
    """One attempt; with `cut` it ends at the progress or the curve behind that step."""

    def emit(event: dict[str, Any]) -> None:
        bench.events.append({"attempt": name, **event})
        if cut and event["event"] == "metrics" and event["step"] >= cut:
            raise CutError

    task = replace(bench.task(name, seed=1), checkpoints=kept, emit=emit)
    return sealed(plugin.run(**given, task=task))


def told(bench: Bench, name: str, event: str) -> list[dict[str, Any]]:
    found = [one for one in bench.events if one.get("attempt") == name and one["event"] == event]
    return [{key: value for key, value in one.items() if key != "attempt"} for one in found]


@pytest.mark.parametrize("training", TRAININGS)
def test_a_training_that_was_cut_short_ends_as_an_unbroken_one(
    training: str,
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    kind, options, cut = TRAININGS[training]
    plugin = kind(**options)
    embedding = kind in (EmbeddingKD, StaticEmbeddings)
    data = request.getfixturevalue("documents" if embedding else "tiny_reviews")
    if kind is FinetuneClassifier:
        given: dict[str, Any] = {"model": request.getfixturevalue("tiny_encoder"), "data": data}
    else:
        teacher = request.getfixturevalue("tiny_encoder" if embedding else "tiny_classifier")
        given = {"teacher": teacher, "student": None, "data": data}
    # a first scale of which the gradients overflow: steps are left out, and the scale is another at the cut
    monkeypatch.setattr(
        devices,
        "scaler",
        lambda device, precision: torch.amp.GradScaler(
            device.type, init_scale=2.0**26, enabled=precision == "float16"
        ),
    )
    whole = attempt(bench, plugin, given, "whole")
    monkeypatch.setattr(checkpoints, "LEAST", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)
    with pytest.raises(CutError):
        attempt(bench, plugin, given, "first", tmp_path / "kept", cut=cut)
    (file,) = (tmp_path / "kept").iterdir()
    assert int(file.name[:9]) >= cut - 1
    scaler = torch.load(file, weights_only=True)["state"]["scaler"]
    assert (scaler.get("scale", 0) < 2.0**26) if training == "float16" else scaler == {}
    made = attempt(bench, plugin, given, "second", tmp_path / "kept")
    assert any("resumed at epoch" in event["line"] for event in told(bench, "second", "line"))
    assert made.digest == whole.digest
    assert told(bench, "second", "metrics") == told(bench, "whole", "metrics")
    assert {**made.summary, "rows_per_s": 0} == {**whole.summary, "rows_per_s": 0}


@pytest.mark.parametrize("changed", ["data", "options"])
def test_a_checkpoint_of_another_training_is_named_and_left(
    changed: str,
    bench: Bench,
    tiny_encoder: Model,
    tiny_reviews: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {**QUICK, "max_length": 24, "epochs": 1}
    given = {"model": tiny_encoder, "data": tiny_reviews}
    monkeypatch.setattr(checkpoints, "LEAST", 0.0)
    with pytest.raises(CutError):
        attempt(bench, FinetuneClassifier(**options), given, "first", tmp_path / "kept", cut=3)
    other = FinetuneClassifier(**options)
    if changed == "options":
        other = FinetuneClassifier(**{**options, "class_weights": {"neutral": 2.0}})
    else:
        turned = replace(
            tiny_reviews, meta={**tiny_reviews.meta, "labels": ["positive", "neutral", "negative"]}
        )
        given = {"model": tiny_encoder, "data": turned}
    attempt(bench, other, given, "second", tmp_path / "kept")
    word = "options" if changed == "options" else "rows"
    lines = [event["line"] for event in told(bench, "second", "line")]
    assert any(f"a checkpoint is not taken: it was written with {word}" in line for line in lines)

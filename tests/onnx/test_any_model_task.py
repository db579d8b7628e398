"""Exports and quantizers read the model task: embeddings go through them as classifiers do."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import onnx
from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime, outputs_all
from slmworks.model_tasks.feature_extraction.hf import HfEmbedder
from slmworks.testing import Bench
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.export import ExportOnnx
from slmworks_onnx.static import OnnxStatic

ROWS = [{"text": text} for text in ("the camera is great", "", "my lamp " * 40, "half \ud83d a pair")]


@pytest.fixture(scope="module")
def embedder(tiny_embedder: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    task = Bench(tmp_path_factory.mktemp("embedder")).task("export")
    return ExportOnnx().run(model=tiny_embedder, task=task)


def test_an_export_embeds_as_torch_does(tiny_embedder: Model, embedder: Model) -> None:
    assert embedder.meta == tiny_embedder.meta
    assert embedder.summary["difference"] < 1e-4
    assert {path.name for path in embedder.path.iterdir()} == {
        "model.onnx",
        "tokenizer.json",
        "embedding.json",
    }
    assert json.loads((embedder.path / "embedding.json").read_text()) == {"dimensions": 32, "max_length": 32}
    (output,) = onnx.load(embedder.path / "model.onnx").graph.output
    assert output.name == "embedding"
    torch, exported = (open_runtime(model, threads=1) for model in (tiny_embedder, embedder))
    np.testing.assert_allclose(outputs_all(exported, ROWS), outputs_all(torch, ROWS), atol=1e-4)


def test_a_bare_encoder_is_written_as_what_it_is_used_for(
    tiny_embedder: Model, tiny_classifier: Model, bench: Bench
) -> None:
    bare, plugin = replace(tiny_embedder, meta={}), ExportOnnx(model_task="feature-extraction")
    made = plugin.run(model=bare, task=bench.task("bare"))
    assert made.meta == {**tiny_embedder.meta, "max_length": 64}  # its positions
    torch, exported = (open_runtime(m, threads=1, model_task=made.model_task) for m in (bare, made))
    np.testing.assert_allclose(outputs_all(exported, ROWS), outputs_all(torch, ROWS), atol=1e-4)
    assert plugin.run(model=tiny_embedder, task=bench.task("known")).meta == tiny_embedder.meta
    with pytest.raises(BadRequest, match="the model is for .*classification; leave `model_task` out"):
        plugin.run(model=tiny_classifier, task=bench.task("other"))
    with pytest.raises(BadRequest, match="export: model_task|text-classification"):
        ExportOnnx(model_task="text-classification").run(model=bare, task=bench.task("head"))


@pytest.mark.parametrize("plugin", [OnnxDynamic(), OnnxStatic(rows=40)], ids=["dynamic", "static"])
def test_int8_embeds_nearly_alike(
    tiny_embedder: Model,
    embedder: Model,
    tiny_search: Dataset,
    bench: Bench,
    plugin: OnnxDynamic | OnnxStatic,
) -> None:
    made = plugin.run(model=tiny_embedder, calibration=tiny_search, task=bench.task("int8"))
    assert made.summary["bytes"] < 0.7 * embedder.summary["bytes"]
    assert made.meta == {**tiny_embedder.meta, "quantized": made.meta["quantized"]}
    rows = tiny_search.rows("test", "text")
    found, wanted = (outputs_all(open_runtime(one, threads=1), rows) for one in (made, embedder))
    assert (found * wanted).sum(axis=1).mean() > 0.95


def test_embeddings_that_moved_too_far_fail(embedder: Model, tiny_search: Dataset, bench: Bench) -> None:
    with pytest.raises(
        TaskFailed, match=r"answers to the 16 calibration texts agree .* less than `agreement`"
    ):
        OnnxStatic(rows=16, agreement=1).run(model=embedder, calibration=tiny_search, task=bench.task("int8"))


def test_several_inputs_are_not_joined(
    embedder: Model, tiny_search: Dataset, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    purpose = type(catalog.model_task("feature-extraction"))
    monkeypatch.setattr(purpose, "inputs", ("text", "context"))
    monkeypatch.setattr(purpose, "example", {"text": "?", "context": "."})
    with pytest.raises(BadRequest, match="one text a row, and feature-extraction reads text, context"):
        OnnxStatic().run(model=embedder, calibration=tiny_search, task=bench.task("int8"))


def test_a_runtime_without_a_network_is_refused(
    tiny_embedder: Model, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Words:
        packages, stands_alone = (), True

        def answer(self, rows):
            return [{"embedding": [1.0]} for _ in rows]

    monkeypatch.setattr(HfEmbedder, "open", classmethod(lambda cls, model, *, threads: Words()))
    for plugin in (ExportOnnx(), OnnxDynamic()):
        inputs = {} if isinstance(plugin, ExportOnnx) else {"calibration": None}
        with pytest.raises(BadRequest, match="their runtime, Words, gives no torch network"):
            plugin.run(model=tiny_embedder, task=bench.task(type(plugin).__name__), **inputs)


def test_a_model_without_a_header_of_its_own_is_refused(tiny_embedder: Model, bench: Bench) -> None:
    bare = replace(tiny_embedder, path=Path(tiny_embedder.path), meta={})
    with pytest.raises(BadRequest, match="put a finetune or distill step before this one"):
        OnnxDynamic().run(model=bare, calibration=None, task=bench.task("int8"))

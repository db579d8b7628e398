"""A classifier as ONNX: the same answers, any batch, any length, the same bytes wherever it is made."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import onnx
import torch
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.model_tasks.hf_text import load_network
from slmworks.testing import Bench, sealed
from slmworks_onnx.export import ExportOnnx


@pytest.mark.parametrize(("rows", "tokens"), [(1, 2), (1, 3), (2, 7), (5, 32), (33, 9)])
def test_it_computes_what_torch_computes(
    tiny_classifier: Model, exported: Model, rows: int, tokens: int
) -> None:
    ids = np.random.default_rng(rows).integers(5, 100, (rows, tokens))
    mask = np.ones_like(ids)
    mask[rows // 2 :, tokens // 2 + 1 :] = 0
    session = ort.InferenceSession(exported.path / "model.onnx")
    (found,) = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
    with torch.inference_mode():
        wanted = load_network(tiny_classifier.path, "AutoModelForSequenceClassification")(
            input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)
        ).logits
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)


def test_the_folder_holds_all_that_a_runtime_needs(tiny_classifier: Model, exported: Model) -> None:
    files = {path.name for path in exported.path.iterdir()}
    assert files == {"model.onnx", "tokenizer.json", "labels.json", "slmworks.json"}
    about = json.loads((exported.path / "labels.json").read_text())
    assert about == {"labels": ["negative", "neutral", "positive"], "max_length": 32}
    assert exported.format == "onnx"
    assert exported.meta == tiny_classifier.meta
    assert exported.summary["difference"] < 1e-4
    assert exported.summary["bytes"] == (exported.path / "model.onnx").stat().st_size


def test_the_bytes_do_not_depend_on_the_place_and_nothing_is_printed(
    tiny_classifier: Model,
    exported: Model,
    bench: Bench,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    elsewhere = shutil.copytree(tiny_classifier.path, tmp_path / "another" / "folder")
    again = ExportOnnx().run(
        model=replace(tiny_classifier, path=elsewhere), task=bench.task("again", threads=2, seed=3)
    )
    assert sealed(again).digest == exported.digest
    assert capfd.readouterr() == ("", "")
    assert any(event["event"] == "progress" for event in bench.events)


def test_no_trace_of_the_exporting_machine_is_left(exported: Model) -> None:
    data = (exported.path / "model.onnx").read_bytes()
    assert b"site-packages" not in data
    assert b"modeling_bert" not in data
    onnx.checker.check_model(onnx.load(exported.path / "model.onnx"), full_check=True)


def test_a_difference_beyond_the_tolerance_fails(tiny_classifier: Model, bench: Bench) -> None:
    task = bench.task("export")
    with pytest.raises(TaskFailed, match="more than the tolerance 1e-12"):
        ExportOnnx(opset=20, tolerance=1e-12).run(model=tiny_classifier, task=task)
    assert onnx.load(task.output / "model.onnx").opset_import[0].version == 20


def test_an_encoder_without_a_head_is_refused(tiny_encoder: Model, bench: Bench) -> None:
    with pytest.raises(BadRequest, match="without a model task cannot be written as ONNX"):
        ExportOnnx().run(model=tiny_encoder, task=bench.task("export"))


def test_another_family_exports_too(tiny_classifier: Model, bench: Bench, tmp_path: Path) -> None:
    """RoBERTa counts positions from its padding token, and has no token types."""
    from transformers import RobertaConfig, RobertaForSequenceClassification

    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=200,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=0,
        num_labels=3,
    )
    RobertaForSequenceClassification(config).save_pretrained(tmp_path / "model")
    shutil.copy(tiny_classifier.path / "tokenizer.json", tmp_path / "model")
    model = sealed(Model(path=tmp_path / "model", format="hf", meta=dict(tiny_classifier.meta)))
    assert ExportOnnx().run(model=model, task=bench.task("export")).summary["difference"] < 1e-4

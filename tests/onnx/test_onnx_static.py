"""Scales fixed on training texts by ONNX Runtime alone: smaller, and the answers hold."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import onnx
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime, outputs_all
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import Bench, sealed
from slmworks_onnx.static import OnnxStatic


@pytest.fixture(scope="module")
def train_only(tiny_reviews: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """What a step is handed that reads `train` only."""
    folder = tmp_path_factory.mktemp("train-only")
    shutil.copy(tiny_reviews.path / "train.parquet", folder)
    return replace(tiny_reviews, path=folder)


@pytest.mark.parametrize("observer", ["minmax", "entropy", "percentile"])
def test_it_is_smaller_and_agrees_without_a_word(
    exported: Model,
    tiny_reviews: Dataset,
    train_only: Dataset,
    bench: Bench,
    observer: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # 33 rows: the last batch of 16 holds a single row, and batches differ in length.
    options = {"observer": observer, "rows": 33}
    made = OnnxStatic.model_validate(options).run(
        model=exported, calibration=train_only, task=bench.task("int8")
    )
    assert capfd.readouterr() == ("", "")
    assert made.summary["bytes"] < 0.7 * exported.summary["bytes"]
    assert made.summary["calibration_rows"] == 33
    rows = tiny_reviews.rows("test", "text")
    found, wanted = (
        outputs_all(open_runtime(model, threads=1), rows).argmax(axis=1) for model in (made, exported)
    )
    assert (found == wanted).mean() >= 0.9
    assert made.meta["quantized"]["method"] == "onnxruntime-static"
    assert made.meta["quantized"]["weights_quantized_share"] == made.summary["weights_quantized_share"] > 0.9
    assert labels_of(made) == labels_of(exported)


def test_attention_and_what_follows_stay_in_fp32(exported: Model, train_only: Dataset, bench: Bench) -> None:
    made = OnnxStatic(rows=16, embeddings=False).run(
        model=exported, calibration=train_only, task=bench.task("int8")
    )
    graph = onnx.load(made.path / "model.onnx").graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    readers = {node.op_type for node in graph.node if "DequantizeLinear" in map(makers.get, node.input)}
    assert readers <= {"MatMul", "Gemm", "Transpose"}
    assert not {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"} & {
        name for node in graph.node if node.op_type in {"MatMul", "Gemm"} for name in node.output
    }


def test_from_torch_gives_the_same_as_from_onnx(
    tiny_classifier: Model, exported: Model, train_only: Dataset, bench: Bench
) -> None:
    digests = {
        sealed(
            OnnxStatic(rows=16).run(model=model, calibration=train_only, task=bench.task(model.format))
        ).digest
        for model in (tiny_classifier, exported)
    }
    assert len(digests) == 1


def test_a_result_that_disagrees_fails(exported: Model, train_only: Dataset, bench: Bench) -> None:
    task = bench.task("broken")
    shutil.copytree(exported.path, task.output, dirs_exist_ok=True)
    graph = onnx.load(task.output / "model.onnx")
    (bias,) = (tensor for tensor in graph.graph.initializer if tensor.name.endswith("classifier.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([99, 0, 0], np.float32), bias.name))
    onnx.save(graph, task.output / "model.onnx")
    rows = train_only.rows("train", "text")
    with pytest.raises(TaskFailed, match=r"keep their label in int8, less than `agreement` \(80%\)"):
        OnnxStatic()._compare(exported, rows, task)


def test_missing_calibration_is_a_bad_request(exported: Model, bench: Bench) -> None:
    with pytest.raises(BadRequest, match="onnx-static needs training texts"):
        OnnxStatic().run(model=exported, calibration=None, task=bench.task("int8"))


def test_a_quantized_model_is_refused(exported: Model, train_only: Dataset, bench: Bench) -> None:
    once = OnnxStatic(rows=16).run(model=exported, calibration=train_only, task=bench.task("once"))
    with pytest.raises(BadRequest, match="quantized already"):
        OnnxStatic(rows=16).run(model=once, calibration=train_only, task=bench.task("twice"))

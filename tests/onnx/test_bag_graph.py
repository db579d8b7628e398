"""A classifier that never was a transformer: embeddings, a masked mean and two layers, straight in ONNX."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

import onnx
from onnx import TensorProto, helper, numpy_helper
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.model_tasks.onnx_text import encode
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import Bench, sealed
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.static import OnnxStatic

VOCABULARY, WIDTH, HIDDEN = 3000, 128, 128


@pytest.fixture(scope="module")
def bag(tiny_classifier: Model, tiny_reviews: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("bag")
    shutil.copy(tiny_classifier.path / "tokenizer.json", folder)
    about = {"labels": labels_of(tiny_classifier), "max_length": 32}
    (folder / "labels.json").write_text(json.dumps(about))
    onnx.save(_graph(_weights(folder, tiny_reviews, labels_of(tiny_classifier))), folder / "model.onnx")
    meta = {**tiny_classifier.meta, "parameters": VOCABULARY * WIDTH + HIDDEN * (WIDTH + 3) + HIDDEN + 3}
    return sealed(Model(path=folder, format="onnx", meta=meta))


def _weights(folder: Path, data: Dataset, labels: list[str]) -> dict[str, np.ndarray]:
    """Random features with a head fitted by least squares: right on nearly every review."""
    chance = np.random.default_rng(0)
    table = chance.normal(0, 1, (VOCABULARY, WIDTH)).astype(np.float32)
    inner = chance.normal(0, 0.5, (WIDTH, HIDDEN)).astype(np.float32)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    texts, wanted = data.columns("train", "text", "label")
    batch = encode(tokenizer, texts)
    mask = batch["attention_mask"][..., None].astype(np.float32)
    mean = (table[batch["input_ids"]] * mask).sum(axis=1) / mask.sum(axis=1)
    hidden = np.maximum(mean @ inner, 0)
    targets = np.eye(3)[[labels.index(label) for label in wanted]]
    features = np.hstack([hidden, np.ones((len(hidden), 1))])
    head, *_ = np.linalg.lstsq(features, targets, rcond=None)
    return {
        "table": table,
        "inner": inner,
        "inner_bias": np.zeros(HIDDEN, np.float32),
        "head": head[:-1].astype(np.float32),
        "head_bias": head[-1].astype(np.float32),
        "middle": np.array([1], np.int64),
        "last": np.array([2], np.int64),
    }


def _graph(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["rows"]),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "last"], ["mask3"]),
        node("Mul", ["rows", "mask3"], ["seen"]),
        node("ReduceSum", ["seen", "middle"], ["sum"], keepdims=0),
        node("ReduceSum", ["mask", "middle"], ["count"], keepdims=1),
        node("Div", ["sum", "count"], ["mean"]),
        node("Gemm", ["mean", "inner", "inner_bias"], ["dense"]),
        node("Relu", ["dense"], ["hidden"]),
        node("Gemm", ["hidden", "head", "head_bias"], ["logits"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "bag", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize("plugin", [OnnxDynamic(), OnnxStatic(rows=64)], ids=["dynamic", "static"])
def test_int8_makes_it_four_times_smaller_and_as_good(
    bag: Model, tiny_reviews: Dataset, bench: Bench, plugin: OnnxDynamic | OnnxStatic
) -> None:
    made = plugin.run(model=bag, calibration=tiny_reviews, task=bench.task("int8"))
    size = (bag.path / "model.onnx").stat().st_size
    assert size / made.summary["bytes"] > 3.7
    assert made.summary["weights_quantized_share"] > 0.99
    rows, (wanted,) = tiny_reviews.rows("test", "text"), tiny_reviews.columns("test", "label")
    right, kept = (
        np.mean([a["label"] == b for a, b in zip(answer_all(runtime, rows), wanted, strict=True)])
        for runtime in (open_runtime(model, threads=1) for model in (bag, made))
    )
    assert right > 0.8
    assert kept >= right - 0.02

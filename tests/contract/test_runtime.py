"""One runtime a format: load a folder, answer rows, whatever the text looks like."""

import ast
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import (
    Network,
    Outputs,
    Runtime,
    answer_all,
    inputs_of,
    open_runtime,
    outputs_all,
)
from slmworks.model_tasks import onnx_text
from slmworks.model_tasks.text_classification import onnx
from slmworks.model_tasks.text_classification.task import TextClassification
from slmworks.registry.standalone import standalone_source
from slmworks.testing import Bench

ROWS = [
    "the camera is great",
    "",
    "terrible",
    "ZERO 🙂 naïve Größe 日本語 \u202e text",
    "half a pair \ud83d of surrogates",
    "I bought a broken kettle last week " * 200,
    "this lamp looks blue and square",
]
ROWS = [{"text": text} for text in ROWS]


@pytest.fixture(scope="module")
def onnx_model(tiny_classifier: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    from slmworks_onnx.export import ExportOnnx

    task = Bench(tmp_path_factory.mktemp("runtimes")).task("export")
    return ExportOnnx().run(model=tiny_classifier, task=task)


@pytest.fixture(params=["hf", "onnx"])
def runtime(request: pytest.FixtureRequest, tiny_classifier: Model, onnx_model: Model) -> Runtime:
    return open_runtime({"hf": tiny_classifier, "onnx": onnx_model}[request.param], threads=1)


def test_labels_and_length_come_from_the_model(runtime: Runtime) -> None:
    assert runtime.labels == ["negative", "neutral", "positive"]
    assert runtime.max_length == 32


def test_a_batch_of_mixed_lengths_gives_what_each_text_gives_alone(runtime: Runtime) -> None:
    alone = np.concatenate([runtime.outputs([row]) for row in ROWS])
    together = runtime.outputs(ROWS)
    assert together.dtype == np.float32
    assert together.shape == (len(ROWS), 3)
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(outputs_all(runtime, ROWS, batch_size=2), alone, atol=1e-4)


def test_no_row_gives_no_answer(runtime: Runtime) -> None:
    assert runtime.outputs([]).shape == (0, 3)
    assert outputs_all(runtime, []).shape == (0, 3)
    assert runtime.answer([]) == answer_all(runtime, []) == []


def test_a_long_text_is_cut_at_the_models_length(runtime: Runtime) -> None:
    start = "camera " * 30
    cut = runtime.outputs([{"text": start}])
    longer, other = ({"text": text} for text in (start + "terrible " * 500, "terrible " + start))
    np.testing.assert_allclose(runtime.outputs([longer]), cut, atol=1e-5)
    assert not np.allclose(runtime.outputs([other]), cut, atol=1e-3)


def test_one_text_instead_of_a_list_is_refused(onnx_model: Model) -> None:
    tokenizer = onnx_text.open_tokenizer(onnx_model.path, 32)
    with pytest.raises(TypeError, match=r"write \[text\]"):
        onnx_text.encode(tokenizer, "the camera is great")


def test_both_formats_agree(tiny_classifier: Model, onnx_model: Model) -> None:
    torch, onnx = (open_runtime(model, threads=1) for model in (tiny_classifier, onnx_model))
    np.testing.assert_allclose(outputs_all(onnx, ROWS), outputs_all(torch, ROWS), atol=1e-4)


def test_a_torch_runtime_can_be_transformed_and_an_onnx_one_only_compared(
    tiny_classifier: Model, onnx_model: Model
) -> None:
    torch, onnx = (open_runtime(model, threads=1) for model in (tiny_classifier, onnx_model))
    assert isinstance(torch, Network)
    assert isinstance(torch, Outputs)
    assert isinstance(onnx, Outputs)
    assert not isinstance(onnx, Network)


def test_answers_are_probabilities_in_the_order_of_the_rows(runtime: Runtime, tiny_reviews: Dataset) -> None:
    rows = tiny_reviews.rows("test", "text", "label")
    answers = answer_all(runtime, inputs_of(TextClassification(), rows), batch_size=7)
    right = [answer["label"] == row["label"] for answer, row in zip(answers, rows, strict=True)]
    assert sum(right) > 0.6 * len(rows)
    for answer in answers:
        assert sum(answer["scores"].values()) == pytest.approx(1)
        assert answer["score"] == max(answer["scores"].values()) == answer["scores"][answer["label"]]


def test_softmax_survives_large_logits() -> None:
    found = onnx.softmax(np.array([[1e4, 0.0], [-1e4, -1e4]], np.float32))
    np.testing.assert_allclose(found, [[1, 0], [0.5, 0.5]])


def test_the_folders_own_fixed_padding_is_not_used(onnx_model: Model, tmp_path: Path) -> None:
    shutil.copytree(onnx_model.path, tmp_path / "model")
    file = tmp_path / "model" / "tokenizer.json"
    settings = json.loads(file.read_text())
    settings["padding"] = {
        "strategy": {"Fixed": 128},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 4,
        "pad_type_id": 0,
        "pad_token": "[MASK]",
    }
    file.write_text(json.dumps(settings))
    batch = onnx_text.encode(onnx_text.open_tokenizer(tmp_path / "model", 32), ["great", "a camera"])
    assert batch["input_ids"].shape == (2, 4)
    assert batch["input_ids"][0, -1] == 4
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_the_onnx_classifier_stands_alone(onnx_model: Model, tmp_path: Path) -> None:
    text = standalone_source(onnx.OnnxClassifier)
    names = {name.split(".")[0] for node in ast.walk(ast.parse(text)) for name in _imported(node)}
    assert names == {"collections", "json", "numpy", "onnxruntime", "pathlib", "tokenizers", "typing"}
    (tmp_path / "classifier.py").write_text(text)
    code = (
        "import sys, json; sys.modules['slmworks'] = None; import classifier;"
        f"model = classifier.OnnxClassifier({str(onnx_model.path)!r});"
        "print(json.dumps(model.answer([{'text': 'the phone is lovely 3'}])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    wanted = onnx.OnnxClassifier(onnx_model.path).answer([{"text": "the phone is lovely 3"}])
    assert json.loads(done.stdout) == wanted


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_an_unknown_format_names_the_known_ones(tiny_classifier: Model) -> None:
    with pytest.raises(BadRequest, match=r"'gguf' \(known: hf, onnx\)"):
        open_runtime(replace(tiny_classifier, format="gguf"), threads=1)


def test_a_model_without_a_task_is_refused(tiny_encoder: Model) -> None:
    with pytest.raises(BadRequest, match="fine-tune it first"):
        open_runtime(tiny_encoder, threads=1)


def test_a_missing_library_names_the_install_line(
    tiny_classifier: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BadRequest, match=r"needs torch: pip install 'slmworks-torch\[run\]'"):
        open_runtime(tiny_classifier, threads=1)

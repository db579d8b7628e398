"""One runtime a format: load a folder, predict, whatever the text looks like."""

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
from slmworks.contract.runtime import Runtime, open_runtime
from slmworks.model_tasks.text_classification import onnx
from slmworks.testing import Bench

TEXTS = [
    "the camera is great",
    "",
    "terrible",
    "ZERO 🙂 naïve Größe 日本語 \u202e text",
    "half a pair \ud83d of surrogates",
    "I bought a broken kettle last week " * 200,
    "this lamp looks blue and square",
]


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
    alone = np.concatenate([runtime.logits([text]) for text in TEXTS])
    together = runtime.logits(TEXTS)
    assert together.dtype == np.float32
    assert together.shape == (len(TEXTS), 3)
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(runtime.predict(TEXTS, batch_size=2), alone, atol=1e-4)


def test_no_text_gives_no_rows(runtime: Runtime) -> None:
    assert runtime.logits([]).shape == (0, 3)
    assert runtime.predict([]).shape == (0, 3)


def test_a_long_text_is_cut_at_the_models_length(runtime: Runtime) -> None:
    start = "camera " * 30
    cut = runtime.logits([start])
    np.testing.assert_allclose(runtime.logits([start + "terrible " * 500]), cut, atol=1e-5)
    assert not np.allclose(runtime.logits(["terrible " + start]), cut, atol=1e-3)


def test_one_text_instead_of_a_list_is_refused(runtime: Runtime) -> None:
    with pytest.raises(TypeError, match=r"write \[text\]"):
        runtime.logits("the camera is great")


def test_both_formats_agree(tiny_classifier: Model, onnx_model: Model) -> None:
    torch_logits = open_runtime(tiny_classifier, threads=1).predict(TEXTS)
    np.testing.assert_allclose(open_runtime(onnx_model, threads=1).predict(TEXTS), torch_logits, atol=1e-4)


def test_classify_answers_with_probabilities(onnx_model: Model, tiny_reviews: Dataset) -> None:
    texts, labels = tiny_reviews.columns("test", "text", "label")
    classifier = onnx.OnnxClassifier(onnx_model.path)
    answers = classifier.classify(texts, batch_size=7)
    right = [answer["label"] == label for answer, label in zip(answers, labels, strict=True)]
    assert sum(right) > 0.6 * len(texts)
    for answer in answers:
        assert sum(answer["scores"].values()) == pytest.approx(1)
        assert answer["score"] == max(answer["scores"].values()) == answer["scores"][answer["label"]]
    assert classifier.classify([]) == []


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
    batch = onnx.encode(onnx.open_tokenizer(tmp_path / "model", 32), ["great", "a camera"])
    assert batch["input_ids"].shape == (2, 4)
    assert batch["input_ids"][0, -1] == 4
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_the_onnx_classifier_stands_alone(onnx_model: Model, tmp_path: Path) -> None:
    source = Path(onnx.__file__)
    names = {
        name.split(".")[0] for node in ast.walk(ast.parse(source.read_text())) for name in _imported(node)
    }
    assert names == {"collections", "json", "numpy", "onnxruntime", "pathlib", "tokenizers", "typing"}
    shutil.copy(source, tmp_path / "classifier.py")
    code = (
        "import sys, json; sys.modules['slmworks'] = None; import classifier;"
        f"model = classifier.OnnxClassifier({str(onnx_model.path)!r});"
        "print(json.dumps(model.classify(['the phone is lovely 3'])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    wanted = onnx.OnnxClassifier(onnx_model.path).classify(["the phone is lovely 3"])
    assert json.loads(done.stdout) == wanted


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_an_unknown_format_names_the_known_ones(tiny_classifier: Model) -> None:
    with pytest.raises(BadRequest, match=r"'gguf' \(known: hf, onnx\)"):
        open_runtime(replace(tiny_classifier, format="gguf"), threads=1)


def test_a_model_without_a_task_is_refused(tiny_encoder: Model) -> None:
    with pytest.raises(BadRequest, match="fine-tune it as a classifier first"):
        open_runtime(tiny_encoder, threads=1)


def test_a_missing_library_names_the_install_line(
    tiny_classifier: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BadRequest, match=r"needs torch: pip install 'slmworks-torch\[run\]'"):
        open_runtime(tiny_classifier, threads=1)

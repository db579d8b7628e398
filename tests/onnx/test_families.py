"""Networks of other families as ONNX: what is written answers any number of texts, or is refused in one line."""

from pathlib import Path

import numpy as np
import pytest

import families
import onnx
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime
from slmworks.testing import Bench, sealed
from slmworks_inc.autotune import IncAutotune
from slmworks_inc.static import IncStatic
from slmworks_onnx import trial
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.export import ExportOnnx
from slmworks_onnx.static import OnnxStatic
from slmworks_torch import classification

DEPTH = {"bart": "decoder_layers"}
LABELS = ["negative", "neutral", "positive"]
ROWS = [
    {"text": text} for text in ("great", "", "the camera is great and the lamp is bad " * 3, "a slow phone")
]


def classifier(family: str, folder: Path, **changes: object) -> Model:
    """An untrained classifier of the family, as finetune would write it, with one layer."""
    base = families.write(family, folder / "base", **{DEPTH.get(family, "num_hidden_layers"): 1} | changes)
    network = classification.load_classifier(base, LABELS, port="model", max_length=32)
    (folder / "tuned").mkdir()
    network.save(folder / "tuned")
    meta = classification.meta(LABELS, network)
    return sealed(Model(path=folder / "tuned", format="hf", meta=meta))


def outputs(model: Model) -> np.ndarray:
    """Outputs of the rows as one batch."""
    return open_runtime(model, threads=1).outputs(ROWS)


def moved(made: Model, model: Model) -> float:
    """Median change of an output, as a share of their range; random weights have outliers that 8 bits cut."""
    return float(np.median(np.abs(outputs(made) - outputs(model))) / np.ptp(outputs(model)))


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("modernbert", {}),
        pytest.param("llama", {"num_key_value_heads": 1}, marks=pytest.mark.slow),
        pytest.param("bart", {}, marks=pytest.mark.slow),
        ("roberta", {"pad_token_id": 5}),
        pytest.param(
            "bigbird",
            {"attention_type": "block_sparse", "block_size": 2, "num_random_blocks": 1},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_export_answers_as_torch_does(
    family: str, changes: dict[str, object], bench: Bench, tmp_path: Path
) -> None:
    model = classifier(family, tmp_path, **changes)
    made = sealed(ExportOnnx().run(model=model, task=bench.task("export")))
    assert made.summary["difference"] < 1e-4
    np.testing.assert_allclose(outputs(made), outputs(model), atol=1e-4)


@pytest.mark.parametrize(
    "plugin",
    [OnnxDynamic(), *(pytest.param(one(rows=16), marks=pytest.mark.slow) for one in (OnnxStatic, IncStatic))],
)
def test_int8_of_rotary_positions_answers_several_texts(
    plugin: OnnxDynamic | OnnxStatic | IncStatic, bench: Bench, tiny_reviews: Dataset, tmp_path: Path
) -> None:
    model = classifier("llama", tmp_path)
    made = sealed(plugin.run(model=model, calibration=tiny_reviews, task=bench.task("int8")))
    assert moved(made, model) < 0.1


@pytest.mark.parametrize("family", ["albert", pytest.param("deberta-v3", marks=pytest.mark.slow)])
def test_shared_weights_become_int8_by_neural_compressor(
    family: str, bench: Bench, tiny_reviews: Dataset, tmp_path: Path
) -> None:
    model = classifier(family, tmp_path, num_hidden_layers=2 if family == "albert" else 1)
    made = sealed(IncStatic(rows=16).run(model=model, calibration=tiny_reviews, task=bench.task("int8")))
    assert made.meta["quantized"]["weights_quantized_share"] > 0.8
    assert moved(made, model) < 0.1


@pytest.mark.slow
def test_only_layers_become_int8_by_neural_compressor(
    bench: Bench, tiny_reviews: Dataset, tmp_path: Path
) -> None:
    model = classifier("deberta-v3", tmp_path)
    layers = ("deberta.encoder.layer.0", "pooler")
    plugin = IncStatic(rows=16, keep_fp32=layers, embeddings=False)
    made = sealed(plugin.run(model=model, calibration=tiny_reviews, task=bench.task("int8")))
    nodes = onnx.load(made.path / "model.onnx").graph.node
    assert [node.op_type for node in nodes].count("QuantizeLinear") == 1, (
        "of the classifier, not of positions"
    )


@pytest.mark.parametrize(
    "plugin",
    [IncStatic(rows=16), pytest.param(IncAutotune(rows=16), marks=pytest.mark.slow)],
    ids=["static", "autotune"],
)
def test_a_network_that_cannot_be_traced_is_refused(
    plugin: IncStatic | IncAutotune, bench: Bench, tiny_reviews: Dataset, tmp_path: Path, capfd
) -> None:
    model = classifier("mobilebert", tmp_path)
    capfd.readouterr()
    with pytest.raises(
        BadRequest, match="Neural Compressor cannot trace this network .*; use onnx-static"
    ) as refused:
        plugin.run(model=model, calibration=tiny_reviews, task=bench.task("int8"))
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")
    if isinstance(plugin, IncStatic):  # the way out that both name
        that = OnnxStatic(rows=16, agreement=0)
        sealed(that.run(model=model, calibration=tiny_reviews, task=bench.task("that")))


@pytest.mark.parametrize("plugin", [OnnxDynamic(), IncStatic(rows=16)], ids=["onnx-dynamic", "inc-static"])
def test_a_network_that_torch_cannot_export_is_refused(
    plugin: OnnxDynamic | IncStatic, bench: Bench, tiny_reviews: Dataset, tmp_path: Path
) -> None:
    model = classifier("longformer", tmp_path)
    with pytest.raises(BadRequest, match="cannot be written as ONNX .*bag-of-embeddings") as refused:
        plugin.run(model=model, calibration=tiny_reviews, task=bench.task("int8"))
    assert "\n" not in str(refused.value)
    assert "onnx-static" not in str(refused.value)


def test_a_file_that_answers_one_text_only_is_never_said_to_be_done(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifier("llama", tmp_path)
    monkeypatch.setattr("slmworks_onnx.graph.widen_caches", lambda graph: graph)
    with pytest.raises(TaskFailed, match="does not answer one row and 3 at once .*RotaryEmbedding"):
        OnnxDynamic().run(model=model, calibration=None, task=bench.task("int8"))


def test_an_output_that_is_no_number_is_found(exported: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.require_answers(exported, exported.path, threads=1)
    monkeypatch.setattr("slmworks.model_tasks.text_classification.onnx.OnnxClassifier.outputs",
                        lambda self, rows: np.full((len(rows), 3), np.nan))  # fmt: skip
    with pytest.raises(TaskFailed, match="no finite number"):
        trial.require_answers(exported, exported.path, threads=1)

"""Neural Compressor calibrates, ONNX Runtime computes: int8 that agrees with the original."""

import shutil
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import onnx
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime, outputs_all
from slmworks.testing import Bench, sealed
from slmworks_inc.autotune import IncAutotune
from slmworks_inc.static import IncStatic


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("inc"))


@pytest.fixture(scope="module")
def int8(shop: Bench, tiny_classifier: Model, tiny_reviews: Dataset) -> Model:
    # 33 rows: the last batch of 16 holds a single row.
    made = IncStatic(rows=33).run(model=tiny_classifier, calibration=tiny_reviews, task=shop.task("int8"))
    return sealed(made)


def test_it_is_smaller_and_agrees(tiny_classifier: Model, tiny_reviews: Dataset, int8: Model) -> None:
    assert int8.summary["bytes"] < 0.8 * (tiny_classifier.path / "model.safetensors").stat().st_size
    rows = tiny_reviews.rows("test", "text")
    found, wanted = (
        outputs_all(open_runtime(model, threads=1), rows).argmax(axis=1) for model in (int8, tiny_classifier)
    )
    assert (found == wanted).mean() >= 0.9


def test_it_says_what_it_is(tiny_classifier: Model, int8: Model) -> None:
    assert int8.format == "onnx"
    quantized = int8.meta["quantized"]
    assert {**tiny_classifier.meta, "quantized": quantized} == int8.meta
    assert quantized["method"] == "neural-compressor-static"
    assert quantized["weights_quantized_share"] == int8.summary["weights_quantized_share"] > 0.9
    assert int8.summary["calibration_rows"] == 33
    files = {path.name for path in int8.path.iterdir()}
    assert files == {"model.onnx", "tokenizer.json", "labels.json", "slmworks.json"}


@pytest.mark.parametrize(("rows", "tokens"), [(1, 2), (1, 3), (2, 7), (5, 32), (33, 9)])
def test_batch_and_length_are_free(tiny_classifier: Model, int8: Model, rows: int, tokens: int) -> None:
    ids = np.random.default_rng(rows).integers(5, 100, (rows, tokens))
    (found,) = ort.InferenceSession(int8.path / "model.onnx").run(
        ["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    )
    assert found.shape == (rows, 3)
    assert np.isfinite(found).all()


def test_a_text_gives_the_same_alone_and_in_a_batch(int8: Model) -> None:
    runtime = open_runtime(int8, threads=1)
    rows = [{"text": text} for text in ("great", "", "the camera is awful and broken " * 9, "Größe 🙂")]
    alone = np.concatenate([runtime.outputs([row]) for row in rows])
    np.testing.assert_allclose(outputs_all(runtime, rows), alone, atol=0.15)


def test_the_same_again_gives_the_same_bytes_in_silence(
    shop: Bench,
    tiny_classifier: Model,
    tiny_reviews: Dataset,
    int8: Model,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    task = shop.task("again", threads=2)
    again = IncStatic(rows=33).run(model=tiny_classifier, calibration=tiny_reviews, task=task)
    assert sealed(again).digest == int8.digest
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert {event["note"] for event in shop.events} >= {"load", "calibrate", "convert", "compare"}


def test_what_is_kept_stays_fp32(
    shop: Bench, tiny_classifier: Model, tiny_reviews: Dataset, int8: Model
) -> None:
    kept = ("bert.encoder.layer.0", "bert.encoder.layer.1.intermediate.dense", "classifier")
    made = IncStatic(rows=33, keep_fp32=kept, observer="kl", embeddings=False).run(
        model=tiny_classifier, calibration=tiny_reviews, task=shop.task("kept")
    )
    # Of 4 layers, 3 are left, less one of the two 32 * 64 matrices; and the pooler's 32 * 32.
    left = 3 * (4 * 32 * 32 + 2 * 32 * 64) - 32 * 64 + 32 * 32
    share = made.summary["weights_quantized_share"]
    assert share == pytest.approx(left / tiny_classifier.meta["parameters"], abs=0.001)
    assert made.summary["bytes"] > int8.summary["bytes"]


def test_a_result_that_disagrees_with_the_original_fails(
    tiny_classifier: Model, tiny_reviews: Dataset, int8: Model, bench: Bench
) -> None:
    task = bench.task("broken")
    shutil.copytree(int8.path, task.output, dirs_exist_ok=True)
    graph = onnx.load(task.output / "model.onnx")
    (bias,) = (tensor for tensor in graph.graph.initializer if tensor.name.endswith("classifier.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([99, 0, 0], np.float32), bias.name))
    onnx.save(graph, task.output / "model.onnx")
    original, rows = open_runtime(tiny_classifier, threads=1), tiny_reviews.rows("test", "text")
    with pytest.raises(TaskFailed, match=r"keep their label in int8, less than `agreement` \(80%\)"):
        IncStatic()._compare(original, tiny_classifier, rows, task)


def test_missing_calibration_is_a_bad_request(tiny_classifier: Model, bench: Bench) -> None:
    with pytest.raises(BadRequest, match="add `calibration: <the curate step>`"):
        IncStatic().run(model=tiny_classifier, calibration=None, task=bench.task("int8"))


def test_an_encoder_without_a_head_is_refused(
    tiny_encoder: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    with pytest.raises(BadRequest, match="without a model task cannot be written as ONNX"):
        IncStatic().run(model=tiny_encoder, calibration=tiny_reviews, task=bench.task("int8"))


@pytest.mark.parametrize("plugin", [IncStatic, IncAutotune])
def test_a_generator_is_refused_with_what_takes_it(
    plugin: type[IncStatic | IncAutotune], tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    task = bench.task("int8")
    model = Model(path=tmp_path, format="hf", meta={"task": "text-generation"})
    with pytest.raises(BadRequest, match="token by token; use quantize/gguf, or slmworks-inc's inc-gptq"):
        plugin().run(model=model, calibration=tiny_reviews, task=task)
    assert list(task.output.iterdir()) == []


def test_embeddings_are_quantized_as_classifiers_are(
    tiny_embedder: Model, tiny_search: Dataset, bench: Bench
) -> None:
    made = IncStatic(rows=33).run(model=tiny_embedder, calibration=tiny_search, task=bench.task("int8"))
    assert made.meta == {**tiny_embedder.meta, "quantized": made.meta["quantized"]}
    assert made.summary["agreement"] > 0.95
    rows = tiny_search.rows("test", "text")
    found, wanted = (outputs_all(open_runtime(one, threads=1), rows) for one in (made, tiny_embedder))
    assert (found * wanted).sum(axis=1).mean() > 0.95


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "bert.encoder.layers.0",
            r"no module 'bert.encoder.layers.0'. Did you mean 'bert.encoder.layer.0'\?",
        ),
        ("bert.embeddings", "holds no linear layer"),
    ],
)
def test_a_layer_that_cannot_be_kept_is_refused(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench, path: str, message: str
) -> None:
    task = bench.task("int8")
    with pytest.raises(BadRequest, match=message):
        IncStatic(keep_fp32=(path,)).run(model=tiny_classifier, calibration=tiny_reviews, task=task)
    assert list(task.output.iterdir()) == []

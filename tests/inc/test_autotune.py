"""The fewest layers stay in fp32 that meet the goal, judged in ONNX Runtime on validation, never on test."""

import random
import shutil
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

import torch
from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime, outputs_all
from slmworks.model_tasks.hf_text import load_network
from slmworks.testing import Bench
from slmworks_inc.autotune import IncAutotune
from slmworks_inc.static import IncStatic

FRAGILE = "bert.encoder.layer.0.attention.output.dense"


@pytest.fixture(scope="module")
def seen(tiny_reviews: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """What the step is handed: no test split."""
    folder = tmp_path_factory.mktemp("seen")
    for split in IncAutotune.reads["calibration"]:
        shutil.copy(tiny_reviews.path / f"{split}.parquet", folder)
    assert not (folder / "test.parquet").exists()
    return replace(tiny_reviews, path=folder)


@pytest.fixture(scope="module")
def fragile(tiny_classifier: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The same answers in fp32, but one layer's input has a channel a thousand times the others."""
    folder = tmp_path_factory.mktemp("fragile")
    shutil.copytree(tiny_classifier.path, folder, dirs_exist_ok=True)
    model = load_network(tiny_classifier.path, "AutoModelForSequenceClassification")
    attention = model.bert.encoder.layer[0].attention
    with torch.no_grad():
        for part in (attention.self.value.weight, attention.self.value.bias):
            part[3] *= 1000
        attention.output.dense.weight[:, 3] /= 1000
    model.save_pretrained(folder)
    return replace(tiny_classifier, path=folder)


def test_one_fragile_layer_stays_in_fp32_and_no_other(fragile: Model, seen: Dataset, bench: Bench) -> None:
    plugin = IncAutotune(rows=33, score="agreement", drop=0.05)
    made = plugin.run(model=fragile, calibration=seen, task=bench.task("int8"))
    assert made.meta["quantized"]["fp32_layers"] == [FRAGILE]
    assert made.summary["trials"] == 2
    assert made.summary["agreement"] >= 0.95
    rows = seen.rows("validation", "text")
    found, wanted = (
        outputs_all(open_runtime(one, threads=1), rows).argmax(axis=1) for one in (made, fragile)
    )
    assert (found == wanted).mean() >= 0.95
    lines = [event["line"] for event in bench.events if event["event"] == "line"]
    assert lines[0].startswith("fp32: agreement 1.0000")
    assert "all layers in int8" in lines[1]
    assert lines[1].endswith("misses it")
    assert "1 of 26 layers in fp32" in lines[2]
    assert lines[2].endswith("meets the goal")


@pytest.mark.slow
def test_a_mixture_is_what_neural_compressor_would_build(
    tiny_classifier: Model, seen: Dataset, bench: Bench
) -> None:
    """Layers are put back into the finished graph; building it anew with those layers left out is the same."""
    kept = (FRAGILE, "bert.encoder.layer.1.attention.self.key", "classifier")
    built = IncStatic(rows=33, keep_fp32=kept).run(
        model=tiny_classifier, calibration=seen, task=bench.task("built")
    )
    task = bench.task("mixed")
    rows = seen.rows("train", "text")
    plugin = IncAutotune(rows=33)
    drawn = random.Random(0).sample(rows, 33)
    fp32, int8 = plugin._calibrated(tiny_classifier, drawn, task)
    np.testing.assert_allclose(
        outputs_all(int8.open(kept), rows), outputs_all(open_runtime(built, threads=1), rows), atol=1e-4
    )
    # And with all of them put back it is the fp32 model.
    np.testing.assert_allclose(
        outputs_all(fp32.open(list(fp32.names)), rows),
        outputs_all(open_runtime(tiny_classifier, threads=1), rows),
        atol=1e-4,
    )


def test_a_model_that_bears_int8_keeps_nothing_back(
    tiny_classifier: Model, seen: Dataset, bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    made = IncAutotune(rows=33, drop=0.05).run(
        model=tiny_classifier, calibration=seen, task=bench.task("int8")
    )
    assert capfd.readouterr() == ("", "")
    assert made.meta["quantized"]["fp32_layers"] == []
    assert made.summary["trials"] == 1
    assert made.summary["accuracy"] >= 0.95 * made.summary["fp32_accuracy"]
    assert made.meta["quantized"]["weights_quantized_share"] > 0.9
    ids = np.ones((1, 5), np.int64)
    ort.InferenceSession(made.path / "model.onnx").run(None, {"input_ids": ids, "attention_mask": ids})


def test_a_goal_out_of_reach_fails_in_one_line(fragile: Model, seen: Dataset, bench: Bench) -> None:
    task = bench.task("int8")
    with pytest.raises(TaskFailed, match="none of 1 mixtures reaches agreement 1.0000") as caught:
        IncAutotune(rows=33, score="agreement", drop=0, max_trials=1).run(
            model=fragile, calibration=seen, task=task
        )
    assert "\n" not in str(caught.value)
    assert list(task.output.iterdir()) == []


def test_without_validation_rows_it_is_a_bad_request(
    tiny_classifier: Model, seen: Dataset, bench: Bench, tmp_path
) -> None:
    shutil.copy(seen.path / "train.parquet", tmp_path)
    with pytest.raises(BadRequest, match="no split 'validation'"):
        IncAutotune().run(
            model=tiny_classifier, calibration=replace(seen, path=tmp_path), task=bench.task("int8")
        )
    with pytest.raises(BadRequest, match="inc-autotune needs training texts"):
        IncAutotune().run(model=tiny_classifier, calibration=None, task=bench.task("none"))


def test_the_measure_of_the_models_own_task_is_kept(
    tiny_embedder: Model, tiny_search: Dataset, bench: Bench
) -> None:
    made = IncAutotune(rows=33, drop=0.1).run(
        model=tiny_embedder, calibration=tiny_search, task=bench.task("int8")
    )
    assert made.summary["ndcg_10"] >= 0.9 * made.summary["fp32_ndcg_10"]
    assert any("ndcg_10" in event["line"] for event in bench.events if event["event"] == "line")


def test_a_measure_that_falls_as_models_improve_is_refused(
    tiny_embedder: Model, tiny_search: Dataset, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    purpose = type(catalog.model_task("feature-extraction"))
    perplexity = replace(purpose.measures[0], name="perplexity", higher_is_better=False)
    monkeypatch.setattr(purpose, "measures", (perplexity,))
    with pytest.raises(BadRequest, match="perplexity, .* is better the lower it is"):
        IncAutotune(rows=8).run(model=tiny_embedder, calibration=tiny_search, task=bench.task("int8"))

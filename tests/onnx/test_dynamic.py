"""int8 weights without calibration: smaller, nearly the same answers, and honest about what changed."""

from dataclasses import replace
from pathlib import Path

import pytest

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime, outputs_all
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import Bench, sealed
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.int8 import shares


def test_it_is_smaller_and_agrees(exported: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    made = OnnxDynamic().run(model=exported, calibration=None, task=bench.task("int8"))
    assert made.summary["bytes"] < 0.6 * exported.summary["bytes"]
    rows = tiny_reviews.rows("test", "text")
    found, wanted = (
        outputs_all(open_runtime(model, threads=1), rows).argmax(axis=1) for model in (made, exported)
    )
    assert (found == wanted).mean() >= 0.9
    assert labels_of(made) == labels_of(exported)
    assert made.meta["quantized"]["method"] == "onnxruntime-dynamic"


def test_the_share_of_eight_bit_parameters_is_counted(exported: Model, bench: Bench) -> None:
    everything = OnnxDynamic().run(model=exported, calibration=None, task=bench.task("all"))
    linear = OnnxDynamic(embeddings=False).run(model=exported, calibration=None, task=bench.task("linear"))
    assert everything.summary["weights_quantized_share"] > 0.9
    # 4 layers of (4 * 32 * 32 + 2 * 32 * 64) weights, the pooler's 32 * 32 and the head's 32 * 3.
    wanted = (4 * (4 * 32 * 32 + 2 * 32 * 64) + 32 * 32 + 32 * 3) / exported.meta["parameters"]
    for said in (linear.meta["quantized"], linear.summary):
        assert said["weights_quantized_share"] == pytest.approx(wanted, abs=0.005)
    assert linear.summary["bytes"] > everything.summary["bytes"]


def test_a_torch_model_is_exported_on_the_way_with_the_same_result(
    tiny_classifier: Model, exported: Model, bench: Bench
) -> None:
    from_torch = OnnxDynamic().run(model=tiny_classifier, calibration=None, task=bench.task("hf"))
    from_onnx = OnnxDynamic().run(model=exported, calibration=None, task=bench.task("onnx", threads=2))
    assert sealed(from_torch).digest == sealed(from_onnx).digest


@pytest.mark.parametrize("options", [{"weights": "uint8"}, {"per_channel": False}, {"reduce_range": True}])
def test_every_option_gives_another_file_that_loads(
    exported: Model, bench: Bench, options: dict[str, object]
) -> None:
    plain = OnnxDynamic().run(model=exported, calibration=None, task=bench.task("plain"))
    made = OnnxDynamic.model_validate(options).run(model=exported, calibration=None, task=bench.task("made"))
    assert sealed(made).digest != sealed(plain).digest
    assert open_runtime(made, threads=1).outputs([{"text": "the camera is great 1"}]).shape == (1, 3)


def test_the_input_folder_is_left_alone(exported: Model, bench: Bench) -> None:
    before = {path.name: path.read_bytes() for path in exported.path.iterdir()}
    OnnxDynamic().run(model=exported, calibration=None, task=bench.task("int8"))
    assert {path.name: path.read_bytes() for path in exported.path.iterdir()} == before


def test_a_quantized_model_is_refused(exported: Model, bench: Bench) -> None:
    once = OnnxDynamic().run(model=exported, calibration=None, task=bench.task("once"))
    with pytest.raises(BadRequest, match="quantized already"):
        OnnxDynamic().run(model=once, calibration=None, task=bench.task("twice"))


@pytest.mark.parametrize(
    ("meta", "problem"),
    [({}, "without a model task cannot be written"), ({"task": "dancing"}, "no such model task 'dancing'")],
)
def test_a_model_that_is_for_nothing_known_is_refused(
    exported: Model, bench: Bench, meta: dict[str, str], problem: str
) -> None:
    with pytest.raises(BadRequest, match=problem):
        OnnxDynamic().run(model=replace(exported, meta=meta), calibration=None, task=bench.task("int8"))


def test_a_file_in_which_nothing_is_int8_is_not_called_quantized(exported: Model) -> None:
    with pytest.raises(TaskFailed, match="no weight was stored in 8 bits"):
        shares(Path(exported.path / "model.onnx"), 1000)

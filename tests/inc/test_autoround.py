"""AutoRound's tuned weights in a GGUF file: as they were tuned, and nearer to the model than plain rounding."""

from pathlib import Path

import numpy as np
import pytest

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime
from slmworks.testing import Bench, sealed

pytest.importorskip("auto_round", reason="slmworks-inc[autoround] is not installed")

from orders import mirrored, questions
from toys import toy

from slmworks.model_tasks.text_generation.divergence import mean_divergence
from slmworks_gguf import gguf_file, grid, llama_cpp, weights
from slmworks_gguf.quantize import QuantizeGguf
from slmworks_inc.autoround import IncAutoround

pytestmark = pytest.mark.slow

TEXTS = questions(24)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    made = toy(tmp_path_factory.mktemp("toy") / "model", initializer_range=0.1)
    return sealed(Model(path=made.path, format="hf", meta={**made.meta, "task": "text-generation"}))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return mirrored(tmp_path_factory.mktemp("data"), TEXTS)


OPTIONS = {"iters": 60, "length": 32, "batch_size": 4, "rows": 24}


def run(model: Model, data: Dataset | None, task, **options: object) -> Model:
    return IncAutoround(**{**OPTIONS, **options}).run(model=model, calibration=data, task=task)


def test_tuned_weights_stand_in_the_file_and_are_nearer_than_rounded_ones(
    model: Model,
    data: Dataset,
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from safetensors.torch import load_file

    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    tuned, plain = (bench.task(name) for name in ("tuned", "plain"))
    made = sealed(run(model, data, tuned))
    assert capfd.readouterr() == ("", "")
    assert list((tmp_path / "cwd").iterdir()) == []
    file = gguf_file.read(made.path / "model.gguf")
    held = {one.name: one for one in file.tensors}
    said = load_file(tuned.scratch / "tuned-hf/model.safetensors")
    name = "model.layers.1.mlp.down_proj.weight"
    whole = load_file(model.path / "model.safetensors")[name].numpy()
    tensor = held["blk.1.ffn_down.weight"]
    assert gguf_file.type_name(tensor.type) == "Q4_0"
    values = weights.values_of(file, tensor)
    np.testing.assert_array_equal(values, said[name].numpy())
    assert (values != whole).mean() > 0.9
    source = tuned.scratch / "whole/f32.gguf"
    given = Model(path=source.parent, format="gguf")
    rounded = QuantizeGguf(type="q4_0").run(model=given, calibration=None, task=plain)
    texts = [f"{text}{text[::-1]}" for text in TEXTS]
    moved = [apart(source, one.path / "model.gguf", texts) for one in (made, rounded)]
    assert 0 < moved[0] < 0.7 * moved[1]
    assert made.meta["quantized"]["method"] == "neural-compressor-autoround-q4_0"
    assert made.meta["quantized"]["calibration_rows"] == 24
    answer = open_runtime(made, threads=1).answer([{"messages": [{"role": "user", "content": "What?"}]}])
    assert answer[0]["tokens"] > 0


def apart(whole: Path, small: Path, texts: list[str]) -> float:
    """Mean divergence of one file from another over texts, in llama.cpp."""
    with llama_cpp.opened(whole, threads=1) as one, llama_cpp.opened(small, threads=1) as other:
        ids = [one.encode(text) for text in texts]
        return mean_divergence((one.logits(each), other.logits(each)) for each in ids)


def test_what_lies_on_a_grid_is_kept_to_the_bit() -> None:
    import gguf

    rng = np.random.default_rng(0)
    steps = rng.standard_normal((8, 4, 1)).astype(np.float16).astype(np.float32)
    codes = rng.integers(-8, 8, (8, 4, 32))
    codes[0, 0], codes[1, 1, 3:] = 0, 0
    values = (steps * codes).astype(np.float32).reshape(8, 128)
    kept = gguf.quants.dequantize(grid.q4_0(values, name="x"), gguf.GGMLQuantizationType.Q4_0)
    np.testing.assert_allclose(kept, values, rtol=6e-4)
    assert (kept == values).mean() > 0.9
    with pytest.raises(TaskFailed, match="32 of 32 blocks of x are no integers from -8 to 7 times a step"):
        grid.q4_0(rng.standard_normal((8, 128)).astype(np.float32), name="x")


def test_without_data_it_says_what_to_add(model: Model, bench: Bench) -> None:
    with pytest.raises(
        BadRequest, match="add `calibration: <the curate step>` to its `from`, or use quantize/gguf"
    ):
        run(model, None, bench.task("none"))


def test_other_data_too_few_tokens_and_other_models_are_refused(
    model: Model, data: Dataset, tiny_reviews: Dataset, tiny_classifier: Model, bench: Bench
) -> None:
    for given, rows, options, line in (
        (model, tiny_reviews, {}, "the calibration data are for text-classification"),
        (model, data, {"length": 200, "rows": 1}, "the 1 calibration rows have "),
        (tiny_classifier, data, {}, "quantize: config.json names BertForSequenceClassification"),
    ):
        task = bench.task(str(len(line)))
        with pytest.raises(BadRequest) as refused:
            run(given, rows, task, **options)
        assert str(refused.value).startswith(line)
        assert list(task.output.iterdir()) == []

"""K-quants and the importance of columns: what llama.cpp multiplies, and how it shows in the file."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toys
from orders import mirrored
from toys import exported, toy

import gguf
import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime
from slmworks.model_tasks.text_generation.calibration import calibration_rows
from slmworks.testing import Bench, sealed
from slmworks_gguf import activations, calibration, ggml, gguf_file, llama_cpp, network, weights
from slmworks_gguf.quantize import QuantizeGguf

TEXTS = ["Alpha 12 beta", "def f(x): return x", "Größe 😀 and more", "the the the", '{"a": [1, 2]}', "x\n\ny"]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A toy with rows of 256 weights, and a few of 96."""
    folder = tmp_path_factory.mktemp("wide")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(toys.SIZES, "hidden_size", 256)
        patch.setitem(toys.SIZES, "initializer_range", 0.08)
        return exported(toy(folder / "toy"), Bench(folder))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return mirrored(tmp_path_factory.mktemp("data"), TEXTS)


def made(model: Model, folder: Path, data: Dataset | None = None, **options: object) -> Model:
    task = Bench(folder).task("-".join(map(str, options.values())) + ("-data" if data else ""))
    return sealed(QuantizeGguf(**options).run(model=model, calibration=data, task=task))


@pytest.mark.parametrize("kind", ["Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"])
def test_ggml_and_gguf_py_round_to_the_same_bytes(kind: str) -> None:
    values = np.random.default_rng(0).standard_normal((16, 128)).astype(np.float32)
    values[0] = 0
    values[1] *= 1e-6
    expected = gguf.quants.quantize(values, gguf.GGMLQuantizationType[kind])
    assert np.array_equal(ggml.quantized(values, kind), expected)


@pytest.mark.parametrize("kind", ["Q6_K", "Q5_1", "Q5_K", "Q5_0", "Q4_K", "IQ4_NL", "Q4_1", "Q4_0", "Q3_K"])
def test_what_is_important_is_rounded_less(kind: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((32, 512)).astype(np.float32)
    importance = np.where(rng.random(512) < 0.1, 100, 1).astype(np.float32)
    number = gguf.GGMLQuantizationType[kind]

    def error(given: "np.ndarray | None") -> np.ndarray:
        return ((gguf.quants.dequantize(ggml.quantized(values, kind, given), number) - values) ** 2).mean(0)

    plain, weighed = error(None), error(importance)
    assert (weighed * importance).sum() < (plain * importance).sum()
    assert weighed[importance > 1].mean() < plain[importance > 1].mean()


def test_importance_is_the_mean_square_of_what_torch_multiplies(llama: Model, llama_gguf: Model) -> None:
    file = gguf_file.read(llama_gguf.path / "model.gguf")
    texts = [[1, 40, 41, 42, 2], [1, 99, 100, 7]]
    found = activations.importance(
        file, lambda _llama: texts, window=64, threads=1, progress=lambda _done, _total: None
    )
    net = network.load(llama.path, threads=1)
    names = {
        "blk.1.ffn_down.weight": "model.layers.1.mlp.down_proj",
        "blk.1.attn_output.weight": "model.layers.1.self_attn.o_proj",
        "blk.0.attn_q.weight": "model.layers.0.self_attn.q_proj",
        "blk.1.ffn_gate.weight": "model.layers.1.mlp.gate_proj",
    }
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    for name, path in names.items():
        net.get_submodule(path).register_forward_pre_hook(
            lambda _module, given, name=name: seen[name].append(given[0].reshape(-1, given[0].shape[-1]))
        )
    with torch.inference_mode():
        for ids in texts:
            net(input_ids=torch.tensor([ids]))
    assert set(found) == {
        one.name for one in file.tensors if one.name.startswith("blk") and len(one.shape) == 2
    }
    for name, rows in seen.items():
        expected = torch.cat(rows).square().mean(0).numpy()
        least = activations.LEAST * expected.mean()
        np.testing.assert_allclose(found[name], np.maximum(expected, least), rtol=2e-3)


@pytest.mark.parametrize("kind", ["q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "iq4_nl"])
def test_k_quants_load_and_compute(kind: str, wide: Model, tmp_path: Path) -> None:
    small = made(wide, tmp_path, type=kind)
    said = small.meta["quantized"]
    assert said["method"] == f"gguf-{kind}"
    assert said["weights_quantized_share"] > 0.99
    assert 0 < small.summary["divergence"] < 0.5
    assert small.summary["bytes"] < wide.summary["bytes"] / 3.5
    # ffn_down's rows are of 96 weights.
    assert small.summary.get("fallback_tensors", 0) == (0 if kind == "iq4_nl" else 2)
    with llama_cpp.opened(small.path / "model.gguf", threads=1) as llama:
        assert np.isfinite(llama.logits([1, 5, 9])).all()


def test_fewer_bits_move_a_model_further(wide: Model, tmp_path: Path) -> None:
    moved = [
        made(wide, tmp_path, type=kind).summary["divergence"]
        for kind in ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m")
    ]
    assert moved == sorted(moved)


@pytest.mark.parametrize("kind", ["q4_k_m", "q4_0"])
def test_calibration_brings_the_outputs_nearer(kind: str, wide: Model, data: Dataset, tmp_path: Path) -> None:
    """Layer by layer: what a matrix gives for the texts that it was calibrated with."""
    plain, calibrated = made(wide, tmp_path, type=kind), made(wide, tmp_path, data, type=kind)
    assert calibrated.meta["quantized"]["calibration_rows"] == calibrated.summary["calibration_rows"] == 6
    assert "calibration_rows" not in plain.meta["quantized"]
    whole, one, other = (gguf_file.read(model.path / "model.gguf") for model in (wide, plain, calibrated))
    rows = calibration_rows(data, 9, 0)
    importance = activations.importance(
        whole,
        lambda llama: calibration.tokens(whole, llama, rows, 64),
        window=64,
        threads=1,
        progress=lambda _done, _total: None,
    )
    name = "blk.1.attn_q.weight"

    def error(file: gguf_file.GgufFile) -> float:
        values = [
            weights.values_of(held, next(tensor for tensor in held.tensors if tensor.name == name))
            for held in (whole, file)
        ]
        return float((((values[0] - values[1]) ** 2) * importance[name]).sum())

    assert error(other) < error(one)


def test_the_same_again_gives_the_same_bytes(wide: Model, data: Dataset, tmp_path: Path) -> None:
    first, again = (made(wide, tmp_path / str(number), data, type="q4_k_m") for number in range(2))
    assert first.digest == again.digest
    assert first.digest != made(wide, tmp_path, data, type="q4_k_m", rows=2).digest


def test_rows_are_read_as_the_model_answers_them(llama_gguf: Model, data: Dataset) -> None:
    runtime = open_runtime(
        Model(path=llama_gguf.path, format="gguf", meta={"task": "text-generation"}), threads=1
    )
    row = {"id": "1", "messages": [{"role": "user", "content": "Alpha"}], "completion": "beta 2"}
    raw = {"id": "2", "messages": [{"role": "prompt", "content": ""}], "completion": "beta"}
    file = gguf_file.read(llama_gguf.path / "model.gguf")
    with llama_cpp.opened(file.path, threads=1) as llama:
        found = calibration.tokens(file, llama, [row, raw], 64)
        assert found[0] == [*runtime.encode(row), *llama.encode("beta 2"), 2]
        assert found[1] == [*llama.encode("beta"), 2]
        assert calibration.tokens(file, llama, [row], 3) == [found[0][-3:]]


def test_8_bits_have_no_use_for_calibration(llama_gguf: Model, data: Dataset, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    made_with = QuantizeGguf(type="q8_0").run(model=llama_gguf, calibration=data, task=bench.task("with"))
    assert sealed(made_with).digest == made(llama_gguf, tmp_path, type="q8_0").digest
    assert {
        "event": "line",
        "line": "q8_0 rounds to nearest; the calibration data are not used.",
    } in bench.events


def test_rows_of_no_multiple_of_256_name_the_type_to_take(llama_gguf: Model, tmp_path: Path) -> None:
    task = Bench(tmp_path).task("narrow")
    with pytest.raises(TaskFailed) as failed:
        QuantizeGguf(type="q4_k_m").run(model=llama_gguf, calibration=None, task=task)
    assert str(failed.value) == (
        "quantize: no matrix of this model has rows of a multiple of 256 weights, so none became q4_k_m; "
        "take q5_0."
    )
    assert list(task.output.iterdir()) == []


def test_calibration_data_of_another_kind_are_refused(
    llama_gguf: Model, tiny_reviews: Dataset, tmp_path: Path
) -> None:
    for data, line in (
        (
            tiny_reviews,
            "the calibration data are for text-classification, and a language model is calibrated",
        ),
        (mirrored(tmp_path / "empty", []), "the calibration data's split 'train' is empty"),
        (mirrored(tmp_path / "bare", TEXTS, task=""), "the calibration data name no model task"),
    ):
        task = Bench(tmp_path).task(line[-12:])
        with pytest.raises(BadRequest) as refused:
            QuantizeGguf(type="q4_0").run(model=llama_gguf, calibration=data, task=task)
        assert str(refused.value).startswith(line)
        assert "\n" not in str(refused.value)
        assert list(task.output.iterdir()) == []


def test_a_row_that_the_template_refuses_is_named(llama_gguf: Model, tmp_path: Path) -> None:
    data = mirrored(tmp_path, TEXTS)
    table = pq.read_table(tmp_path / "train.parquet").to_pylist()
    table[3]["messages"] = [{"role": "assistant", "content": "a"}]
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "train.parquet")
    with pytest.raises(BadRequest, match="split 'train', row 'train-3': message 1 has the role 'assistant'"):
        made(llama_gguf, tmp_path / "bench", data, type="q4_0")


def test_a_classifier_is_refused(tiny_classifier: Model, bench: Bench) -> None:
    with pytest.raises(BadRequest, match="is no causal language model that can be written as GGUF"):
        QuantizeGguf(type="q4_k_m").run(model=tiny_classifier, calibration=None, task=bench.task("no"))


def test_an_unknown_type_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="'q5_k_m'"):
        QuantizeGguf(type="q4_k_s")


def test_a_library_laid_out_in_another_way_is_refused(
    llama_gguf: Model, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [("more", activations.ctypes.c_int64), *activations._Tensor._fields_]
    other = type("_Tensor", (activations.ctypes.Structure,), {"_fields_": fields})
    monkeypatch.setattr(activations, "_Tensor", other)
    with pytest.raises(TaskFailed, match="lays out its tensors in another way"):
        made(llama_gguf, tmp_path, data, type="q4_0")


def test_the_header_says_how_it_was_made(wide: Model, data: Dataset, tmp_path: Path) -> None:
    small = made(wide, tmp_path, data, type="q4_k_m", rows=4)
    header = json.loads((small.path / "slmworks.json").read_text())
    assert header["meta"]["quantized"]["calibration_rows"] == 4
    assert set(header["meta"]["quantized"]) == {
        "method",
        "weights_quantized_share",
        "weights_q4_k_share",
        "calibration_rows",
    }
    file = gguf_file.read(small.path / "model.gguf")
    assert file.metadata["general.file_type"] == gguf.LlamaFileType.MOSTLY_Q4_K_M

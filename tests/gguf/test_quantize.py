"""GGUF files in blocks of fewer bits: what was rounded is counted, and the file runs."""

from pathlib import Path

import numpy as np
import pytest
from toys import toy

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.testing import Bench, sealed
from slmworks_gguf import gguf_file, weights
from slmworks_gguf.quantize import QuantizeGguf

BITS = {"q8_0": 8.5, "q5_1": 6.0, "q5_0": 5.5, "q4_1": 5.0, "q4_0": 4.5}


def quantized(model: Model, folder: Path, kind: str) -> Model:
    task = Bench(folder).task(f"quantize-{kind}")
    return sealed(QuantizeGguf(type=kind).run(model=model, calibration=None, task=task))


@pytest.fixture(scope="module")
def files(llama_gguf: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("quantized")
    return {kind: quantized(llama_gguf, folder, kind) for kind in BITS}


@pytest.mark.parametrize("kind", sorted(BITS))
def test_matrices_have_the_type_tables_q8_0_and_vectors_float32(kind: str, files: dict[str, Model]) -> None:
    file = gguf_file.read(files[kind].path / "model.gguf")
    for tensor in file.tensors:
        name = gguf_file.type_name(tensor.type)
        expected = "F32" if len(tensor.shape) < 2 else "Q8_0" if "token_embd" in tensor.name else kind.upper()
        assert name == expected, tensor.name
    matrices = sum(t.elements for t in file.tensors if len(t.shape) == 2)
    table = 400 * 64
    said = files[kind].meta["quantized"]
    assert said["method"] == f"gguf-{kind}"
    assert said["weights_quantized_share"] == pytest.approx(matrices / file.parameters)
    own = matrices if kind == "q8_0" else matrices - table
    assert said[f"weights_{kind}_share"] == pytest.approx(own / file.parameters)


@pytest.mark.parametrize("kind", sorted(BITS))
def test_weights_are_as_near_as_their_bits_allow(
    kind: str, llama_gguf: Model, files: dict[str, Model]
) -> None:
    """A scale a block of 32: rounding is off by half a step, and a step is the block's range by its levels."""
    whole, small = (gguf_file.read(one.path / "model.gguf") for one in (llama_gguf, files[kind]))
    of = {tensor.name: tensor for tensor in small.tensors}
    levels = {"q8_0": 127, "q5_1": 15.5, "q5_0": 16, "q4_1": 7.5, "q4_0": 8}[kind]
    for tensor in whole.tensors:
        one, other = weights.values_of(whole, tensor), weights.values_of(small, of[tensor.name])
        if len(tensor.shape) < 2:
            assert np.array_equal(one, other)
            continue
        step = np.abs(one.reshape(-1, 32)).max(1, keepdims=True) / (127 if "embd" in tensor.name else levels)
        off = np.abs(one - other).reshape(-1, 32)
        assert (off <= 1.01 * step + 1e-3).all(), tensor.name
        assert off.max() > 0


def test_fewer_bits_are_smaller_and_further_away(files: dict[str, Model]) -> None:
    summary = {kind: one.summary for kind, one in files.items()}
    size = [summary[kind]["bytes"] for kind in BITS]
    assert size == sorted(size, reverse=True)
    assert 0 < summary["q8_0"]["divergence"] < summary["q5_0"]["divergence"] < summary["q4_0"]["divergence"]


def test_all_that_is_no_weight_is_as_it_was(llama_gguf: Model, files: dict[str, Model]) -> None:
    whole, small = (gguf_file.read(one.path / "model.gguf") for one in (llama_gguf, files["q4_0"]))
    changed = {"general.file_type"}
    for key, value in whole.metadata.items():
        assert key in changed or small.metadata[key] == value
        assert small.types[key] == whole.types[key]
    assert small.metadata.keys() == whole.metadata.keys()
    assert files["q4_0"].meta["gguf"]["pre"] == "smollm"


def test_a_folder_is_exported_and_proved_on_the_way(
    llama: Model, files: dict[str, Model], tmp_path: Path
) -> None:
    assert quantized(llama, tmp_path, "q8_0").digest == files["q8_0"].digest


def test_what_is_quantized_already_is_refused(files: dict[str, Model], tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"its weights are Q8_0 already; give the step the f32 file"):
        quantized(files["q8_0"], tmp_path, "q4_0")


def test_a_model_that_has_no_such_blocks_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import toys

    monkeypatch.setitem(toys.SIZES, "hidden_size", 40)
    monkeypatch.setitem(toys.SIZES, "intermediate_size", 72)
    model = toy(tmp_path / "toy")
    with pytest.raises(TaskFailed, match="rows of a multiple of 32 weights, so none became q4_0"):
        quantized(model, tmp_path, "q4_0")

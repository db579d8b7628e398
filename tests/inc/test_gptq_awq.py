"""Weights rounded with regard to training rows: nearer than rounding to nearest, and what the file says."""

import pytest
import transformers
from safetensors.torch import load_file

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import open_runtime
from slmworks.model_tasks.text_generation import calibration
from slmworks.model_tasks.text_generation.hf import HfGenerator
from slmworks.testing import Bench, sealed
from slmworks_inc import absorb, blocks, packed_folder
from slmworks_inc.awq import IncAwq
from slmworks_inc.calibrated import Calibrated
from slmworks_inc.gptq import IncGptq
from slmworks_inc.rtn import IncRtn

FIRST = "model.layers.0"
DOWN = "model.layers.1.mlp.down_proj"
ROW = {"messages": [{"role": "user", "content": "What is 7 of 21?"}]}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def made(llama: Model, data: Dataset, shop: Bench) -> dict[str, Model]:
    """The same model by three methods, and by two with layers of their own."""
    own = {"keep_fp32": (FIRST,), "keep_8_bits": (DOWN,)}
    return {
        "rtn": run(IncRtn(), llama, None, shop, "rtn"),
        "gptq": run(IncGptq(), llama, data, shop, "gptq"),
        "awq": run(IncAwq(), llama, data, shop, "awq"),
        "rtn-own": run(IncRtn(**own), llama, None, shop, "rtn-own"),
        "gptq-own": run(IncGptq(sym=True, **own), llama, data, shop, "gptq-own"),
        "awq-own": run(IncAwq(sym=False, keep_fp32=(FIRST,)), llama, data, shop, "awq-own"),
    }


def run(plugin, model: Model, rows: Dataset | None, shop: Bench, name: str) -> Model:
    return sealed(plugin.run(model=model, calibration=rows, task=shop.task(name)))


def pieces(model: Model, data: Dataset) -> list[torch.Tensor]:
    original = HfGenerator.open(model, threads=1)
    rows = calibration.calibration_rows(data, 99, 0)
    return [torch.tensor([ids]) for ids in calibration.tokens(original, rows)]


def logits(module: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return module(input_ids=ids).logits[0]


def apart(one: Model, other: Model, data: Dataset) -> float:
    """Mean square of the difference of logits over the calibration rows."""
    nets = [open_runtime(each, threads=1).module for each in (one, other)]
    each = [(logits(nets[0], ids) - logits(nets[1], ids)).square().mean() for ids in pieces(one, data)]
    return float(torch.stack(each).mean())


@pytest.mark.parametrize(("method", "least"), [("gptq", 0.6), ("awq", 0.8)])
def test_calibration_loses_less_than_rounding_does(
    method: str, least: float, made: dict[str, Model], llama: Model, data: Dataset
) -> None:
    plain, better = (apart(llama, made[name], data) for name in ("rtn", method))
    assert 0 < better < least * plain
    summary = made[method].summary
    assert summary["weights_quantized_share"] == made["rtn"].summary["weights_quantized_share"]
    assert summary["bytes"] == made["rtn"].summary["bytes"]
    assert summary["calibration_rows"] == 12
    assert summary["divergence"] > 0
    assert made[method].meta["quantized"]["method"] == f"neural-compressor-{method}"


@pytest.mark.parametrize("name", ["gptq", "awq", "rtn-own", "gptq-own", "awq-own"])
def test_the_runtime_computes_what_the_file_says(name: str, made: dict[str, Model]) -> None:
    """A plain transformers model with each weight as its integer, less the zero point, times its scale."""
    model = made[name]
    packed, file = packed_folder.settings(model.path), load_file(model.path / "model.safetensors")
    plain = {key: value for key, value in file.items() if key.rpartition(".")[0] not in packed.layers}
    for path in packed.layers:
        bits = 8 if path in packed.eights else 4
        codes, zeros = (unpacked(file[f"{path}.{key}"], bits) for key in ("qweight", "qzeros"))
        columns = torch.arange(codes.shape[1]) // 32
        scales = file[f"{path}.scales"].float()
        plain[f"{path}.weight"] = (codes - zeros[:, columns] - 1) * scales.T[:, columns]
    net = transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.from_pretrained(model.path), dtype=torch.float32
    ).eval()
    assert net.load_state_dict(plain, strict=False).missing_keys == ["lm_head.weight"]
    net.tie_weights()
    ids = torch.arange(40)[None]
    runtime = open_runtime(model, threads=1)
    torch.testing.assert_close(logits(runtime.module, ids), logits(net, ids), rtol=0, atol=0.02)
    assert runtime.answer([ROW])[0]["tokens"] == 12


def unpacked(stored: torch.Tensor, bits: int) -> torch.Tensor:
    """Codes of [words, out] or, for zero points, [groups, words], as [out, columns]."""
    shifts = torch.arange(0, 32, bits)
    codes = (stored[..., None] >> shifts) & (2**bits - 1)
    groups = stored.dtype == torch.int32 and stored.shape[0] < 4
    return codes.flatten(1).T if groups else codes.transpose(1, 2).flatten(0, 1).T


@pytest.mark.parametrize("name", ["rtn-own", "gptq-own", "awq-own"])
def test_layers_of_their_own_are_left_alone(name: str, made: dict[str, Model], llama: Model) -> None:
    model, whole = made[name], load_file(llama.path / "model.safetensors")
    file, said = load_file(model.path / "model.safetensors"), model.meta["quantized"]
    assert len(said["fp32_layers"]) == 7
    assert all(path.startswith(FIRST) for path in said["fp32_layers"])
    if name != "awq-own":  # there scales go through a layer, whatever it is stored in
        assert all(
            torch.equal(file[f"{path}.weight"], whole[f"{path}.weight"]) for path in said["fp32_layers"]
        )
        assert said["8_bit_layers"] == [DOWN]
        assert file[f"{DOWN}.qweight"].shape == (96 // 4, 64)
    packed = packed_folder.settings(model.path).layers
    assert not [path for path in packed if path.startswith(f"{FIRST}.")]
    weights = sum(one * other for one, other in packed.values())
    assert said["weights_quantized_share"] == pytest.approx(weights / model.meta["parameters"])
    assert said["weights_quantized_share"] < made["rtn"].meta["quantized"]["weights_quantized_share"]


def test_it_is_the_same_again_in_silence(
    llama: Model, data: Dataset, made: dict[str, Model], shop: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(IncGptq(), llama, data, shop, "again").digest == made["gptq"].digest
    assert capfd.readouterr() == ("", "")


WHOLE = ["mlp.up_proj"]
NORMS = ["input_layernorm", "post_attention_layernorm"]


@pytest.mark.parametrize(
    ("family", "givers"),
    # A norm of Gemma adds one to its weight; Phi's halves are one matrix; heads share values in all of them.
    [("llama-untied", NORMS + WHOLE), ("gemma2", WHOLE), ("phi3", NORMS), ("smollm3", NORMS + WHOLE)],
)
def test_what_can_give_scales_away_is_found_and_leaves_no_trace(
    family: str, givers: list[str], families: dict[str, Model]
) -> None:
    net = transformers.AutoModelForCausalLM.from_pretrained(families[family].path, dtype=torch.float32).eval()
    before = {name: one.clone() for name, one in net.state_dict().items()}
    with torch.no_grad():
        stack = blocks.of(net, plugin="inc-awq", group_size=32)
        found = absorb.find(net, stack, range(3, 40))
    assert sorted(found) == sorted(givers)
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())
    assert found.get("mlp.up_proj", ["mlp.down_proj"]) == ["mlp.down_proj"]


@pytest.mark.slow
@pytest.mark.parametrize("plugin", [IncGptq, IncAwq])
@pytest.mark.parametrize("family", ["llama-untied", "gemma2", "phi3"])
def test_families(
    plugin: type[Calibrated], family: str, families: dict[str, Model], data: Dataset, shop: Bench
) -> None:
    task = shop.task(f"{plugin.plugin}-{family}")
    made = plugin(rows=4).run(model=families[family], calibration=data, task=task)
    assert 0 < made.summary["divergence"] < 0.1
    assert made.summary["weights_quantized_share"] > 0.5
    open_runtime(made, threads=1, model_task="text-generation").answer([ROW])


@pytest.mark.slow
def test_gptq_of_8_bits_loses_next_to_nothing(llama: Model, data: Dataset, shop: Bench) -> None:
    made = run(IncGptq(bits=8), llama, data, shop, "eight")
    assert 0 < made.summary["divergence"] < 0.001

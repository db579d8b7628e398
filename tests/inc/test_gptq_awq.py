"""Weights rounded with regard to training rows: nearer than rounding to nearest, and what the file says."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import transformers
from cut_students import teacher
from pydantic import ValidationError
from safetensors.torch import load_file
from toys import toy

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
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
WIDE = 7
"""A channel of the hidden state that is much larger than the others."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    texts = [f"Question {number}: what is {number} of {number * 7}?" for number in range(12)]
    rows = [
        {
            "id": f"train-{number}",
            "source": "s",
            "messages": [{"role": "user", "content": text}],
            "completion": text[::-1],
        }
        for number, text in enumerate(texts)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """With a channel that stands out, as those of trained models do."""
    made = toy(tmp_path_factory.mktemp("llama") / "model", initializer_range=0.1)
    net = transformers.AutoModelForCausalLM.from_pretrained(made.path, dtype=torch.float32)
    with torch.no_grad():
        for layer in net.model.layers:
            layer.input_layernorm.weight[WIDE] *= 20
            layer.post_attention_layernorm.weight[WIDE] *= 20
    net.save_pretrained(made.path)
    return sealed(Model(path=made.path, format="hf", meta={"task": "text-generation", "max_new_tokens": 12}))


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
    assert 0 < summary["divergence"]
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


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("families")
    named = ("llama-untied", "gemma2", "phi3", "mixtral", "smollm3")
    return {name: teacher(folder / name, name, num_hidden_layers=2) for name in named}


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
    open_runtime(made, threads=1).answer([ROW])


@pytest.mark.slow
def test_gptq_of_8_bits_loses_next_to_nothing(llama: Model, data: Dataset, shop: Bench) -> None:
    made = run(IncGptq(bits=8), llama, data, shop, "eight")
    assert 0 < made.summary["divergence"] < 0.001


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"bits": 3}, "Input should be 4"),
        ({"group_size": 0}, "greater than 0"),
        ({"bits": 8, "sym": False}, "sym: Neural Compressor unpacks 8 bits without symmetry wrongly"),
        ({"bits": 8, "keep_8_bits": (DOWN,)}, "keep_8_bits: all layers have 8 bits already"),
        ({"sym": False, "keep_8_bits": (DOWN,)}, "keep_8_bits: Neural Compressor unpacks 8 bits without"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        IncGptq(**options)


def test_awq_has_4_bits_for_neural_compressor_searches_with_no_others() -> None:
    """Its search names the bits by a word that its rounding doesn't know: this fails when that is mended."""
    from neural_compressor.torch.algorithms.weight_only.utility import quant_tensor

    torch.manual_seed(0)
    weight = torch.randn(4, 32)
    searched = quant_tensor(weight.clone(), num_bits=8, group_size=32, scheme="sym")
    assert torch.equal(searched, quant_tensor(weight.clone(), bits=4, group_size=32, scheme="sym"))
    with pytest.raises(ValidationError, match="Input should be 4"):
        IncAwq(bits=8)


@pytest.mark.parametrize("plugin", [IncGptq, IncAwq])
@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"group_size": 48},
            "group_size: 48 does not divide 64, the width of model.layers.0.self_attn.q_proj",
        ),
        (
            {"keep_fp32": ("model.layer.0",)},
            "keep_fp32: the model has no module 'model.layer.0'. Did you mean",
        ),
        ({"keep_fp32": ("lm_head",)}, "keep_fp32: the module 'lm_head' holds no linear layer"),
        ({"keep_fp32": ("model",)}, "keep_fp32: no linear layer would be left to quantize"),
    ],
    ids=["group_size", "unknown", "table", "all"],
)
def test_options_that_do_not_fit_the_model_are_refused(
    plugin: type[Calibrated], options: dict, line: str, llama: Model, data: Dataset, bench: Bench
) -> None:
    refused(plugin(**options), llama, data, bench, line)


def test_a_layer_in_both_lists_is_refused(llama: Model, data: Dataset, bench: Bench) -> None:
    both = IncGptq(keep_fp32=(FIRST,), keep_8_bits=(f"{FIRST}.mlp",))
    refused(both, llama, data, bench, f"keep_8_bits: keep_fp32 has {FIRST}.mlp.down_proj too")


@pytest.mark.parametrize("plugin", [IncGptq, IncAwq])
def test_data_that_cannot_calibrate_are_refused(
    plugin: type[Calibrated], llama: Model, data: Dataset, tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    table = pq.read_table(data.path / "train.parquet")
    pq.write_table(table.slice(0, 0), tmp_path / "train.parquet")
    empty = Dataset(path=tmp_path, meta=data.meta)
    for given, line in (
        (None, f"{plugin.plugin} calibrates with training rows; add `calibration: <the curate step>`"),
        (tiny_reviews, "the calibration data are for text-classification"),
        (empty, "the calibration data's split 'train' is empty"),
    ):
        refused(plugin(), llama, given, bench, line)


def test_other_models_are_refused_with_the_reason(
    families: dict[str, Model],
    tiny_classifier: Model,
    llama: Model,
    data: Dataset,
    bench: Bench,
    tmp_path: Path,
) -> None:
    """Experts as one tensor, GPT-2's transposed matrices, a classifier, layers that look back differently far."""
    config = transformers.GPT2Config(
        vocab_size=400, n_embd=64, n_layer=2, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=2
    )
    torch.manual_seed(0)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    save_tokenizer(llama, tmp_path / "gpt2")
    short = teacher(tmp_path / "short", "gemma2", num_hidden_layers=2, sliding_window=8)
    for plugin in (IncGptq, IncAwq):
        name = plugin.plugin
        for model, line in (
            (
                tiny_classifier,
                f"config.json names BertForSequenceClassification, which is no causal .* {name}",
            ),
            (Model(path=tmp_path / "gpt2"), rf"transformer.h.0.attn.c_attn is a Conv1D, and {name} computes"),
            (families["mixtral"], "model.layers.0.mlp.experts .* holds the matrices of its experts as one"),
            (short, "model.layers.1 is called with another attention_mask than model.layers.0"),
        ):
            refused(plugin(rows=2), model, data, bench, line)
    refused(IncRtn(), families["mixtral"], None, bench, "model.layers.0.mlp.experts .* and inc-rtn packs")


def save_tokenizer(source: Model, folder: Path) -> None:
    for path in source.path.glob("*token*"):
        shutil.copy(path, folder)
    for path in source.path.glob("*.jinja"):
        shutil.copy(path, folder)


def refused(plugin, model: Model, rows: Dataset | None, bench: Bench, line: str) -> None:
    task = bench.task(f"refused-{len(list(bench.folder.iterdir()))}")
    with pytest.raises(BadRequest, match=line) as error:
        plugin.run(model=model, calibration=rows, task=task)
    assert "\n" not in str(error.value)
    assert list(task.output.iterdir()) == []

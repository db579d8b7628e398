"""What GPTQ and AWQ by Neural Compressor cannot do, in one line each, with a way out."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import transformers
from cut_students import teacher
from pydantic import ValidationError

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench
from slmworks_inc.awq import IncAwq
from slmworks_inc.calibrated import Calibrated
from slmworks_inc.gptq import IncGptq
from slmworks_inc.rtn import IncRtn

FIRST = "model.layers.0"
DOWN = "model.layers.1.mlp.down_proj"


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

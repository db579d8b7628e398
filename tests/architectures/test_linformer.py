"""Linformers: near their teacher from the start, blind to padding, and like any encoder on every way."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

import families
import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime, outputs_all
from slmworks.evaluate.quality import Quality
from slmworks.model_tasks.hf_text import auto_class
from slmworks.testing import Bench, sealed
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.export import ExportOnnx
from slmworks_torch.architectures.linformer import LinformerOf
from slmworks_torch.classifier import FinetuneClassifier
from slmworks_torch.compression import compressible
from slmworks_torch.logit_kd import LogitKD
from slmworks_torch.networks import new_network

SHARINGS = ("none", "headwise", "key-value", "layerwise")
LONG = [{"text": "the camera is great and fast, my phone arrived slow and the battery is blue, really"}]


def made_of(
    model: Model, bench: Bench, name: str = "linformer", data: Dataset | None = None, **options
) -> Model:
    plugin = LinformerOf(**{"projected_length": 16, **options})
    return sealed(plugin.run(model=model, data=data, task=bench.task(name)))


def outputs(model: Model, rows: list[dict[str, Any]]):
    return outputs_all(open_runtime(model, threads=1), rows)


def drawn(head: str = "AutoModel", **changes: Any) -> Any:
    """A Linformer of random weights and projections, made from a configuration."""
    auto_class(head)
    settings = {**families.SMALL, "vocab_size": 50, "projected_length": 12, **changes}
    torch.manual_seed(0)
    made = new_network(AutoConfig.for_model("linformer", **settings), head).eval()
    for name, weight in made.named_parameters():
        if "projection" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return made


@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_text_gives_the_same_alone_and_in_company(sharing: str) -> None:
    net = drawn(sharing=sharing)
    ids = torch.randint(5, 50, (3, 40))
    mask = torch.ones_like(ids)
    mask[1, 9:], mask[2, 1:] = 0, 0
    with torch.inference_mode():
        together = net(input_ids=ids, attention_mask=mask).last_hidden_state
        for row, length in enumerate((40, 9, 1)):
            alone = net(input_ids=ids[row : row + 1, :length]).last_hidden_state[0]
            assert (together[row, :length] - alone).abs().max() <= 1e-5


def test_a_text_of_full_length_is_projected_as_in_the_paper() -> None:
    net = drawn(num_hidden_layers=1)
    layer = net.encoder.layer[0].attention.self
    states = torch.randn(2, families.LENGTH, 32)
    query, keys, values = (part(states).view(2, -1, 2, 16) for part in (layer.query, layer.key, layer.value))
    e, f = layer.key_projection.weight[0], layer.value_projection.weight[0]
    with torch.inference_mode():
        scores = torch.einsum("bnhd,kt,bthd->bhnk", query, e, keys) / 4
        wanted = torch.einsum("bhnk,kt,bthd->bnhd", scores.softmax(dim=-1), f, values).flatten(2)
        found, _ = layer(states, torch.ones(2, families.LENGTH))
    assert (found - wanted).abs().max() <= 1e-5


def test_hidden_states_are_given_where_they_are_asked_for() -> None:
    net = drawn("AutoModelForSequenceClassification")
    ids = torch.randint(5, 50, (2, 9))
    found = net(input_ids=ids, output_hidden_states=True)
    assert [tuple(one.shape) for one in found.hidden_states] == [(2, 9, 32)] * 4
    assert net(input_ids=ids).hidden_states is None


def test_places_begin_as_averages_of_strides_or_of_segments() -> None:
    layer = drawn(max_position_embeddings=6, projected_length=2).encoder.layer[0].attention.self
    layer.key_projection.average("strided")
    layer.value_projection.average("segments")
    third = pytest.approx(1 / 3)
    assert layer.key_projection.weight.tolist() == [
        [[third, 0, third, 0, third, 0], [0, third, 0, third, 0, third]]
    ]
    assert layer.value_projection.weight.tolist() == [[[third] * 3 + [0] * 3, [0] * 3 + [third] * 3]]


@pytest.mark.parametrize("sharing", SHARINGS)
def test_it_is_its_teacher_for_texts_of_up_to_k_tokens(
    sharing: str, tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    rows = [{"text": row["text"]} for row in tiny_reviews.rows("validation", "text")]
    whole = outputs(tiny_classifier, rows)
    same, apart = (
        outputs(made_of(tiny_classifier, bench, str(places), projected_length=places, sharing=sharing), rows)
        for places in (32, 4)
    )
    assert abs(same - whole).max() <= 1e-5
    assert abs(apart - whole).max() > 1e-3


def test_longer_texts_than_the_teachers_begin_its_positions_anew(
    tiny_classifier: Model, bench: Bench
) -> None:
    made = made_of(tiny_classifier, bench, max_length=150, sharing="layerwise")
    assert made.meta["max_length"] == 150
    assert made.meta["labels"] == tiny_classifier.meta["labels"]
    loaded = auto_class("AutoModelForSequenceClassification").from_pretrained(made.path)
    table = loaded.bert.embeddings.position_embeddings.weight
    assert table.shape == (150, 32)
    assert table[64:128].equal(table[:64])
    opened = open_runtime(made, threads=1)
    words = [{"text": "good " * count} for count in (100, 140)]
    assert abs(opened.outputs(words[:1]) - opened.outputs(words)[:1]).max() <= 1e-5
    # a longer one is cut like everywhere
    assert (opened.outputs([{"text": "good " * 148}]) == opened.outputs([{"text": "good " * 300}])).all()


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_families_with_shifted_positions_are_taken(
    family: str, tiny_reviews: Dataset, tmp_path: Path, bench: Bench
) -> None:
    bare = families.write(family, tmp_path / "bare")
    plugin = FinetuneClassifier(epochs=1, learning_rate=1e-3)
    teacher = sealed(plugin.run(model=bare, data=tiny_reviews, task=bench.task("teacher")))
    made = made_of(teacher, bench, projected_length=64)
    rows = [{"text": row["text"]} for row in tiny_reviews.rows("test", "text")]
    assert abs(outputs(made, rows) - outputs(teacher, rows)).max() <= 1e-5


def test_an_embedder_embeds_as_before(tiny_embedder: Model, bench: Bench) -> None:
    made = made_of(tiny_embedder, bench, projected_length=32)
    assert abs(outputs(made, LONG) - outputs(tiny_embedder, LONG)).max() <= 1e-5
    assert made.meta["dimensions"] == 32


def test_the_distance_from_the_model_is_said(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    few, same = (
        made_of(tiny_classifier, bench, str(k), tiny_reviews, projected_length=k).summary["distance"]
        for k in (2, 32)
    )
    assert few > 1e-3
    assert abs(same) < 1e-6


def test_it_is_healed_exported_quantized_and_evaluated(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    start = made_of(tiny_classifier, bench, projected_length=8)
    kd = LogitKD(epochs=4, learning_rate=1e-3, batch_size=16)
    healed = sealed(
        kd.run(teacher=tiny_classifier, student=start, data=tiny_reviews, task=bench.task("healed"))
    )
    assert json.loads((healed.path / "config.json").read_text())["model_type"] == "linformer"
    exported = sealed(ExportOnnx().run(model=healed, task=bench.task("onnx")))
    assert exported.summary["difference"] <= 1e-4
    small = sealed(OnnxDynamic().run(model=exported, calibration=None, task=bench.task("int8")))
    reports = {}
    for name, model in {"hf": healed, "onnx": exported, "int8": small}.items():
        task = bench.task(f"evaluate-{name}")
        report = Quality(resamples=50).run(model=model, baseline=None, data=tiny_reviews, task=task)
        reports[name] = report.summary["accuracy"]
    assert reports["hf"] == reports["onnx"] > 0.7  # a third is chance
    assert reports["int8"] > 0.65
    # a student of its own layers reads fewer tokens through the same projections
    kd = LogitKD(layers=(0, 2), max_length=16, epochs=1, transfer_rows=0, vocabulary="keep")
    cut = kd.run(teacher=healed, student=None, data=tiny_reviews, task=bench.task("cut"))
    assert compressible.load(sealed(cut)).net.config.columns == 32


@pytest.mark.parametrize("sharing", ["none", "layerwise"])
def test_a_new_one_of_a_configuration_learns(
    sharing: str, tiny_encoder: Model, tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    vocabulary = json.loads((tiny_encoder.path / "config.json").read_text())["vocab_size"]
    settings = {**families.SMALL, "vocab_size": vocabulary, "projected_length": 8, "sharing": sharing}
    auto_class("AutoModel")
    torch.manual_seed(0)
    new_network(AutoConfig.for_model("linformer", **settings), "AutoModel").save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((tiny_encoder.path / name).read_bytes())
    plugin = FinetuneClassifier(epochs=6, learning_rate=4e-3, batch_size=16)
    task = bench.task("classifier")
    made = plugin.run(model=sealed(Model(path=tmp_path, format="hf")), data=tiny_reviews, task=task)
    assert made.summary["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"projected_length": 33}, "projected_length: 33 places are more than the 32 tokens .*; take fewer"),
        ({"projected_length": 65, "max_length": 64}, "projected_length: 65 places are more than the 64"),
    ],
)
def test_more_places_than_tokens_are_refused(
    options: dict[str, Any], problem: str, tiny_classifier: Model, bench: Bench
) -> None:
    with pytest.raises(BadRequest, match=problem):
        made_of(tiny_classifier, bench, **options)
    assert not list(bench.task("after").output.parent.glob("linformer*/output/*"))


@pytest.mark.parametrize(
    ("family", "problem"),
    [
        ("distilbert", "model: a distilbert network is not built like BERT, .*bert, camembert"),
        ("electra", "model: a electra network is not built like BERT"),
    ],
)
def test_other_families_are_refused(family: str, problem: str, tmp_path: Path, bench: Bench) -> None:
    with pytest.raises(BadRequest, match=problem):
        made_of(families.write(family, tmp_path / "model"), bench)


def test_a_generator_is_refused(bench: Bench, tmp_path: Path) -> None:
    bare = families.write("llama", tmp_path / "model")
    config = LlamaConfig.from_pretrained(bare.path)
    AutoModelForCausalLM.from_config(config).save_pretrained(bare.path)
    generator = replace(sealed(bare), meta={"task": "text-generation"})
    with pytest.raises(BadRequest, match="model: a llama network writes text, and a Linformer reads it"):
        made_of(generator, bench)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"projected_length": 65}, "projected_length: 65 must be at least 1, and at most the 64 tokens"),
        ({"projected_length": 0}, "projected_length: 0 must be at least 1"),
        ({"projection_length": 60}, "projection_length: 60 is less than the 64 positions"),
        (
            {"num_attention_heads": 3},
            "hidden size .32. is not a multiple of the number of attention heads .3.",
        ),
        ({"sharing": "pairwise"}, "sharing: 'pairwise' is none of none, headwise, key-value, layerwise"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        drawn(**changes)


def test_a_text_longer_than_the_positions_is_refused_by_the_network() -> None:
    ids = torch.ones(1, families.LENGTH + 1, dtype=torch.int64)
    with pytest.raises(ValueError, match="a text of 65 tokens is longer than the 64 .*; cut it"):
        drawn()(input_ids=ids)

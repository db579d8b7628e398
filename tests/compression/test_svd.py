"""Models of every kind are factorized within a budget, counted, written, and refused in one line."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import transformers
from cut_students import teacher
from orders import dataset
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch.compression import architecture, compressible
from slmworks_torch.compression.svd import SvdFactorize


def factorized(
    bench: Bench, model: Model, data: Dataset | None = None, *, name: str = "svd", **options: Any
) -> Model:
    return sealed(SvdFactorize(**options).run(model=model, data=data, task=bench.task(name)))


def generator(folder: Path, family: str, **changed: Any) -> Model:
    path = teacher(folder, family, num_hidden_layers=2, **changed).path
    return sealed(Model(path=path, format="hf", meta={"task": "text-generation", "max_new_tokens": 8}))


def ranks(model: Model) -> dict[str, int]:
    return json.loads((model.path / "config.json").read_text())["factorized_ranks"]


def test_a_classifier_within_a_budget(tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    made = factorized(bench, tiny_classifier, tiny_reviews, budget=0.8, multiple=4)
    summary = made.summary
    assert summary["parameters"] == made.meta["parameters"] == compressible.load(made).parameters
    assert summary["parameters_before"] == tiny_classifier.meta["parameters"]
    assert 0.78 < summary["share"] <= 0.8
    assert summary["layers_factorized"] == len(ranks(made)) == 25
    assert all(rank % 4 == 0 for rank in ranks(made).values())
    assert {**made.meta, "parameters": 0} == {**tiny_classifier.meta, "parameters": 0}
    texts = [{"text": row["text"]} for row in tiny_reviews.rows("validation", "text")]
    whole, ours = (answer_all(open_runtime(one, threads=1), texts) for one in (tiny_classifier, made))
    assert sum(a["label"] == b["label"] for a, b in zip(whole, ours, strict=True)) > 0.9 * len(texts)


def test_ways_and_methods_compared(tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    ways: dict[str, dict[str, Any]] = {
        "even": {"budget": 0.7},
        "whitened": {"budget": 0.7, "method": "whiten"},
        "searched": {"search": 0.7, "evaluations": 12},
        "energy": {"energy": 0.7},
        "greedy": {"budget": 0.7, "spread": "greedy", "embeddings": True},
    }
    made = {
        way: factorized(bench, tiny_classifier, tiny_reviews, name=way, **options)
        for way, options in ways.items()
    }
    apart = {way: one.summary["distance"] for way, one in made.items()}
    assert apart["whitened"] < 0.5 * apart["even"]
    assert apart["searched"] < apart["even"]
    assert all(one.summary["share"] <= 0.7 for way, one in made.items() if way != "energy")
    assert made["energy"].summary["energy_kept"] >= 0.7
    # not every layer gets smaller where each keeps so much
    assert made["energy"].summary["layers_whole"] > 0
    assert ranks(made["greedy"])["embeddings.word_embeddings"] < 32


def test_the_same_seed_gives_the_same_bytes(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    one, same = (
        factorized(bench, tiny_classifier, tiny_reviews, name=name, search=0.8, method="whiten", rows=16)
        for name in ("one", "same")
    )
    assert one.digest == same.digest


@pytest.mark.parametrize("family", ["llama-untied", "gemma2", "phi3", "mixtral", "qwen2"])
def test_a_generator(family: str, conversations: Dataset, tmp_path: Path, bench: Bench) -> None:
    model = generator(tmp_path / "toy", family)
    made = factorized(bench, model, conversations, energy=0.6, embeddings=family == "llama-untied")
    whole, again = compressible.load(model), compressible.load(made)
    batches = whole.calibration(conversations, "validation", 128, bench.task("measure"))
    assert again.distance(whole, batches) == pytest.approx(made.summary["distance"], rel=1e-3)
    assert made.summary["share"] < 1
    assert ("lm_head" in ranks(made)) == (family == "llama-untied")
    lines = [event["line"] for event in bench.events if event["event"] == "line"]
    assert any("% of the parameters are experts" in line for line in lines) == (family == "mixtral")
    asked = conversations.rows("validation", "messages")[:2]
    assert answer_all(open_runtime(made, threads=1), asked)
    # Qwen's tokenizer is one that transformers looks up by the family
    kinds = [type(transformers.AutoTokenizer.from_pretrained(one.path)) for one in (model, made)]
    assert kinds[0] is kinds[1]


def test_an_embedding_model_and_a_bare_encoder(
    tiny_encoder: Model, tiny_embedder: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    for name, model in (("embedder", tiny_embedder), ("bare", tiny_encoder)):
        made = factorized(bench, model, tiny_reviews, name=name, budget=0.8, method="whiten")
        assert made.meta == {**model.meta, "parameters": made.summary["parameters"]}
        assert 0 < made.summary["distance"] < 0.5
        without = factorized(bench, model, name=f"{name}-alone", budget=0.8)
        assert "distance" not in without.summary


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"energy": 0.5, "budget": 0.5}, "energy and budget say the ranks in several ways; give one"),
        ({"energy": 0}, "energy"),
        ({"energy": 1.5}, "energy"),
        ({"budget": 1}, "budget"),
    ],
)
def test_options_that_say_nothing_or_too_much(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        SvdFactorize(**options)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"energy": 1}, "energy: no layer gets smaller with ranks that are a multiple of 8"),
        ({"budget": 0.3}, r"budget: 0.3 of the parameters is asked for, and with all ranks at 8 0\.\d+ stay"),
        ({"budget": 0.8, "method": "whiten"}, "whiten: it scales layers by what they read .*add `data:"),
        ({"search": 0.8}, "search: it compares the model's answers .*add `data:"),
        (
            {"energy": 0.5, "multiple": 64},
            "multiple: the lowest rank is 64, which makes no layer smaller",
        ),
    ],
)
def test_what_cannot_be_done(
    options: dict[str, Any], line: str, tiny_classifier: Model, bench: Bench
) -> None:
    refused(bench, tiny_classifier, line, **options)


def refused(bench: Bench, model: Model, line: str, data: Dataset | None = None, **options: Any) -> None:
    """One line, and nothing is written."""
    task = bench.task(f"refused-{len(list(bench.folder.iterdir()))}")
    with pytest.raises(BadRequest, match=line) as error:
        SvdFactorize(**(options or {"energy": 0.5})).run(model=model, data=data, task=task)
    assert "\n" not in str(error.value)
    assert not list(task.output.glob("*"))


def test_models_that_cannot_be_factorized(tiny_classifier: Model, tmp_path: Path, bench: Bench) -> None:
    made = factorized(bench, tiny_classifier, budget=0.8)
    refused(
        bench, made, "model: this model is factorized, and each layer has a rank of its own; factorize the"
    )
    config = json.loads((made.path / "config.json").read_text())
    lines = {
        "ranks": ({"encoder.layer.0.intermediate.dense": 99}, "the rank 99 of a matrix 64 × 32"),
        "kind": ({"embeddings.LayerNorm": 8}, "config.json gives a rank to a LayerNorm"),
    }
    for name, (said, line) in lines.items():
        folder = shutil.copytree(made.path, tmp_path / name)
        changed = {**config, "factorized_ranks": {**config["factorized_ranks"], **said}}
        (folder / "config.json").write_text(json.dumps(changed))
        with pytest.raises(BadRequest, match=f"model: cannot be loaded by .*{line}"):
            compressible.load(sealed(Model(path=folder, format="hf", meta=made.meta)))
    folder = shutil.copytree(made.path, tmp_path / "family")
    (folder / "config.json").write_text(json.dumps({**config, "base_model_type": "brt"}))
    with pytest.raises(BadRequest, match="base_model_type: transformers knows no 'brt'"):
        compressible.load(sealed(Model(path=folder, format="hf", meta=made.meta)))


def test_families_with_two_classes_for_a_head() -> None:
    sizes = {"block_sizes": [1, 1], "d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 16, "vocab_size": 40}
    net = transformers.FunnelModel(transformers.FunnelConfig(**sizes))
    with pytest.raises(BadRequest, match="model: transformers has not one class alone for a funnel model"):
        architecture.built(net, "AutoModel", {})


def test_layers_tables_weights_and_splits_of_the_wrong_kind(tmp_path: Path, bench: Bench) -> None:
    whole = generator(tmp_path / "llama", "llama")
    line = "embeddings: this llama model's head has the same weights as its table of tokens"
    refused(bench, whole, line, energy=0.5, embeddings=True)
    refused(
        bench,
        generator(tmp_path / "gemma2", "gemma2"),
        "embeddings: .* which does more",
        energy=0.5,
        embeddings=True,
    )
    empty = dataset(tmp_path / "empty", train=[], validation=[])
    refused(bench, whole, "train", empty, budget=0.8, method="whiten")
    folder = shutil.copytree(whole.path, tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    broken = sealed(Model(path=folder, format="hf", meta=whole.meta))
    refused(bench, broken, "model: model.layers.1.mlp.up_proj holds a weight that is no finite number")
    folder = shutil.copytree(whole.path, tmp_path / "gpt2")
    (folder / "model.safetensors").unlink()
    torch.manual_seed(0)
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    small = {
        "vocab_size": size,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 64,
        "bos_token_id": 1,
    }
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**small, eos_token_id=2)).save_pretrained(folder)
    gpt2 = sealed(Model(path=folder, format="hf", meta={"task": "text-generation"}))
    refused(
        bench, gpt2, re.escape("model: the layers of this gpt2 model are Conv1D, no linear layers of torch")
    )

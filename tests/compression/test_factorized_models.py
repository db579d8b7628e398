"""Factorized models go wherever a Hugging Face folder goes: fresh processes, ONNX, int8, training, adapters."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cut_students import teacher
from safetensors.torch import load_file

import onnx
import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import Bench, sealed
from slmworks_gguf.export import ExportGguf
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.export import ExportOnnx
from slmworks_torch import classification, networks, vocabulary
from slmworks_torch.causal.lora import LoraFinetune
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.classifier import FinetuneClassifier
from slmworks_torch.compression import compressible
from slmworks_torch.compression.prune_layers import PruneLayers
from slmworks_torch.compression.svd import SvdFactorize
from slmworks_torch.logit_kd import LogitKD

ALONE = """
import json, sys
from slmworks.model_tasks.hf_text import auto_class
import torch
ids = torch.arange(5, 17).reshape(2, 6)
for folder, *heads in json.loads(sys.argv[1]):
    for head in heads:
        net = auto_class(head).from_pretrained(folder).eval()
        with torch.inference_mode():
            found = net(input_ids=ids)
        print(json.dumps([type(net).__name__, (found.logits if "logits" in found else found[0]).tolist()]))
"""
"""Loads folders by their heads in a process that has made none of them, and prints what they compute."""


@pytest.fixture(scope="module")
def factorized(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    def make(model: Model, **options: Any) -> Model:
        task = Bench(tmp_path_factory.mktemp("svd")).task("svd")
        return sealed(SvdFactorize(**(options or {"budget": 0.8})).run(model=model, data=None, task=task))

    return make


@pytest.fixture(scope="module")
def classifier(tiny_classifier: Model, factorized: Callable[..., Model]) -> Model:
    return factorized(tiny_classifier)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory, factorized: Callable[..., Model]) -> Model:
    path = teacher(tmp_path_factory.mktemp("llama"), "llama", num_hidden_layers=2).path
    meta = {"task": "text-generation", "max_new_tokens": 8}
    return factorized(sealed(Model(path=path, format="hf", meta=meta)), energy=0.6)


def config(model: Model) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((model.path / "config.json").read_text())
    return said


def test_a_fresh_process_loads_them_by_any_head(classifier: Model, generator: Model) -> None:
    import torch

    heads = ("AutoModelForSequenceClassification", "AutoModel"), ("AutoModelForCausalLM", "AutoModel")
    asked = [[str(one.path), *names] for one, names in zip((classifier, generator), heads, strict=True)]
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(asked)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    said = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [name for name, _ in said] == [
        "FactorizedBertForSequenceClassification", "FactorizedBertModel",
        "FactorizedLlamaForCausalLM", "FactorizedLlamaModel",
    ]  # fmt: skip
    ids = torch.arange(5, 17).reshape(2, 6)
    for place, model in ((0, classifier), (2, generator)):
        net = compressible.load(model).net
        with torch.inference_mode():
            torch.testing.assert_close(torch.tensor(said[place][1]), net(input_ids=ids).logits)
            torch.testing.assert_close(torch.tensor(said[place + 1][1]), net.base_model(input_ids=ids)[0])


def test_onnx_keeps_two_matrices_and_int8_makes_both_small(
    classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    written = sealed(ExportOnnx().run(model=classifier, task=bench.task("onnx")))
    assert written.summary["difference"] < 1e-4
    shapes = [sorted(one.dims) for one in onnx.load(written.path / "model.onnx").graph.initializer]
    eight = sum(rank == 8 for rank in config(classifier)["factorized_ranks"].values())
    assert sum(8 in shape for shape in shapes) >= 2 * eight > 0
    # feed-forward factors of four layers; and no square matrix is multiplied back
    assert shapes.count([16, 64]) == shapes.count([16, 32]) == 8
    assert [32, 32] not in shapes
    rows = tiny_reviews.rows("validation", "text")
    texts = [{"text": row["text"]} for row in rows]
    small = sealed(OnnxDynamic().run(model=written, calibration=None, task=bench.task("int8")))
    kinds = {
        tuple(sorted(one.dims)): onnx.TensorProto.DataType.Name(one.data_type)
        for one in onnx.load(small.path / "model.onnx").graph.initializer
        if len(one.dims) == 2
    }
    assert kinds[8, 32] in ("INT8", "UINT8")
    whole, ours = (
        np.array([list(said["scores"].values()) for said in answer_all(open_runtime(one, threads=1), texts)])
        for one in (classifier, small)
    )
    assert np.abs(whole - ours).max() < 0.2


def test_a_classifier_heals_as_a_student_and_by_fine_tuning(
    classifier: Model, tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    quick = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 32}
    healed = LogitKD(**quick, vocabulary="keep").run(
        teacher=tiny_classifier, student=classifier, data=tiny_reviews, task=bench.task("kd")
    )
    tuned = FinetuneClassifier(**quick, max_length=32).run(
        model=classifier, data=tiny_reviews, task=bench.task("tune")
    )
    whole = compressible.load(tiny_classifier)
    batches = whole.calibration(tiny_reviews, "validation", 60, bench.task("measure"))
    before = compressible.load(classifier).distance(whole, batches)
    for made in map(sealed, (healed, tuned)):
        assert config(made)["factorized_ranks"] == config(classifier)["factorized_ranks"]
        assert config(made)["architectures"] == ["FactorizedBertForSequenceClassification"]
        assert made.meta["parameters"] == classifier.meta["parameters"]
    assert compressible.load(sealed(healed)).distance(whole, batches) < before


@pytest.mark.parametrize("plugin", [SupervisedFinetune, LoraFinetune])
def test_a_generator_is_trained_whole_and_by_adapters(
    plugin: Any, generator: Model, conversations: Dataset, bench: Bench
) -> None:
    made = sealed(
        plugin(epochs=2, learning_rate=3e-3, batch_size=8).run(
            model=generator, data=conversations, task=bench.task("tune")
        )
    )
    before, after = (load_file(one.path / "model.safetensors") for one in (generator, made))
    assert before.keys() == after.keys()
    moved = {name for name in before if not before[name].equal(after[name])}
    assert {name for name in before if ".first." in name or ".second." in name} <= moved
    assert config(made)["factorized_ranks"] == config(generator)["factorized_ranks"]
    asked = conversations.rows("validation", "messages")[:2]
    assert answer_all(open_runtime(made, threads=1), asked)


def test_gguf_is_refused(generator: Model, bench: Bench) -> None:
    with pytest.raises(
        BadRequest, match="export: the model is factorized, and llama.cpp has no layers of low"
    ):
        ExportGguf().run(model=generator, task=bench.task("gguf"))


@pytest.mark.parametrize("which", ["classifier", "generator"])
def test_layers_that_stay_keep_their_ranks(which: str, request: pytest.FixtureRequest, bench: Bench) -> None:
    whole = request.getfixturevalue(which)
    last = int(config(whole)["num_hidden_layers"]) - 1
    made = sealed(PruneLayers(layers=(last,)).run(model=whole, data=None, task=bench.task("prune")))
    was, now = config(whole)["factorized_ranks"], config(made)["factorized_ranks"]
    assert now.items() >= {name: rank for name, rank in was.items() if "layer" not in name}.items()
    inside = {name: rank for name, rank in now.items() if "layer" in name}
    assert inside == {
        name.replace(f".{last}.", ".0."): rank for name, rank in was.items() if f".{last}." in name
    }
    assert len(inside) > 0
    ids = torch.arange(5, 17).reshape(2, 6)
    net = compressible.load(whole).net
    stack = networks.layer_stack(net, "layers", "")
    net.get_submodule(stack.rpartition(".")[0]).__setattr__(
        stack.rpartition(".")[2], torch.nn.ModuleList([net.get_submodule(stack)[last]])
    )
    with torch.inference_mode():
        expected = net(input_ids=ids, **({"use_cache": False} if which == "generator" else {})).logits
        torch.testing.assert_close(compressible.load(made).net(input_ids=ids).logits, expected)


def test_a_factorized_table_is_cut_to_the_words_that_are_used(
    tiny_classifier: Model, tiny_reviews: Dataset, factorized: Callable[..., Model], bench: Bench
) -> None:
    thin = factorized(tiny_classifier, budget=0.8, embeddings=True)
    once = [row["text"] for row in tiny_reviews.rows("train", "text")][:1]
    whole, cut = (
        classification.load_classifier(thin, labels_of(tiny_reviews), port="model", max_length=24)
        for _ in range(2)
    )
    cut = vocabulary.shrink(cut, once, min_count=1, characters="seen")
    assert (
        len(cut.net.get_input_embeddings().first.weight)
        == cut.net.config.vocab_size
        < whole.net.config.vocab_size
    )
    with torch.inference_mode():
        ours, theirs = (
            one.net(**one.encode(once).batch([0], torch.device("cpu"))).logits for one in (cut, whole)
        )
    torch.testing.assert_close(ours, theirs)
    healed = LogitKD(epochs=1, min_count=2, characters="seen").run(
        teacher=tiny_classifier, student=thin, data=tiny_reviews, task=bench.task("heal")
    )
    table = load_file(sealed(healed).path / "model.safetensors")[
        "bert.embeddings.word_embeddings.first.weight"
    ]
    assert len(table) == config(healed)["vocab_size"]
    assert answer_all(open_runtime(healed, threads=1), tiny_reviews.rows("validation", "text")[:2])


@pytest.mark.slow
def test_an_embedding_model_in_onnx(
    tiny_embedder: Model, tiny_reviews: Dataset, factorized: Callable[..., Model], bench: Bench
) -> None:
    made = factorized(tiny_embedder, budget=0.8, embeddings=True)
    written = sealed(ExportOnnx().run(model=made, task=bench.task("onnx")))
    texts = [{"text": row["text"]} for row in tiny_reviews.rows("validation", "text")]
    ours, theirs = (
        np.array([one["embedding"] for one in answer_all(open_runtime(model, threads=1), texts)])
        for model in (made, written)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-4)

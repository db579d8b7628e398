"""Encoders learn what their teacher computes between layers; strangers are refused before anything is trained."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from safetensors import safe_open

import families
import torch
from conftest import write_tokenizer
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch import devices, hf_folder
from slmworks_torch.hidden.hidden_kd import HiddenKD
from slmworks_torch.hidden.match import Match
from slmworks_torch.hidden.options import HiddenOptions

QUICK = {"epochs": 3, "learning_rate": 2e-3, "batch_size": 16}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A bare encoder of the teacher's words, half as wide and half as deep."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("narrow")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=write_tokenizer(folder),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    return sealed(Model(path=folder, format="hf"))


def distill(
    bench: Bench,
    teacher: Model,
    data: Dataset,
    student: Model | None = None,
    name: str = "kd",
    **options: Any,
) -> Model:
    seed = options.pop("seed", 0)
    plugin = HiddenKD(**{**QUICK, **options})
    return sealed(plugin.run(teacher=teacher, student=student, data=data, task=bench.task(name, seed=seed)))


def untrained(bench: Bench, teacher: Model, data: Dataset, student: Model | None, **options: Any) -> Model:
    """The same student and no more than a breath of training."""
    return distill(bench, teacher, data, student, "untrained", epochs=1, learning_rate=1e-12, **options)


def accuracy(model: Model, data: Dataset) -> float:
    """Share of right answers on validation, through transformers alone."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    net, info = AutoModelForSequenceClassification.from_pretrained(model.path, output_loading_info=True)
    assert not any(info.values())
    texts, labels = data.columns("validation", "text", "label")
    encoded = AutoTokenizer.from_pretrained(model.path)(texts, padding=True, return_tensors="pt")
    given = [net.config.id2label[number] for number in net(**encoded).logits.argmax(dim=1).tolist()]
    return sum(a == b for a, b in zip(given, labels, strict=True)) / len(labels)


def names(model: Model) -> list[str]:
    with safe_open(model.path / "model.safetensors", framework="pt") as file:
        return list(file.keys())


@pytest.mark.parametrize("method", ["relations", "states", "both"])
def test_half_the_layers_keep_the_accuracy_and_come_closer(bench, tiny_classifier, tiny_reviews, method):
    before = untrained(bench, tiny_classifier, tiny_reviews, None, method=method)
    made = distill(bench, tiny_classifier, tiny_reviews, method=method)
    assert made.summary["hidden_distance"] < 0.6 * before.summary["hidden_distance"]
    assert made.summary["accuracy"] > 0.9 * made.summary["teacher_accuracy"]
    assert accuracy(made, tiny_reviews) == pytest.approx(made.summary["accuracy"], abs=1e-4)
    assert (made.summary["layers"], made.meta["labels"]) == (2, tiny_classifier.meta["labels"])
    assert made.summary["parameters"] < tiny_classifier.meta["parameters"]
    assert made.summary["texts"] == 330  # without a label, too


def test_answers_alone_leave_relations_farther_away(bench, tiny_classifier, tiny_reviews):
    alone, beside = (
        distill(bench, tiny_classifier, tiny_reviews, name=str(weight), hidden_weight=weight)
        for weight in (1e-9, 1.0)
    )
    assert beside.summary["hidden_distance"] < 0.8 * alone.summary["hidden_distance"]


@pytest.mark.parametrize(("method", "projected"), [("relations", False), ("both", True)])
def test_a_narrow_student_learns_and_its_projection_is_not_kept(
    bench, tiny_classifier, tiny_reviews, narrow, method, projected
):
    before = untrained(bench, tiny_classifier, tiny_reviews, narrow, method=method)
    made = distill(bench, tiny_classifier, tiny_reviews, narrow, method=method, epochs=4, learning_rate=5e-3)
    assert made.summary["hidden_distance"] < 0.7 * before.summary["hidden_distance"]
    assert not [name for name in names(made) if "projection" in name]
    assert sum(weight.numel() for weight in weights(made)) == made.summary["parameters"]
    assert accuracy(made, tiny_reviews) == pytest.approx(made.summary["accuracy"], abs=1e-4)


def test_a_narrow_student_answers_as_its_teacher_in_time(bench, tiny_classifier, tiny_reviews, narrow):
    made = distill(bench, tiny_classifier, tiny_reviews, narrow, epochs=10, learning_rate=1e-2)
    assert made.summary["accuracy"] > 0.9 * made.summary["teacher_accuracy"]


def weights(model: Model) -> list[torch.Tensor]:
    with safe_open(model.path / "model.safetensors", framework="pt") as file:
        return [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118


def test_a_text_is_as_far_away_in_any_company(tiny_classifier, narrow, tiny_reviews):
    from slmworks_torch.compression import compressible
    from slmworks_torch.hidden import encoders
    from slmworks_torch.hidden.encoder_answers import answers_of

    whole = compressible.load(tiny_classifier)
    answers = answers_of(whole, narrow, tiny_reviews)
    made = answers.load_student(narrow, 32)
    rows = made.encode(["bad", "the camera is great and the lamp is slow", "a perfect phone"])

    def probe(net: Any) -> torch.Tensor:
        batch = rows.batch([0, 1], net.device)
        net.base_model(**batch)
        return batch["input_ids"]

    options = HiddenOptions(method="both")
    match = Match.of(whole.net, made.net, options, probe)
    beside = encoders.Beside(match, answers, options, lambda *_: torch.zeros(()))
    device = devices.device()
    with torch.no_grad():
        together = beside.forward(made.net, rows.batch([0, 1, 2], device))
        alone = [beside.forward(made.net, rows.batch([row], device)) for row in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_without_answers_the_distance_chooses_the_epoch(bench, tiny_classifier, tiny_reviews):
    made = distill(bench, tiny_classifier, tiny_reviews, soft=0.0, method="both")
    curve = [
        event["metrics"] for event in bench.events if "validation_hidden_distance" in event.get("metrics", ())
    ]
    assert made.summary["hidden_distance"] == round(
        min(one["validation_hidden_distance"] for one in curve), 4
    )
    assert "accuracy" in made.summary


def test_a_head_that_is_new_and_not_trained_is_told_of(bench, tiny_classifier, tiny_reviews, narrow):
    distill(bench, tiny_classifier, tiny_reviews, narrow, soft=0.0, epochs=1)
    (line,) = [event["line"] for event in bench.events if "line" in event]
    assert line.startswith("warning: the student's head is new, and neither answers nor labels are learnt")


def test_labels_are_learnt_in_the_same_step(bench, tiny_classifier, tiny_reviews):
    before = untrained(bench, tiny_classifier, tiny_reviews, None, layers=[0])
    made = distill(bench, tiny_classifier, tiny_reviews, layers=[0], soft=0.0, alpha=1.0)
    assert made.summary["accuracy"] > 0.9 > before.summary["accuracy"]


def test_the_seed_decides_all(bench, tiny_classifier, tiny_reviews, narrow):
    one, same, other = (
        distill(
            bench,
            tiny_classifier,
            tiny_reviews,
            narrow,
            name,
            seed=seed,
            epochs=1,
            method="both",
            dropout=0.1,
        )
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one.digest == same.digest != other.digest


def test_an_embedding_model_learns_beside_its_embeddings(bench, tiny_embedder, tiny_search):
    before = untrained(bench, tiny_embedder, tiny_search, None)
    made = distill(bench, tiny_embedder, tiny_search)
    assert made.summary["cosine"] > before.summary["cosine"]
    assert made.summary["hidden_distance"] < before.summary["hidden_distance"]
    assert made.meta["dimensions"] == 32
    (answer,) = answer_all(open_runtime(made, threads=1), [{"text": "a bad lamp"}])
    assert len(answer["embedding"]) == 32


def test_a_bare_encoder_becomes_a_smaller_bare_encoder(bench, tiny_encoder, tiny_reviews, narrow):
    before = untrained(bench, tiny_encoder, tiny_reviews, narrow, method="states")
    made = distill(bench, tiny_encoder, tiny_reviews, narrow, method="states", learning_rate=5e-3)
    assert made.summary["hidden_distance"] < 0.8 * before.summary["hidden_distance"]
    assert made.model_task == ""
    assert not hf_folder.load(made, "AutoModel", port="model", new_head=False).net.training


# --- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": [0, 4]}, "layers: the teacher has the layers 0 to 3, not 4."),
        ({"teacher_layer": 4}, "teacher_layer: the teacher has the layers 0 to 3, not 4."),
        ({"method": "states", "mapping": [1, 7]}, "mapping: the teacher has the layers 0 to 3, not 7."),
        (
            {"method": "states", "mapping": [1, 2, 3]},
            "mapping: it names 3 layers, and the student has 2; name one of the teacher's for each.",
        ),
        (
            {"relation_heads": 5},
            "relation_heads: the teacher's queries have 32 numbers, which 5 doesn't divide; take a number that "
            "divides the queries of both.",
        ),
        ({"max_length": 7}, "max_length: 7 tokens of a text are too few to learn from; read 8 at least."),
        ({"max_length": 65}, "max_length: 65 tokens are more than the 64 that the teacher can take."),
    ],
)
def test_what_the_networks_rule_out(bench, tiny_classifier, tiny_reviews, options, said):
    with pytest.raises(BadRequest) as caught:
        distill(bench, tiny_classifier, tiny_reviews, **options)
    assert str(caught.value) == said
    assert not [event for event in bench.events if event["event"] == "progress"]
    if "max_length" not in options and said.endswith((" 4.", " 7.")):
        with pytest.raises(BadRequest, match=said[:20]):
            HiddenKD(**options).check_origin("teacher", tiny_classifier)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mapping": [3, 1], "method": "states"}, "mapping must not descend"),
        ({"mapping": [1, 3]}, "mapping: it is for states, and the method is relations"),
        (
            {"method": "states", "teacher_layer": 1},
            "teacher_layer: it is for relations, and the method is states",
        ),
        ({"method": "states", "relation_heads": 2}, "relation_heads: it is for relations"),
        ({"layers": [2, 1]}, "layers must ascend"),
        ({"hidden_weight": 0}, "hidden_weight"),
    ],
)
def test_options_that_contradict_each_other(options, said):
    with pytest.raises(ValidationError, match=said):
        HiddenKD(**options)


def refused(bench: Bench, teacher: Model, data: Dataset, student: Model | None, **options: Any) -> str:
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    with pytest.raises(BadRequest) as caught:
        distill(Bench(folder), teacher, data, student, **options)
    assert not list(folder.rglob("*.safetensors"))
    return str(caught.value)


def test_another_tokenizer_and_a_larger_student_are_refused(
    bench, tiny_classifier, tiny_encoder, tiny_reviews, narrow, tmp_path
):
    other = families.write("distilbert", tmp_path / "other", n_layers=1, dim=16, hidden_dim=16)
    said = refused(bench, tiny_classifier, tiny_reviews, other)
    assert said.startswith("student: the text '")
    assert "has other token ids with its tokenizer than with the teacher's ([2, " in said
    assert said.endswith("; use distill/logit-kd, which takes any tokenizer.")
    said = refused(bench, narrow, tiny_reviews, tiny_encoder)
    assert said.startswith("student: it has ")
    assert "more than its teacher's" in said
    said = refused(bench, tiny_classifier, tiny_reviews, narrow, layers=[0])
    assert said == "layers: they choose from the teacher's, but a student is given; leave out one."


def test_a_family_without_projections_is_told_of_states(bench, tiny_reviews, tmp_path):
    teacher = families.write("squeezebert", tmp_path / "teacher")
    said = refused(bench, teacher, tiny_reviews, None)
    assert said.startswith("method: a layer of this squeezebert teacher has no linear projections")
    assert said.endswith("; use method: states.")


def test_other_data_and_losses_that_there_are_not_are_refused(
    bench, tiny_classifier, tiny_embedder, tiny_encoder, tiny_search, tiny_reviews, narrow
):
    assert "the data's are" in refused(bench, tiny_classifier, tiny_search, None)
    assert refused(bench, tiny_embedder, tiny_search, None, alpha=1.0) == (
        "alpha: these data have no labels that the student could learn; leave it out."
    )
    assert refused(bench, tiny_embedder, tiny_search, narrow) == (
        "student: its embeddings have 16 numbers, the teacher's 32; give one of the same width, or leave it out; "
        "embedding-kd teaches a narrower one."
    )
    empty = replace(tiny_reviews, meta={"task": ""})
    assert refused(bench, tiny_encoder, empty, narrow).startswith("data: they are for no model task, and an")


def test_a_broken_folder_is_refused(bench, tiny_classifier, tiny_reviews, narrow, tmp_path: Path):
    folder = tmp_path / "broken"
    shutil.copytree(narrow.path, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 24}))
    said = refused(bench, tiny_classifier, tiny_reviews, sealed(Model(path=folder, format="hf")))
    assert said.startswith("student: ")

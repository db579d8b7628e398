"""Distillation by a teacher's likeliest tokens: paid once, matched by every divergence, refused for strangers."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from orders import dataset, order, orders
from safetensors.torch import load_file, save_file
from toys import toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.teachers.budget import Budget
from slmworks.testing import Bench, sealed
from slmworks_torch import checkpoints
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.causal.token_kd import TokenKD
from slmworks_torch.logit_kd import LogitKD

QUICK = {"epochs": 4, "learning_rate": 3e-3, "batch_size": 8}
LAYERS = {"initializer_range": 0.1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, data: Dataset) -> Model:
    """A toy that has learnt the orders."""
    folder = tmp_path_factory.mktemp("teacher")
    plugin = SupervisedFinetune(epochs=12, learning_rate=3e-3, batch_size=8)
    task = Bench(folder).task("sft")
    return sealed(plugin.run(model=toy(folder / "model", **LAYERS), data=data, task=task))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("small") / "model", num_hidden_layers=1, **LAYERS)


def distill(
    bench: Bench, teacher: Model, student: Model | None, data: Dataset, name: str = "kd", **options: Any
) -> Model:
    seed = options.pop("seed", 0)
    plugin = TokenKD(**{**QUICK, **options})
    return sealed(plugin.run(teacher=teacher, student=student, data=data, task=bench.task(name, seed=seed)))


@pytest.mark.parametrize("divergence", ["forward-kl", "reverse-kl", "jsd"])
def test_a_student_follows_its_teacher(bench, teacher, small, data, divergence) -> None:
    made = distill(bench, teacher, small, data, divergence=divergence, epochs=10)
    assert made.summary["loss"] < 0.8  # without a label; 6 before
    assert made.summary["token_accuracy"] > 0.7
    assert made.meta["task"] == "text-generation"
    assert made.summary["parameters"] < teacher.meta["parameters"]


def test_layers_of_the_teacher_make_a_student(bench, teacher, data) -> None:
    made = distill(bench, teacher, None, data, layers=[0])
    assert made.summary["parameters"] < teacher.meta["parameters"]


def test_a_copy_has_nothing_to_learn(bench, teacher, data) -> None:
    made = distill(bench, teacher, None, data, epochs=1, learning_rate=1e-9)
    assert made.summary["loss"] == pytest.approx(teacher.summary["loss"], abs=1e-3)
    (losses,) = [[event["metrics"]["loss"] for event in bench.events if "loss" in event.get("metrics", ())]]
    assert max(losses) < 2e-3


def test_how_often_a_student_would_guess_its_teacher_s_token(bench, teacher, small, data) -> None:
    quick = {"epochs": 1, "learning_rate": 1e-9}
    copy = distill(bench, teacher, None, data, "copy", agreement=True, **quick)
    other = distill(bench, teacher, small, data, "other", agreement=True, **quick)
    learnt = distill(bench, teacher, small, data, "learnt", agreement=True, epochs=10)
    assert copy.summary["teacher_agreement"] == 1.0
    assert other.summary["teacher_agreement"] < 0.2
    # the teacher nearly always says what the labels do
    accuracy = learnt.summary["token_accuracy"]
    assert learnt.summary["teacher_agreement"] == pytest.approx(accuracy, abs=0.1)
    (ledger,) = bench.ledgers.values()
    assert ledger.spent.tokens > copy.summary["teacher_tokens_paid"]  # `validation` too
    assert "teacher_agreement" not in distill(bench, teacher, small, data, "silent", **quick).summary


def test_the_teacher_is_paid_once_for_all_students_and_again_only_for_new_rows(
    bench, teacher, small, data, tmp_path
) -> None:
    first = distill(bench, teacher, small, data, epochs=1)
    assert first.summary["teacher_tokens_reused"] == 0
    paid = first.summary["teacher_tokens_paid"]
    (ledger,) = bench.ledgers.values()
    assert ledger.spent.tokens == paid > 0
    second = distill(bench, teacher, small, data, "second", epochs=1, divergence="jsd", seed=3)
    assert (second.summary["teacher_tokens_paid"], second.summary["teacher_tokens_reused"]) == (0, paid)
    more = orders(tmp_path / "more", train=64, validation=8)
    third = distill(bench, teacher, small, more, "third", epochs=1)
    assert 0 < third.summary["teacher_tokens_paid"] < paid / 10
    assert third.summary["teacher_tokens_reused"] == paid


def test_a_row_that_stands_twice_is_paid_once(bench, teacher, small, tmp_path) -> None:
    rows = [order(1), order(2), order(1)]
    data = dataset(tmp_path / "data", train=rows, validation=rows[:1])
    made = distill(bench, teacher, small, data, epochs=1)
    assert made.summary["teacher_tokens_paid"] == pytest.approx(
        2 * made.summary["teacher_tokens_reused"], rel=0.2
    )


def test_a_spent_budget_stops_and_a_larger_one_goes_on(bench, teacher, small, data) -> None:
    with pytest.raises(BadRequest) as caught:
        distill(bench, teacher, small, data, epochs=1, budget=Budget(tokens=50))
    assert str(caught.value).startswith("budget: it is spent (tokens: ")
    assert "rows have no log-probabilities yet; raise it" in str(caught.value)
    (ledger,) = bench.ledgers.values()
    before = ledger.spent.tokens
    assert before > 50
    with pytest.raises(BadRequest, match="budget: it is spent"):
        distill(bench, teacher, small, data, "again", epochs=1, budget=Budget(tokens=50))
    assert ledger.spent.tokens == before
    made = distill(bench, teacher, small, data, "more", epochs=1)
    assert made.summary["teacher_tokens_reused"] == before
    assert made.digest == distill(Bench(bench.folder / "other"), teacher, small, data, epochs=1).digest


def test_the_same_seed_gives_the_same_bytes_whether_the_teacher_was_paid_or_not(
    bench, teacher, small, data
) -> None:
    options = {"epochs": 1, "dropout": 0.1, "alpha": 0.5, "temperature": 2.0}
    one, same, other = (
        distill(bench, teacher, small, data, name, seed=seed, **options)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one.digest == same.digest != other.digest


def test_packed_rows_teach_the_same_as_padded_ones(bench, teacher, small, data) -> None:
    padded = distill(bench, teacher, small, data, "padded", epochs=1, alpha=0.3)
    packed = distill(
        bench, teacher, small, data, "packed", epochs=1, alpha=0.3, packing=True, tokens_at_once=300
    )
    assert packed.summary["loss"] == pytest.approx(padded.summary["loss"], rel=1e-3)


class CutError(Exception):
    """The end of an attempt."""


def test_an_attempt_goes_on_where_the_last_one_ended(
    bench, teacher, small, data, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(checkpoints, "LEAST", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)
    plugin = TokenKD(**QUICK, dropout=0.1, alpha=0.5, divergence="jsd")

    def attempt(name: str, folder: Path | None, cut: int = 0) -> Model:
        logged: list[dict[str, Any]] = []

        def emit(event: dict[str, Any]) -> None:
            bench.events.append(event)
            logged.extend([event] if event["event"] == "metrics" else [])
            if cut and len(logged) >= cut:
                raise CutError

        task = replace(bench.task(name), checkpoints=folder, emit=emit)
        return sealed(plugin.run(teacher=teacher, student=small, data=data, task=task))

    with pytest.raises(CutError):
        attempt("first", tmp_path / "kept", cut=14)
    (paid,) = [ledger.spent for ledger in bench.ledgers.values()]
    made = attempt("second", tmp_path / "kept")
    assert any("resumed at epoch" in event.get("line", "") for event in bench.events)
    assert [ledger.spent for ledger in bench.ledgers.values()] == [paid]
    assert made.digest == attempt("whole", None).digest


# --- a student with a part of the vocabulary -----------------------------------------------------------


def cut(model: Model, folder: Path, kept: list[int]) -> Model:
    """The model with these tokens only, in this order; merges of others are gone."""
    shutil.copytree(model.path, folder)
    said = json.loads((folder / "tokenizer.json").read_text())
    words = {token: number for token, number in said["model"]["vocab"].items() if number in kept}
    said["model"]["vocab"] = {token: kept.index(number) for token, number in words.items()}
    merges = [pair for pair in said["model"]["merges"] if {*pair, "".join(pair)} <= words.keys()]
    said["model"]["merges"] = merges
    for token in said["added_tokens"]:
        token["id"] = kept.index(token["id"])
    (folder / "tokenizer.json").write_text(json.dumps(said))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": len(kept)}))
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"][kept].contiguous()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return sealed(Model(path=folder, format="hf", meta=model.meta))


def parts(model: Model, tokens: set[int]) -> set[int]:
    """The tokens that these are merged from."""
    said = json.loads((model.path / "tokenizer.json").read_text())["model"]
    found = set(tokens)
    for pair in reversed(said["merges"]):
        if said["vocab"]["".join(pair)] in found:
            found |= {said["vocab"][part] for part in pair}
    return found


def test_a_student_with_a_part_of_the_vocabulary_learns_from_the_same_teacher(
    bench, teacher, small, data, tmp_path
) -> None:
    from slmworks_torch.causal import chat_model

    chat = chat_model.open_chat(teacher, port="teacher")
    said = [row for split in ("train", "validation") for row in data.rows(split, "messages", "completion")]
    used = {token for row in said for token in chat.encode(row) + chat.ids(row["completion"], around=False)}
    kept = sorted({0, 1, 2, *used, *range(3, 259), *parts(teacher, used)})
    assert len(kept) < 390
    student = cut(small, tmp_path / "cut", kept)
    made = distill(bench, teacher, student, data, "cut", epochs=10)
    assert made.summary["loss"] < 0.8
    again = distill(bench, teacher, small, data, "whole", epochs=1)
    assert again.summary["teacher_tokens_paid"] == 0


# --- what is refused -----------------------------------------------------------------------------------


def refused(bench: Bench, teacher: Model, student: Model | None, data: Dataset, **options: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        distill(bench, teacher, student, data, **options)
    assert not bench.ledgers
    return str(caught.value)


def changed(model: Model, folder: Path, name: str, change: Callable[[str], str]) -> Model:
    shutil.copytree(model.path, folder)
    (folder / name).write_text(change((folder / name).read_text()))
    return sealed(Model(path=folder, format="hf"))


def test_other_tokens_are_refused(bench, teacher, small, data, tmp_path) -> None:
    words = json.loads((small.path / "tokenizer.json").read_text())["model"]["vocab"]
    token = max(words, key=words.get)

    def rename(text: str) -> str:
        said = json.loads(text)
        said["model"]["vocab"]["Ġzzz"] = said["model"]["vocab"].pop(token)
        said["model"]["merges"] = [pair for pair in said["model"]["merges"] if "".join(pair) != token]
        return json.dumps(said)

    student = changed(small, tmp_path / "renamed", "tokenizer.json", rename)
    said = refused(bench, teacher, student, data)
    assert said == (
        f"student: its token {words[token]} is 'Ġzzz', which the teacher's vocabulary lacks, so their "
        "probabilities cannot be compared; take a student of the teacher's family, or distill/sequence-kd, "
        "which takes any."
    )


def test_another_template_and_other_special_tokens_are_refused(bench, teacher, small, data, tmp_path) -> None:
    student = changed(
        small,
        tmp_path / "template",
        "chat_template.jinja",
        lambda text: text.replace("<|im_end|>", "<|im_end|>\n"),
    )
    assert refused(bench, teacher, student, data).startswith(
        "student: by its chat template the prompt of row 'train-0' has '\\n<|im_start|>assistant\\n' at "
        "character 56, by the teacher's '<|im_start|>assistant\\n'; take a student"
    )
    student = changed(
        small,
        tmp_path / "special",
        "tokenizer_config.json",
        lambda text: text.replace('"bos_token": "<|im_start|>"', '"bos_token": "<|endoftext|>"'),
    )
    assert "student: its bos_token is '<|endoftext|>', the teacher's is '<|im_start|>'" in refused(
        bench, teacher, student, data, name="special"
    )


def test_a_larger_student_a_large_k_and_an_empty_split_are_refused(
    bench, teacher, small, data, tmp_path
) -> None:
    assert "more than its teacher's" in refused(bench, small, teacher, data)
    assert refused(bench, teacher, small, data, name="k", k=400) == (
        "k: the teacher has 400 tokens, and 400 of them and a rest are asked for; take 399 at most."
    )
    empty = dataset(tmp_path / "empty", train=[], validation=[order(1)])
    assert "layers: the teacher has the layers 0 to 1, not 2" in refused(
        bench, teacher, None, data, name="layers", layers=[0, 2]
    )
    assert "the split 'train' is empty" in refused(bench, teacher, small, empty, name="empty")


def test_a_classifier_is_sent_to_logit_kd_and_a_generator_to_token_kd(
    bench, teacher, small, data, tiny_classifier, tiny_reviews
) -> None:
    assert refused(bench, tiny_classifier, small, data) == (
        "teacher: it is a classifier (BertForSequenceClassification), which writes no tokens; use "
        "distill/logit-kd, or give a causal language model."
    )
    with pytest.raises(BadRequest) as caught:
        LogitKD().run(teacher=teacher, student=None, data=tiny_reviews, task=bench.task("logit"))
    assert str(caught.value) == (
        "teacher: it is a generator (LlamaForCausalLM), which chooses among no labels; use distill/token-kd."
    )


def test_what_a_pretrained_model_rules_out_is_known_from_its_folder(teacher, tiny_classifier) -> None:
    TokenKD(k=399).check_origin("teacher", teacher)
    with pytest.raises(BadRequest, match="k: the student has 400 tokens"):
        TokenKD(k=500).check_origin("student", teacher)
    with pytest.raises(BadRequest, match="use distill/logit-kd"):
        TokenKD().check_origin("student", tiny_classifier)

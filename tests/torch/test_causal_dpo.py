"""Direct preference optimisation: its losses and gradients, what it learns, what it costs, and its guard."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from orders import dataset, order
from pairs import pair, paired, styles
from toys import toy

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch import checkpoints, training
from slmworks_torch.causal import chat_model, pairs, preference, reference
from slmworks_torch.causal.dpo import DirectPreferenceOptimisation
from slmworks_torch.causal.preference import Preference
from slmworks_torch.causal.sft import SupervisedFinetune

QUICK = {"epochs": 2, "learning_rate": 1e-4, "batch_size": 8}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("llama") / "model", initializer_range=0.1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return styles(tmp_path_factory.mktemp("styles"))


def align(
    bench: Bench, model: Model, data: Dataset, name: str = "dpo", *, seed: int = 0, **options: Any
) -> Model:
    plugin = DirectPreferenceOptimisation(**{**QUICK, **options})
    return sealed(plugin.run(model=model, data=data, task=bench.task(name, seed=seed)))


def logged(bench: Bench, name: str) -> list[float]:
    return [
        event["metrics"][name]
        for event in bench.events
        if event["event"] == "metrics" and name in event["metrics"]
    ]


# --- the loss ----------------------------------------------------------------------------------------


def objective(bench: Bench, model: Model, data: Dataset, **options: Any) -> tuple[Any, Preference]:
    task = bench.task("objective")
    training.prepare(task)
    loaded = chat_model.load(model, port="model")
    exact = {**QUICK, "tokens_at_once": 150, "precision": "float32"}  # bfloat16 where a processor has it
    plugin = DirectPreferenceOptimisation(**{**exact, **options})
    return loaded.net, plugin._prepared(loaded, model, data, task)[1]


def dense(net: Any, ids: list[int], start: int) -> torch.Tensor:
    """Log-probabilities of the tokens from `start` on: all logits of one row, nothing padded."""
    logits = net(input_ids=torch.tensor([ids])).logits[0, :-1].float()
    return logits.log_softmax(dim=1)[range(len(ids) - 1), ids[1:]][start - 1 :]


def dense_loss(kind: str, policy: Any, known: Any, options: DirectPreferenceOptimisation) -> torch.Tensor:
    """The loss of one pair from the formulas of the papers."""
    ratio = [ours.sum() - theirs.sum() for ours, theirs in zip(policy, known, strict=True)]
    if options.length_normalised:
        ratio = [one / len(theirs) for one, theirs in zip(ratio, known, strict=True)]
    gap = ratio[0] - ratio[1]
    if kind == "ipo":
        return (gap - 0.5 / options.beta) ** 2
    wrong = options.label_smoothing
    right = torch.sigmoid(options.beta * gap)
    return -(1 - wrong) * right.log() - wrong * (1 - right).log()


LOSSES: dict[str, dict[str, Any]] = {
    "sigmoid": {},
    "smoothed": {"label_smoothing": 0.2, "beta": 0.5},
    "with the chosen answers' likelihood": {"sft": 0.7},
    "ipo": {"loss": "ipo", "beta": 0.2},
    "normalised by length": {"length_normalised": True, "beta": 2.0},
    "ipo normalised by length": {"length_normalised": True, "loss": "ipo"},
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_those_of_the_formulas(
    name: str, bench: Bench, llama: Model, data: Dataset
) -> None:
    net, mine = objective(bench, llama, data, **LOSSES[name])
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn_like(weight) * 0.02)
    rows = list(range(5))
    found = sum(mine.loss(net, group) for group in mine.groups(rows))
    assert len(list(mine.groups(rows))) > 1
    assert mine.train.forked
    found.backward()
    gradients = {part: weight.grad.clone() for part, weight in net.named_parameters()}
    net.zero_grad()
    wanted = torch.zeros(())
    for row in rows:
        both = (2 * row, 2 * row + 1)
        policy = [dense(net, mine.train.answers.ids[one], mine.train.answers.starts[one]) for one in both]
        known = [mine.reference[0][one] for one in both]
        wanted = wanted + dense_loss(mine.options.loss, policy, known, mine.options)
        wanted = wanted - mine.options.sft * policy[0].mean()
    wanted.backward()
    assert float(found) == pytest.approx(float(wanted), rel=1e-5)
    for part, weight in net.named_parameters():
        # a square's gradients are large, and so is their rounding
        scale = float(weight.grad.abs().max())
        assert gradients[part].numpy() == pytest.approx(weight.grad.numpy(), abs=1e-4 * scale), part


def test_answers_stand_alone_where_one_prompt_for_both_changes_them_or_saves_nothing(
    bench: Bench, llama: Model, data: Dataset, tmp_path: Path
) -> None:
    short = toy(tmp_path / "mistral", "mistral", sliding_window=16)  # a window is told by places in a line
    assert not objective(bench, short, data)[1].train.forked
    rows = [{**pair(n), "messages": [{"role": "prompt", "content": ""}]} for n in range(8)]
    raw = paired(tmp_path / "raw", train=rows, validation=rows)
    loaded = chat_model.load(llama, port="model")
    whole = pairs.encode(loaded, pairs.read(raw, "train"), split="train", max_length=256)
    assert {ids[0] for ids in whole.answers.ids} != {whole.answers.ids[0][0]}
    assert not pairs.forked(loaded.net, whole).forked
    brief = replace(whole.answers, starts=[1] * len(whole.answers))
    assert not pairs.forked(loaded.net, pairs.Pairs(brief)).forked


def test_an_untrained_model_has_no_margin_and_the_loss_of_a_coin(
    bench: Bench, llama: Model, data: Dataset
) -> None:
    net, mine = objective(bench, llama, data)
    score = mine.validate(net.eval())
    assert score.further["margin"] == pytest.approx(0, abs=1e-5)
    assert score.further["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert score.further["drift"] == pytest.approx(0, abs=1e-9)


def test_the_reference_is_what_the_network_itself_computes(bench: Bench, llama: Model, data: Dataset) -> None:
    net, mine = objective(bench, llama, data)
    for row in (0, 1, 17):
        wanted = dense(net, mine.train.answers.ids[row], mine.train.answers.starts[row])
        assert mine.reference[0][row].numpy() == pytest.approx(wanted.detach().numpy(), abs=1e-4)


# --- what is learnt ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_model_of_two_styles_learns_to_prefer_one(bench: Bench, llama: Model, tmp_path: Path) -> None:
    rows = [pair(number) for number in range(56)]
    both = [
        {**one, "completion": one["rejected"] if n % 2 else one["completion"]} for n, one in enumerate(rows)
    ]
    mixed = paired(tmp_path / "mixed", train=both[:40], validation=both[40:])
    data = paired(tmp_path / "pairs", train=rows[:40], validation=rows[40:])
    speaker = sealed(
        SupervisedFinetune(epochs=12, learning_rate=3e-3, batch_size=8).run(
            model=llama, data=mixed, task=bench.task("sft")
        )
    )
    made = align(bench, speaker, data, epochs=4, learning_rate=3e-4, most_drift=2.0)
    assert made.summary["win_rate"] == 1.0
    assert made.summary["margin"] > 0.5
    assert 0.2 < made.summary["preferred_before"] < 0.8
    assert made.summary["preferred"] > 0.95
    asked = [{"messages": one["messages"]} for one in rows[40:]]
    polite = [
        sum(answer["text"].startswith("Dear") for answer in answer_all(open_runtime(model, threads=1), asked))
        for model in (speaker, made)
    ]
    assert polite[0] < 14
    assert polite[1] == 16
    assert made.meta["task"] == "text-generation"


def test_adapters_are_trained_and_merged(bench: Bench, llama: Model, data: Dataset) -> None:
    from safetensors.torch import load_file

    made = align(bench, llama, data, rank=4, learning_rate=1e-3)
    assert made.summary["win_rate"] == 1.0
    assert 0 < made.summary["trained"] < 0.5
    before, after = (load_file(model.path / "model.safetensors") for model in (llama, made))
    assert before.keys() == after.keys()
    assert before["model.embed_tokens.weight"].equal(after["model.embed_tokens.weight"])


def test_the_same_seed_gives_the_same_bytes(bench: Bench, llama: Model, data: Dataset) -> None:
    made = [align(bench, llama, data, name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert made[0].digest == made[1].digest != made[2].digest


def test_the_curves_hold_all_that_is_looked_at(bench: Bench, llama: Model, data: Dataset) -> None:
    align(bench, llama, data)
    names = {name for event in bench.events if event["event"] == "metrics" for name in event["metrics"]}
    further = {"win_rate", "margin", "loss", "preferred", "drift"}
    assert names == {"loss", *(f"validation_{name}" for name in further)}


# --- the ledger --------------------------------------------------------------------------------------


def test_the_reference_is_paid_once(
    bench: Bench, llama: Model, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    align(bench, llama, data, "first")
    (ledger,) = bench.ledgers.values()
    spent = ledger.spent
    assert len(ledger.entries) == 2 * (40 + 16)
    assert spent.tokens == sum(entry.tokens for entry in ledger.entries.values()) > 1000
    assert spent.cpu_seconds > 0
    monkeypatch.setattr(reference, "of_row", None)
    align(bench, llama, data, "second", learning_rate=2e-4, loss="ipo", beta=0.3)
    assert ledger.spent == spent


def test_rows_are_found_again_in_other_data(
    bench: Bench, llama: Model, data: Dataset, tmp_path: Path
) -> None:
    align(bench, llama, data, "first")
    more = [pair(number) for number in range(70)]
    align(bench, llama, paired(tmp_path / "more", train=more[:58], validation=more[58:]), "second")
    (ledger,) = bench.ledgers.values()
    assert len(ledger.entries) == 2 * 70


# --- the guard ---------------------------------------------------------------------------------------


def test_an_over_trained_run_fails_and_says_how_far_it_went(
    bench: Bench, llama: Model, data: Dataset
) -> None:
    with pytest.raises(
        TaskFailed, match=r"^over-trained: .* \(\d.* nats a token after the last one, of 0.5\); "
    ):
        align(bench, llama, data, learning_rate=1e-2, epochs=3)
    assert min(logged(bench, "validation_drift")) > 0.5


def test_an_epoch_beyond_the_guard_is_not_kept(bench: Bench, llama: Model, data: Dataset) -> None:
    free = align(bench, llama, data, "free", epochs=3, learning_rate=3e-4, most_drift=100)
    drifts = logged(bench, "validation_drift")
    assert free.summary["epoch"] == 3
    assert drifts[0] < drifts[1] < drifts[2]
    made = align(
        bench, llama, data, "held", epochs=3, learning_rate=3e-4, most_drift=(drifts[1] + drifts[2]) / 2
    )
    assert made.summary["epoch"] == 2
    assert made.summary["drift"] == pytest.approx(drifts[1], abs=1e-4)


def test_a_score_beyond_the_guard_is_refused() -> None:
    score = preference.PreferenceScore("win_rate", 1.0, 0.0, {"drift": 0.6}, 0.5)
    assert "0.6 nats a token" in score.refused
    assert not replace(score, most_drift=0.6).refused


# --- a killed training -------------------------------------------------------------------------------


class CutError(Exception):
    """The end of an attempt."""


def test_an_attempt_goes_on_where_the_last_one_ended(
    bench: Bench, llama: Model, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LEAST", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)
    whole = align(bench, llama, data, "whole", dropout=0.1)
    points = 0

    def cut(event: dict[str, Any]) -> None:
        nonlocal points
        points += event["event"] == "metrics"
        if points == 9:
            raise CutError

    plugin = DirectPreferenceOptimisation(**QUICK, dropout=0.1)
    given = {"model": llama, "data": data}
    with pytest.raises(CutError):
        plugin.run(**given, task=replace(bench.task("cut"), checkpoints=tmp_path / "kept", emit=cut))
    made = sealed(plugin.run(**given, task=replace(bench.task("again"), checkpoints=tmp_path / "kept")))
    assert any("resumed at epoch" in event.get("line", "") for event in bench.events)
    assert made.digest == whole.digest


# --- what is refused ---------------------------------------------------------------------------------


def test_data_without_rejected_answers_are_refused(bench: Bench, llama: Model, tmp_path: Path) -> None:
    plain = dataset(tmp_path / "plain", train=[order(1)], validation=[order(2)])
    with pytest.raises(BadRequest, match="'train' has no column 'rejected'.*curate/preferences"):
        align(bench, llama, plain)


def test_a_row_without_a_rejected_answer_is_named(bench: Bench, llama: Model, tmp_path: Path) -> None:
    rows = [pair(1), {**pair(2), "rejected": None}]
    with pytest.raises(BadRequest, match="row 'train-1' of the split 'train' has no rejected answer"):
        align(bench, llama, paired(tmp_path / "data", train=rows, validation=rows[:1]))


def test_a_pair_of_equal_answers_is_named(bench: Bench, llama: Model, tmp_path: Path) -> None:
    rows = [pair(1), {**pair(2), "rejected": pair(2)["completion"]}]
    with pytest.raises(BadRequest, match="row 'train-1': its completion and its rejected answer are equal"):
        align(bench, llama, paired(tmp_path / "data", train=rows, validation=rows[:1]))


def test_an_empty_validation_is_refused(bench: Bench, llama: Model, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="the split 'validation' is empty"):
        align(bench, llama, paired(tmp_path / "data", train=[pair(1)], validation=[]))


def test_a_classifier_is_refused(bench: Bench, tiny_classifier: Model, data: Dataset) -> None:
    with pytest.raises(BadRequest, match="BertForSequenceClassification, which continues no text"):
        align(bench, tiny_classifier, data)


def test_pairs_that_are_too_long_are_counted_by_reason(bench: Bench, llama: Model, tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "x " * 100}]
    rows = [pair(1), pair(2), {**pair(3), "messages": asked}, {**pair(4), "rejected": "y " * 60}]
    made = align(bench, llama, paired(tmp_path / "data", train=rows, validation=rows[:1]), max_length=90)
    lines = [event["line"] for event in bench.events if event["event"] == "line"]
    assert [line.split(" (")[0] for line in lines] == [
        "warning: 1 of 4 rows of train are left out: with a prompt of max_length alone",
        "warning: 1 of 4 rows of train are left out: longer than max_length",
    ]
    assert (made.summary["rows"], made.summary["rows_left_out"]) == (2, 2)


def test_no_pair_that_fits_is_an_error(bench: Bench, llama: Model, data: Dataset) -> None:
    with pytest.raises(
        BadRequest, match=r"no pair of the split 'train' can be learnt \(40 .*raise max_length"
    ):
        align(bench, llama, data, max_length=8)


def test_answers_that_differ_in_no_token_are_left_out(llama: Model) -> None:
    loaded = chat_model.load(llama, port="model")
    row = {"id": "a", **pair(1), "rejected": pair(1)["completion"] + "<|im_end|>"}
    found = pairs.encode(loaded, [row, {"id": "b", **pair(2)}], split="train", max_length=90)
    assert found.answers.left_out == {pairs.EQUAL: 1}


def test_smoothing_is_for_the_sigmoid_only() -> None:
    with pytest.raises(ValueError, match="label_smoothing goes with loss: sigmoid"):
        DirectPreferenceOptimisation(loss="ipo", label_smoothing=0.1)

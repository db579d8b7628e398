"""Rows computed together give what they give alone: packed, padded, and in any parts of a step."""

from pathlib import Path
from typing import Any

import pytest
from orders import orders
from toys import toy

import torch
from slmworks_torch.causal import chat_model, checks, examples, forward, layouts
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.examples import Examples

CPU = torch.device("cpu")
KINDS = {
    "llama": {},
    "mistral": {"sliding_window": 16},
    "qwen2": {},
    "gemma2": {"sliding_window": 16, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0},
    "phi3": {},
}
"""Toys, with windows shorter than the rows and caps that are felt."""


def given(kind: str, folder: Path, **changes: Any) -> tuple[ChatModel, Examples]:
    rule = "qwen2" if kind == "qwen2" else "smollm"
    model = chat_model.load(toy(folder / kind, kind, rule=rule, **changes), port="model")
    data = orders(folder / "orders")
    found = examples.encode(model, examples.read(data, "train"), split="train", max_length=256)
    return model, found


def alone(net: Any, found: Examples, rows: list[int]) -> torch.Tensor:
    """Logits of the answers, row by row, from the network's own forward pass over whole rows."""
    logits = []
    for row in rows:
        with torch.inference_mode():
            whole = net(input_ids=torch.tensor([found.ids[row]])).logits[0]
        logits.append(whole[found.starts[row] - 1 : -1])
    return torch.cat(logits)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_in_one_line_give_what_they_give_alone(kind: str, tmp_path: Path) -> None:
    model, found = given(kind, tmp_path, **KINDS[kind])
    rows = [0, 1, 2, 7]
    assert min(found.lengths) > 20  # longer than the windows
    wanted = alone(model.net, found, rows)
    for lay in (layouts.packed_batch, layouts.padded_batch):
        logits = checks.forward_of(model.net, lay(found, rows, CPU))
        assert torch.allclose(logits, wanted, atol=1e-5 * float(wanted.abs().max()))
    assert checks.packs(model.net, found)


def test_learnt_positions_do_not_lose_their_cap_or_scale(tmp_path: Path) -> None:
    model, found = given("gemma2", tmp_path, **KINDS["gemma2"])
    logits = checks.forward_of(model.net, layouts.packed_batch(found, [0, 1], CPU))
    assert 2.0 < float(logits.abs().max()) <= 3.0


def test_a_network_that_mixes_packed_rows_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, found = given("llama", tmp_path)
    assert checks.packs(model.net, found)
    own = model.net.forward
    monkeypatch.setattr(model.net, "forward", lambda **inputs: own(**{**inputs, "position_ids": None}))
    assert not checks.packs(model.net, found)


def test_padding_and_packing_hold_every_row_once(tmp_path: Path) -> None:
    _, found = given("llama", tmp_path)
    rows = list(range(len(found)))
    for plan, most in ((layouts.padded, 300), (layouts.packed, 200)):
        groups = plan(found, rows, most)
        assert sorted(row for group in groups for row in group) == rows
        assert len(groups) > 3
    for group in layouts.padded(found, rows, 300):
        assert max(found.lengths[row] for row in group) * len(group) <= 300
    for group in layouts.packed(found, rows, 200):
        assert sum(found.lengths[row] for row in group) <= 200


@pytest.mark.parametrize(("plan", "lay"), [("padded", "padded_batch"), ("packed", "packed_batch")])
@pytest.mark.parametrize("most", [60, 150, 10_000])
def test_gradients_add_up_to_those_of_the_mean_over_all_tokens(
    plan: str, lay: str, most: int, tmp_path: Path
) -> None:
    model, found = given("llama", tmp_path)
    net, rows = model.net, [0, 1, 2, 3, 4, 5]
    lost = torch.zeros(())
    for row in rows:
        ids = torch.tensor([found.ids[row]])
        logits = net(input_ids=ids).logits[0, found.starts[row] - 1 : -1]
        lost = lost + torch.nn.functional.cross_entropy(logits, ids[0, found.starts[row] :], reduction="sum")
    total = sum(found.answers[row] for row in rows)
    (lost / total).backward()
    wanted = {name: weight.grad.clone() for name, weight in net.named_parameters()}
    net.zero_grad()
    for group in getattr(layouts, plan)(found, rows, most):
        (forward.losses(net, getattr(layouts, lay)(found, group, CPU))[0] / total).backward()
    for name, weight in net.named_parameters():
        assert torch.allclose(weight.grad, wanted[name], atol=1e-6, rtol=1e-4), name


@pytest.mark.parametrize("kind", KINDS)
def test_two_answers_behind_one_prompt_give_what_they_give_alone(kind: str, tmp_path: Path) -> None:
    model, found = given(
        kind, tmp_path, **(KINDS[kind] | {"sliding_window": 512} if "sliding_window" in KINDS[kind] else {})
    )
    ids, starts = found.ids, found.starts
    # the other answers have other lengths, one a single token
    others = [ids[row][: starts[row]] + ids[row + 1][starts[row + 1] :][: 9 * row + 1] for row in range(3)]
    both = Examples(
        [one for row in range(3) for one in (ids[row], others[row])], [starts[row // 2] for row in range(6)]
    )
    batch = layouts.forked_batch(both, [(0, 1), (2, 3), (4, 5)], CPU)
    assert batch.ids.numel() < layouts.padded_batch(both, range(6), CPU).ids.numel()
    wanted = alone(model.net, both, [0, 2, 4, 1, 3, 5])
    assert batch.owners.unique_consecutive().tolist() == [0, 2, 4, 1, 3, 5]
    assert batch.targets.tolist() == [
        token for row in (0, 2, 4, 1, 3, 5) for token in both.ids[row][both.starts[row] :]
    ]
    logits = checks.forward_of(model.net, batch)
    assert torch.allclose(logits, wanted, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("kind", KINDS)
def test_likelihoods_and_gradients_are_those_of_a_softmax(kind: str, tmp_path: Path) -> None:
    model, found = given(kind, tmp_path, **KINDS[kind])
    batch = layouts.padded_batch(found, [0, 1, 2], CPU)
    weights = torch.linspace(-1, 2, len(batch.targets))
    gradients = []
    for likelihoods in (
        forward.log_likelihoods(model.net, batch),
        -forward.losses(model.net, batch, "none")[0],
    ):
        model.net.zero_grad()
        (likelihoods * weights).sum().backward()
        gradients.append([likelihoods.detach(), *(weight.grad for weight in model.net.parameters())])
    for mine, wanted in zip(*gradients, strict=True):
        assert torch.allclose(mine, wanted, atol=1e-5 * float(wanted.abs().max()))

"""Relations and states of two networks are compared as the papers say, and padding counts for nothing."""

import numpy as np
import pytest

import torch
from slmworks_torch.hidden.distances import relation_distance, state_distance

TOKENS = (5, 3)
"""Tokens of the two texts of a batch of five."""


def vectors(width: int, seed: int) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return {kind: torch.randn(2, 5, width, generator=chance) for kind in ("query", "key", "value")}


def seen_by(*, causal: bool = False) -> torch.Tensor:
    real = torch.tensor([[place < count for place in range(5)] for count in TOKENS])
    both = real[:, :, None] & real[:, None, :]
    return both.tril() if causal else both


def softmax(scores: np.ndarray) -> np.ndarray:
    found = np.exp(scores - scores.max())
    return found / found.sum()


def by_hand(teacher, student, heads: int, *, causal: bool) -> np.ndarray:
    """One token, head and kind at a time, without any padding."""
    found = np.zeros((2, 5))
    for row, count in enumerate(TOKENS):
        for kind in teacher:
            for head in range(heads):
                for token in range(count):
                    odds = []
                    for one in (teacher, student):
                        width = one[kind].shape[-1] // heads
                        own = one[kind][row, :count, head * width : (head + 1) * width].double().numpy()
                        own = own[: token + 1] if causal else own
                        odds.append(softmax(own @ own[min(token, len(own) - 1)] / np.sqrt(width)))
                    goal, given = odds
                    found[row, token] += (goal * np.log(goal / given)).sum() / heads
    return found


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_relations_of_networks_of_different_widths_are_compared_as_written_down(heads, causal):
    teacher, student = vectors(16, 1), vectors(8, 2)
    found = relation_distance(teacher, student, seen_by(causal=causal), heads)
    expected = by_hand(teacher, student, heads, causal=causal)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert found[0, 1:].min() > 0
    assert found[1, 3:].abs().max() == 0  # padding


def test_padding_changes_nothing_and_gets_no_gradient():
    teacher, student = vectors(16, 1), vectors(8, 2)
    changed = {kind: one.clone() for kind, one in student.items()}
    for one in changed.values():
        one[1, 3:] = 1e4
        one.requires_grad_()
    found = relation_distance(teacher, changed, seen_by(), 2)
    assert torch.equal(found, relation_distance(teacher, student, seen_by(), 2))
    found.sum().backward()
    for one in changed.values():
        assert one.grad.isfinite().all()
        assert one.grad[1, 3:].abs().max() == 0 < one.grad[1, :3].abs().max()


def test_equal_relations_have_no_distance():
    teacher = vectors(16, 1)
    turned = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(3))).Q
    student = {kind: (one.unflatten(-1, (2, 8)) @ turned).flatten(-2) for kind, one in teacher.items()}
    found = relation_distance(teacher, student, seen_by(), 2)
    assert found.abs().max() < 1e-5  # turned within each head, their products are the same


def test_states_are_compared_by_their_squares():
    teacher, student = (vectors(6, seed)["query"] for seed in (1, 2))
    goal, given = teacher.numpy().astype(float), student.numpy().astype(float)
    expected = ((given - goal) ** 2).sum(-1) / (goal**2).sum(-1)
    np.testing.assert_allclose(state_distance(teacher, student), expected, rtol=1e-5)
    np.testing.assert_allclose(state_distance(teacher, teacher * 0), np.ones((2, 5)), rtol=1e-6)

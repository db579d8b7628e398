"""The distillation loss, against its definition."""

import pytest

import torch
from slmworks_torch.losses import cross_entropy, distillation

TEACHER = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.1, 0.0], [-1.0, 3.0, 0.0]])
STUDENT = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.0, 1.0], [-1.0, 2.0, 0.0]])


def test_a_perfect_copy_costs_nothing():
    loss = distillation(TEACHER, [0, 1], temperature=2.0, alpha=0.0, mse=0.3)
    assert float(loss(TEACHER, [0, 1, 2])) == pytest.approx(0.0, abs=1e-6)


def test_divergence_is_scaled_by_the_square_of_the_temperature():
    loss = distillation(TEACHER, [], temperature=4.0, alpha=0.0, mse=0.0)
    p, q = (torch.softmax(logits / 4, dim=1) for logits in (TEACHER, STUDENT))
    wanted = 16 * (p * (p.log() - q.log())).sum(dim=1).mean()
    assert float(loss(STUDENT, [0, 1, 2])) == pytest.approx(float(wanted), rel=1e-5)


def test_rows_are_looked_up_by_number():
    loss = distillation(TEACHER, [], temperature=1.0, alpha=0.0, mse=1.0)
    assert float(loss(TEACHER[[2, 0]], [2, 0])) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(TEACHER[[2, 0]], [0, 2])) > 1


def test_labels_count_on_labelled_rows_only():
    soft = distillation(TEACHER, [1], temperature=2.0, alpha=0.0, mse=0.0)
    both = distillation(TEACHER, [1], temperature=2.0, alpha=3.0, mse=0.0)
    assert float(both(STUDENT[1:], [1, 2])) == pytest.approx(float(soft(STUDENT[1:], [1, 2])))
    hard = 3.0 * float(cross_entropy([1])(STUDENT[:1], [0])) / 3
    difference = float(both(STUDENT, [0, 1, 2])) - float(soft(STUDENT, [0, 1, 2]))
    assert difference == pytest.approx(hard, rel=1e-5)

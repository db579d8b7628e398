"""Divergences over k tokens and a rest, against dense torch ones and against their definitions."""

import math

import pytest

import torch
from slmworks_torch.causal.divergences import divergence, student_outcomes

VOCABULARY, POSITIONS = 40, 6
KINDS = ["forward-kl", "reverse-kl", "jsd"]


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    """Of a student and of a teacher, float64."""
    chance = torch.Generator().manual_seed(0)
    student, teacher = (
        torch.randn(2, POSITIONS, VOCABULARY, generator=chance, dtype=torch.float64) * 3
    ).unbind()
    return student, teacher


def dense(kind: str, student: torch.Tensor, teacher: torch.Tensor, temperature: float, beta: float):
    p, q = (torch.softmax(one / temperature, dim=1) for one in (teacher, student))
    m = beta * p + (1 - beta) * q
    kl = lambda a, b: (a * (a / b).log()).sum(dim=1)  # noqa: E731
    found = {
        "forward-kl": lambda: kl(p, q),
        "reverse-kl": lambda: kl(q, p),
        "jsd": lambda: beta * kl(p, m) + (1 - beta) * kl(q, m),
    }
    return found[kind]() * temperature**2


def top(teacher: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    found = teacher.log_softmax(dim=1).topk(k, dim=1)
    return found.indices, found.values


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("beta", [0.5, 0.1])
def test_all_tokens_give_the_dense_divergence_and_its_gradient(kind, temperature, beta, logits) -> None:
    student, teacher = logits
    student.requires_grad_()
    wanted = dense(kind, student, teacher, temperature, beta)
    (gradient,) = torch.autograd.grad(wanted.sum(), student)
    for ids, logprobs in ((None, teacher.log_softmax(dim=1)), top(teacher, VOCABULARY)):
        found = divergence(student, ids, logprobs, kind=kind, temperature=temperature, beta=beta)
        assert torch.allclose(found, wanted, rtol=1e-4)
        assert torch.allclose(torch.autograd.grad(found.sum(), student)[0], gradient, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_k_tokens_and_a_rest_are_the_dense_divergence_of_these_outcomes(kind, logits) -> None:
    student, teacher = logits
    ids, logprobs = top(teacher, 5)
    p, q = (torch.softmax(one, dim=1) for one in (teacher, student))
    merged = [
        torch.cat([one.gather(1, ids), 1 - one.gather(1, ids).sum(1, keepdim=True)], 1) for one in (q, p)
    ]
    for temperature in (1.0, 3.0):
        wanted = dense(kind, *(one.log() for one in merged), temperature, 0.3)
        found = divergence(student, ids, logprobs, kind=kind, temperature=temperature, beta=0.3)
        assert torch.allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_it_is_zero_for_a_copy_and_its_gradient_too(kind, temperature, logits) -> None:
    student = logits[1].clone().requires_grad_()
    found = divergence(student, *top(logits[1], 5), kind=kind, temperature=temperature)
    assert found.abs().max() < 1e-5
    assert torch.autograd.grad(found.sum(), student)[0].abs().max() < 1e-4


def test_merged_tokens_never_make_a_divergence_larger(logits) -> None:
    student, teacher = logits
    for kind in KINDS:
        whole = divergence(student, None, teacher.log_softmax(dim=1), kind=kind)
        few = divergence(student, *top(teacher, 3), kind=kind)
        assert (few <= whole + 1e-6).all()
        assert (few >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_that_the_student_lacks_are_part_of_the_rest(kind, logits) -> None:
    student, teacher = logits
    kept = list(range(0, VOCABULARY, 2))
    ids, logprobs = top(teacher, 6)
    place = torch.full((VOCABULARY,), -1)
    place[kept] = torch.arange(len(kept))
    own = student[:, kept].requires_grad_()
    found = divergence(own, place[ids], logprobs, kind=kind, temperature=2.0)
    for row in range(POSITIONS):
        there = place[ids[row]] >= 0
        alone = divergence(
            own[row : row + 1],
            place[ids[row]][there][None],
            logprobs[row][there][None],
            kind=kind,
            temperature=2.0,
        )
        assert float(found[row]) == pytest.approx(float(alone), rel=1e-4)
    assert torch.autograd.grad(found.sum(), own)[0].isfinite().all()


def test_a_position_of_which_the_student_has_no_token_teaches_nothing(logits) -> None:
    ids = torch.full((POSITIONS, 3), -1)
    own = logits[0].clone().requires_grad_()
    for kind in KINDS:
        found = divergence(own, ids, torch.full((POSITIONS, 3), math.log(0.2)), kind=kind, temperature=2.0)
        assert found.abs().max() < 1e-5
        assert torch.autograd.grad(found.sum(), own)[0].abs().max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_certain_sides_give_numbers_and_gradients(kind) -> None:
    sure, other = torch.zeros(1, VOCABULARY), torch.zeros(1, VOCABULARY)
    sure[0, 3], other[0, 5] = 80.0, 80.0
    for student, teacher in ((sure, other), (other, sure), (sure, sure)):
        own = student.clone().requires_grad_()
        found = divergence(own, *top(teacher, 4), kind=kind)
        assert found.isfinite().all()
        assert torch.autograd.grad(found.sum(), own)[0].isfinite().all()


def test_the_students_rest_is_exact_where_it_is_tiny() -> None:
    given = torch.zeros(1, VOCABULARY)
    given[0, 0] = 40.0
    outcomes, norm = student_outcomes(given, torch.tensor([[0, 1]]))
    assert float(outcomes[0, 2]) == pytest.approx(math.log(VOCABULARY - 2) - 40.0, rel=1e-5)
    assert float(norm) == pytest.approx(40.0)

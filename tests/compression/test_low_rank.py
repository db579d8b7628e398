"""Factors and ranks by themselves: against torch's own decomposition, and against what a budget allows."""

import pytest

import torch
from slmworks_torch.compression import low_rank, ranks
from slmworks_torch.compression.factors import factors, squares
from slmworks_torch.compression.ranks import Matrix


@pytest.fixture(scope="module")
def weight() -> torch.Tensor:
    return torch.randn(24, 40, generator=torch.Generator().manual_seed(0))


def product(weight: torch.Tensor, rank: int, moment: torch.Tensor | None = None) -> torch.Tensor:
    first, second = factors(weight, rank, moment)
    assert (first.shape, second.shape) == ((rank, 40), (24, rank))
    return second @ first


def test_a_plain_cut_is_torchs_truncated_decomposition(weight: torch.Tensor) -> None:
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    wanted = left[:, :8] @ values[:8].diag() @ right[:8]
    torch.testing.assert_close(product(weight, 8), wanted, atol=1e-5, rtol=1e-5)
    assert squares(weight, None) == pytest.approx(values.double().square().tolist(), rel=1e-5)


def test_a_whitened_cut_keeps_outputs_better(weight: torch.Tensor) -> None:
    chance = torch.Generator().manual_seed(1)
    inputs = torch.randn(200, 40, generator=chance) @ torch.randn(40, 40, generator=chance)
    moment = inputs.T @ inputs

    def error(found: torch.Tensor) -> float:
        return float((inputs @ (weight - found).T).norm())

    plain, whitened = product(weight, 8), product(weight, 8, moment)
    assert error(whitened) < 0.95 * error(plain)
    # what is lost of the output is what the singular values say
    lost = sum(squares(weight, moment)[8:]) ** 0.5
    assert error(whitened) == pytest.approx(lost, rel=1e-3)


def test_all_ranks_are_the_matrix(weight: torch.Tensor) -> None:
    moment = torch.diag(torch.arange(1.0, 41))
    for found in (product(weight, 24), product(weight, 24, moment)):
        torch.testing.assert_close(found, weight, atol=1e-4, rtol=1e-4)


def test_a_moment_of_few_inputs_still_has_an_inverse(weight: torch.Tensor) -> None:
    inputs = torch.randn(3, 40, generator=torch.Generator().manual_seed(2))
    found = product(weight, 8, inputs.T @ inputs)
    torch.testing.assert_close(inputs @ found.T, inputs @ weight.T, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_of_low_rank_computes_its_product(bias: bool) -> None:
    torch.manual_seed(0)
    whole = torch.nn.Linear(40, 24, bias=bias)
    made = low_rank.factorized(whole, *factors(whole.weight.detach(), 24))
    states = torch.randn(2, 3, 40)
    torch.testing.assert_close(made(states), whole(states), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(made.weight, whole.weight, atol=1e-5, rtol=1e-5)
    assert (made.bias is not None) == bias


def test_a_table_of_low_rank_looks_up_its_product() -> None:
    torch.manual_seed(0)
    whole = torch.nn.Embedding(50, 16, padding_idx=0)
    made = low_rank.factorized(whole, *factors(whole.weight.detach(), 16))
    ids = torch.arange(50).reshape(5, 10)
    torch.testing.assert_close(made(ids), whole(ids), atol=1e-5, rtol=1e-5)


def matrix(name: str, rows: int, columns: int, fall: float) -> Matrix:
    return Matrix(name, rows, columns, [fall**place for place in range(min(rows, columns))])


MATRICES = [matrix("flat", 64, 64, 0.99), matrix("steep", 64, 64, 0.7), matrix("wide", 32, 256, 0.9)]


def test_energy_is_kept_by_the_smallest_rank() -> None:
    found = ranks.by_energy(MATRICES, 0.9, 4)
    # 24 of 32 directions would save nothing in the flat one, where 9 in 10 parts need 40
    assert "flat" not in found
    for one in MATRICES[1:]:
        assert one.kept(found[one.name]) >= 0.9 > one.kept(found[one.name] - 4)


@pytest.mark.parametrize("spread", [ranks.even, ranks.greedy])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_budget_is_used_up_and_not_passed(spread, share: float) -> None:
    most = int(share * sum(one.whole for one in MATRICES))
    found = spread(MATRICES, most, 4)
    used = ranks.parameters(MATRICES, found)
    assert most - max(one.cost(4) for one in MATRICES) < used <= most
    assert all(rank % 4 == 0 and one.saves(rank) for one in MATRICES if (rank := found.get(one.name)))


def test_greedy_ranks_keep_more_energy_than_even_ones() -> None:
    most = int(0.5 * sum(one.whole for one in MATRICES))

    def kept(found: ranks.Ranks) -> float:
        return sum(one.kept(found[one.name]) if one.name in found else 1.0 for one in MATRICES)

    assert kept(ranks.greedy(MATRICES, most, 4)) > kept(ranks.even(MATRICES, most, 4)) + 0.05


def test_weights_draw_parameters_to_a_matrix() -> None:
    most = int(0.5 * sum(one.whole for one in MATRICES))
    plain, drawn = (ranks.greedy(MATRICES, most, 4, weights) for weights in (None, {"wide": 50.0}))
    assert drawn.get("wide", 99) > plain["wide"]


def test_the_lowest_ranks_are_reached_from_above() -> None:
    lowest = ranks.lowest(MATRICES, 4)
    assert (
        ranks.even(MATRICES, lowest, 4)
        == ranks.greedy(MATRICES, lowest, 4)
        == dict.fromkeys(("flat", "steep", "wide"), 4)
    )

"""Factors of a matrix by singular value decomposition, plain or whitened by what the layer reads.

Whitened as in SVD-LLM (Wang et al., 2024): with S = L L^T the second moment of a layer's inputs, cutting
W L and multiplying by the inverse of L loses as little of the layer's output as a matrix of that rank can.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import TaskFailed
from slmworks_torch.compression import activations

if TYPE_CHECKING:
    import torch
    from slmworks_torch.compression.compressible import Calibration, Compressible

DAMPING = 1e-6
"""Share of the mean second moment that is added to each, so that there is an inverse; ten times that, and
so on, where it isn't enough."""
TRIALS = 5


def squares(weight: "torch.Tensor", moment: "torch.Tensor | None") -> list[float]:
    """Squared singular values of a matrix [m, n], whitened by the second moment [n, n], largest first."""
    import torch

    scaled = weight if moment is None else weight.double() @ root(moment)
    found: list[float] = torch.linalg.svdvals(scaled).double().square().tolist()
    return found


def factors(
    weight: "torch.Tensor", rank: int, moment: "torch.Tensor | None" = None
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Factors [rank, n] and [m, rank] whose product is nearest to a matrix [m, n], float32.

    Nearest in its entries, or, with the second moment [n, n] of its inputs, in its outputs.
    """
    import torch

    scale = None if moment is None else root(moment)
    scaled = weight if scale is None else weight.double() @ scale
    left, values, right = torch.linalg.svd(scaled, full_matrices=False)
    half = values[:rank].sqrt()
    first, second = half[:, None] * right[:rank], left[:, :rank] * half
    if scale is not None:
        first = torch.linalg.solve_triangular(scale, first, upper=False, left=False)
    return first.float(), second.float()


def root(moment: "torch.Tensor") -> "torch.Tensor":
    """The Cholesky factor of a second moment [n, n], damped, float64."""
    import torch

    exact = moment.double()
    mean = float(exact.diagonal().mean()) or 1.0
    for trial in range(TRIALS):
        damped = exact.clone()
        damped.diagonal().add_(DAMPING * 10**trial * mean)
        found, failed = torch.linalg.cholesky_ex(damped)
        if not int(failed):
            return found
    raise TaskFailed("whiten: the inputs of a layer are no finite numbers; use method: plain.")


def moments(
    view: "Compressible", names: Sequence[str], batches: "Sequence[Calibration]"
) -> "Mapping[str, torch.Tensor]":
    """Name of a linear layer -> second moment [n, n] of its inputs over real tokens, float32."""
    import torch

    layers = {name: view.net.get_submodule(name) for name in names}
    sums = {name: torch.zeros(one.in_features, one.in_features) for name, one in layers.items()}
    for batch in batches:
        # whatever stands behind the last place that counts is padding
        real = batch.counted.flip(1).cumsum(1).flip(1) > 0
        with torch.inference_mode(), ExitStack() as hooks:
            for name, one in layers.items():
                hooks.callback(one.register_forward_pre_hook(_adding(sums[name], real)).remove)
            view.answers(batch)
    return sums


def _adding(total: "torch.Tensor", real: "torch.Tensor") -> Any:
    """A hook that adds the second moment of a layer's inputs: all, where they aren't one a token."""

    def add(_layer: Any, given: Any) -> None:
        found = activations.at(given[0], real)
        states = (given[0].flatten(0, -2) if found is None else found).float()
        total.add_((states.T @ states).cpu())

    return add

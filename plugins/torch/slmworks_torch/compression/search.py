"""Ranks by what they cost the model's answers: how far each group of layers, cut alone, moves them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slmworks.contract.stage import Task
from slmworks_torch.compression import ranks
from slmworks_torch.compression.ranks import Matrix, Ranks

if TYPE_CHECKING:
    from slmworks_torch.compression.compressible import Calibration
    from slmworks_torch.compression.decomposition import Layers


def search(
    layers: "Layers",
    matrices: Sequence[Matrix],
    most: int,
    multiple: int,
    batches: "Sequence[Calibration]",
    evaluations: int,
    task: Task,
) -> Ranks:
    """Ranks with at most `most` parameters in all, found with so many passes over the batches.

    Each group of layers is cut by itself to the even rank; its distance, by the energy that this loses, is
    what energy is worth there. Then parameters go where they are worth most (greedy). Where that is no
    nearer to the whole model than even ranks are, it is these.
    """
    flat = ranks.even(matrices, most, multiple)
    weights = _worth(layers, matrices, flat, batches, evaluations - 2, task)
    found = ranks.greedy(matrices, most, multiple, weights)
    near, far = layers.distance(found, batches), layers.distance(flat, batches)
    return found if near <= far else flat


def _worth(
    layers: "Layers",
    matrices: Sequence[Matrix],
    flat: Ranks,
    batches: "Sequence[Calibration]",
    most: int,
    task: Task,
) -> dict[str, float]:
    """Name -> distance for each lost share of energy, measured in at most `most` groups of neighbours."""
    cut = [one for one in matrices if one.name in flat]
    size = -(-len(cut) // most)
    found: dict[str, float] = {}
    for start in range(0, len(cut), size):
        group = cut[start : start + size]
        moved = layers.distance({one.name: flat[one.name] for one in group}, batches)
        lost = sum(1 - one.kept(flat[one.name]) for one in group)
        found |= {one.name: moved / max(lost, 1e-9) for one in group}
        task.progress(start + len(group), len(cut), unit="layers", note="distances")
    return found

"""Which weights of a network's linear layers stay, the others being zero."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

ROUTERS = ("gate", "router")
"""Linear layers that send a token to experts: small, and wrong answers of theirs cost a whole expert."""
AT_ONCE = 1 << 24
"""Bytes of a file that are compressed together."""


def linear(net: Any) -> dict[str, Any]:
    """Name -> each linear layer of the network's layers; not embeddings, heads, poolers and routers."""
    from transformers.pytorch_utils import Conv1D

    import torch

    stacks = [name for name, part in net.named_modules() if isinstance(part, torch.nn.ModuleList)]
    return {
        name: part
        for name, part in net.named_modules()
        if isinstance(part, (torch.nn.Linear, Conv1D))
        and any(name.startswith(f"{stack}.") for stack in stacks)
        and name.rpartition(".")[2] not in ROUTERS
    }


def weight_of(module: Any) -> "torch.Tensor":
    """A view of its weight as [outputs, inputs]; GPT-2 keeps them the other way round."""
    from torch.nn import Linear

    found: torch.Tensor = module.weight if isinstance(module, Linear) else module.weight.T
    return found


def of_share(scores: "torch.Tensor", share: float) -> "torch.Tensor":
    """Mask like `scores` [groups, weights]: False for the `share` with the lowest scores of each group."""
    import torch

    gone = round(share * scores.shape[-1])
    # stable: weights of one score go from the front, on every machine
    order = scores.argsort(dim=-1, stable=True)
    return torch.ones_like(scores, dtype=torch.bool).scatter_(-1, order[..., :gone], value=False)


def of_pattern(scores: "torch.Tensor", stay: int, among: int) -> "torch.Tensor":
    """Mask like `scores` [outputs, inputs]: True for `stay` of each `among` neighbouring inputs."""
    found = of_share(scores.reshape(-1, among), 1 - stay / among)
    return found.view(scores.shape)


def solid(net: Any) -> int:
    """Weights in tensors of three dimensions or more, which no linear layer has."""
    return sum(weight.numel() for weight in net.parameters() if weight.ndim > 2)


def zeros(tensors: "Iterator[torch.Tensor]") -> tuple[int, int]:
    """How many numbers are 0, and how many there are."""
    found, count = 0, 0
    for tensor in tensors:
        found += tensor.numel() - int(tensor.count_nonzero())  # a sum of truths takes 8 bytes each
        count += tensor.numel()
    return found, count


def sizes(folder: Path) -> tuple[int, int]:
    """Bytes of a folder's weight files, and of the same compressed (zstd, 16 MiB at a time)."""
    import pyarrow as pa

    codec = pa.Codec("zstd")
    whole, small = 0, 0
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while piece := file.read(AT_ONCE):
                whole += len(piece)
                small += codec.compress(piece).size
    return whole, small

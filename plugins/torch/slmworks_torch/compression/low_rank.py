"""Layers of low rank: a matrix as the product of two thin ones, in the place of a linear layer or a table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class LowRank(nn.Module):  # type: ignore[misc]
    """A linear layer as two: [..., in] -> [..., rank] -> [..., out]."""

    def __init__(self, width_in: int, width_out: int, rank: int, *, bias: bool) -> None:
        """Two linear layers with torch's usual random weights; the bias is the second one's."""
        super().__init__()
        self.in_features, self.out_features = width_in, width_out
        self.first = nn.Linear(width_in, rank, bias=False)
        self.second = nn.Linear(rank, width_out, bias=bias)

    @property
    def weight(self) -> torch.Tensor:
        """The product [out, in], for networks that look at a layer's weight."""
        return self.second.weight @ self.first.weight

    @property
    def bias(self) -> torch.Tensor | None:
        """The bias [out], if there is one."""
        found: torch.Tensor | None = self.second.bias
        return found

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Outputs [..., out]."""
        found: torch.Tensor = self.second(self.first(states))
        return found


class LowRankEmbedding(nn.Module):  # type: ignore[misc]
    """A table of token vectors as rows of `rank` numbers and a linear layer that all tokens share."""

    def __init__(self, tokens: int, width: int, rank: int, *, padding_idx: int | None) -> None:
        """Random weights, as torch's Embedding and Linear have them."""
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.padding_idx = tokens, width, padding_idx
        self.first = nn.Embedding(tokens, rank, padding_idx=padding_idx)
        self.second = nn.Linear(rank, width, bias=False)

    @property
    def weight(self) -> torch.Tensor:
        """The product [tokens, width], for code that looks at the table."""
        return self.first.weight @ self.second.weight.T

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Vectors [..., width]."""
        found: torch.Tensor = self.second(self.first(ids))
        return found


def pair(module: Any, rank: int) -> LowRank | LowRankEmbedding:
    """The layer of low rank that takes a module's place, not yet with its weights; ValueError for none."""
    rows, columns = module.weight.shape
    if not 0 < rank <= min(rows, columns):
        raise ValueError(f"the rank {rank} of a matrix {rows} × {columns}")
    with torch.device(module.weight.device):
        if isinstance(module, nn.Embedding):
            return LowRankEmbedding(rows, columns, rank, padding_idx=module.padding_idx)
        return LowRank(columns, rows, rank, bias=module.bias is not None)


def factorized(module: Any, first: torch.Tensor, second: torch.Tensor) -> LowRank | LowRankEmbedding:
    """The layer of low rank whose weight is `second @ first`, of factors [out, rank] and [rank, in].

    A table [tokens, width] is a matrix too: `second` is [tokens, rank].
    """
    made = pair(module, len(first))
    with torch.no_grad():
        if isinstance(made, LowRankEmbedding):
            first, second = second, first.T
        made.first.weight.copy_(first)
        made.second.weight.copy_(second)
        if isinstance(made, LowRank) and made.second.bias is not None:
            made.second.bias.copy_(module.bias)
    made.eval()
    return made


def is_linear(module: Any) -> bool:
    """True for a linear layer, false for a table."""
    return isinstance(module, nn.Linear)


def absolute(net: Any, name: str) -> str:
    """The name in `net` of a module that is named as in its base model, or in itself; empty for none."""
    modules = dict(net.named_modules())
    inside = name if net.base_model is net else f"{net.base_model_prefix}.{name}"
    return next((one for one in (inside, name) if one in modules), "")


def relative(net: Any, name: str) -> str:
    """The name in the base model, which is the same under any head; a head's own modules keep theirs."""
    return name if net.base_model is net else name.removeprefix(f"{net.base_model_prefix}.")


def shape(net: Any, ranks: Mapping[str, int]) -> None:
    """Put layers of these ranks, by relative name, into a network; a head that it lacks is passed over."""
    for name, rank in ranks.items():
        place = absolute(net, name)
        module = net.get_submodule(place) if place else None
        if module is None or isinstance(module, LowRank | LowRankEmbedding):
            continue
        if not isinstance(module, nn.Linear | nn.Embedding):
            raise TypeError(f"{name}: config.json gives a rank to a {type(module).__name__}")
        try:
            net.set_submodule(place, pair(module, rank))
        except ValueError as error:
            raise ValueError(f"{name}: config.json gives {error}") from None


@contextmanager
def swapped(net: Any, modules: Mapping[str, Any]) -> Iterator[None]:
    """The network with other modules by name, for as long as the block runs."""
    before = {name: net.get_submodule(name) for name in modules}
    put(net, modules)
    try:
        yield
    finally:
        put(net, before)


def put(net: Any, modules: Mapping[str, Any]) -> None:
    """Replace modules of a network by name."""
    for name, module in modules.items():
        net.set_submodule(name, module)

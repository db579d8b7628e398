"""Which parts of a layer can take the inverse of scales that the columns behind them get: tried on the model.

A norm's weight can where linear layers alone read it, and a linear layer's rows can where what follows is
linear in them (`up_proj` before `down_proj`). A norm that adds one to its weight can't, nor can heads that
several queries share.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slmworks_inc.blocks import Blocks


def find(network: Any, blocks: "Blocks", piece: Sequence[int]) -> dict[str, list[str]]:
    """Name of what gives scales away -> linear layers that take them, by their names in a layer."""
    import torch

    ids = torch.tensor([list(piece)])
    wanted = _logits(network, ids)
    found: dict[str, list[str]] = {}
    taken: set[str] = set()
    for giver, takers in _candidates(network, blocks, ids):
        if giver in found or taken & {*takers}:
            continue
        with _scaled(network, blocks, giver, takers):
            moved = (_logits(network, ids) - wanted).abs().max()
        if moved <= 1e-3 * wanted.abs().max():
            found[giver] = list(takers)
            taken.update(takers)
    return found


def _candidates(network: Any, blocks: "Blocks", ids: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Norms with the linear layers that read them, then pairs of linear layers that fit."""
    import torch

    linear, norms = [], []
    for name, part, given, made in _calls(network, blocks.parts[0], ids):
        if isinstance(part, torch.nn.Linear):
            linear.append((name, part, given))
        elif getattr(part, "weight", None) is not None and part.weight.ndim == 1:
            norms.append((name, made))
    for name, made in norms:
        readers = tuple(other for other, _, given in linear if given is made)
        if readers:
            yield name, readers
    for number, (taker, after, _) in enumerate(linear):
        for giver, before, _ in reversed(linear[:number]):
            if before.out_features == after.in_features:
                yield giver, (taker,)


def _calls(network: Any, block: Any, ids: Any) -> list[tuple[str, Any, Any, Any]]:
    """Modules of a layer without others in them, as they are called: name, module, input, output."""
    found: list[tuple[str, Any, Any, Any]] = []

    def note(name: str) -> Any:
        return lambda part, given, made: found.append((name, part, given[0] if given else None, made))

    leaves = [(name, part) for name, part in block.named_modules() if not [*part.children()]]
    hooks = [part.register_forward_hook(note(name)) for name, part in leaves]
    try:
        _logits(network, ids)
    finally:
        for hook in hooks:
            hook.remove()
    return found


@contextmanager
def _scaled(network: Any, blocks: "Blocks", giver: str, takers: Sequence[str]) -> Iterator[None]:
    """Scales of 1/2 to 2 in all layers; afterwards the weights are as they were, to the bit."""
    import torch

    paths = blocks.paths([giver, *takers])
    before: Mapping[str, Any] = {
        path: {name: one.clone() for name, one in network.get_submodule(path).named_parameters()}
        for path in paths
    }
    draw = torch.Generator().manual_seed(0)
    try:
        for block in blocks.parts:
            first = block.get_submodule(giver)
            size = first.weight.shape[0]
            scale = 2 ** (2 * torch.rand(size, generator=draw) - 1)
            for part in first.parameters(recurse=False):
                part.data.div_(scale.view(-1, *[1] * (part.ndim - 1)))
            for name in takers:
                block.get_submodule(name).weight.data.mul_(scale)
        yield
    finally:
        for path, parts in before.items():
            for name, one in network.get_submodule(path).named_parameters():
                one.data.copy_(parts[name])


def _logits(network: Any, ids: Any) -> Any:
    return network(input_ids=ids, use_cache=False).logits

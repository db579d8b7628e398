"""Layers of a network as Neural Compressor walks them to calibrate; BadRequest for what it gets wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.contract.errors import BadRequest, TaskFailed


@dataclass(frozen=True)
class Blocks:
    """The stack of layers."""

    path: str
    """`model.layers`."""
    parts: Sequence[Any]

    def paths(self, names: Sequence[str]) -> list[str]:
        """The paths of modules of a layer, by their names in it, in all layers."""
        return [f"{self.path}.{number}.{name}" for number in range(len(self.parts)) for name in names]


def require_matrices(network: Any, *, plugin: str) -> None:
    """BadRequest for experts that are stored together: Neural Compressor passes over them in silence."""
    from torch.nn.modules.conv import _ConvNd

    for name, part in network.named_modules():
        if isinstance(part, _ConvNd):
            continue
        for _, weight in part.named_parameters(recurse=False):
            if weight.ndim > 2:
                raise BadRequest(
                    f"{name} ({type(part).__name__}) holds the matrices of its experts as one tensor of "
                    f"{weight.ndim} axes, and {plugin} packs matrices alone, so most of the model would stay "
                    "float32; take a dense model, or distil this one into one (distill/token-kd with "
                    "`student`)."
                )


def of(network: Any, *, plugin: str, group_size: int) -> Blocks:
    """The stack of a network whose layers can be calibrated one after the other; BadRequest for another."""
    import torch

    require_matrices(network, plugin=plugin)
    stacks = [
        (name, part)
        for name, part in network.named_modules()
        if isinstance(part, torch.nn.ModuleList | torch.nn.Sequential)
    ]
    if len(stacks) != 1:
        raise BadRequest(
            f"the network has {len(stacks)} lists of modules ({', '.join(name for name, _ in stacks[:3])}), "
            f"and {plugin} calibrates one stack of layers; use quantize/inc-rtn or quantize/gguf."
        )
    ((path, parts),) = stacks
    if not len(parts):
        raise TaskFailed(f"quantize: {path} is empty, so there is nothing to quantize; take quantize/gguf.")
    _require_linear(path, parts, plugin)
    _require_groups(path, parts, group_size, ranks=bool(getattr(network.config, "factorized_ranks", None)))
    return Blocks(path, parts)


def _require_linear(path: str, parts: Any, plugin: str) -> None:
    import transformers
    from torch.nn.modules.conv import _ConvNd

    for name, part in parts.named_modules():
        if isinstance(part, (_ConvNd, transformers.Conv1D)):
            raise BadRequest(
                f"{path}.{name} is a {type(part).__name__}, and {plugin} computes torch's Linear alone "
                "(Neural Compressor would pack wrong integers for it); use quantize/inc-rtn or quantize/gguf."
            )


def _require_groups(path: str, parts: Any, group_size: int, *, ranks: bool) -> None:
    import math

    import torch

    linear = {
        name: part.in_features for name, part in parts.named_modules() if isinstance(part, torch.nn.Linear)
    }
    way = f", or factorize with `multiple: {group_size}`" if ranks else ""
    for name, width in linear.items():
        if width % group_size:
            raise BadRequest(
                f"group_size: {group_size} does not divide {width}, the width of {path}.{name}; take a "
                f"divisor of {math.gcd(*linear.values())}{way}."
            )


def require_alike(network: Any, found: Blocks, piece: Sequence[int], *, plugin: str) -> None:
    """BadRequest unless all layers are called alike: Neural Compressor calls each as it saw the first called.

    Layers that look back differently far, or turn positions differently, are not.
    """
    import torch

    calls: list[dict[str, Any]] = []

    def note(_: Any, places: tuple[Any, ...], names: dict[str, Any]) -> None:
        """All but the hidden state."""
        given = {f"argument {place}": one for place, one in enumerate(places[1:], 2)} | names
        given.pop("hidden_states", None)
        calls.append(given)

    hooks = [part.register_forward_pre_hook(note, with_kwargs=True) for part in found.parts]
    try:
        network(input_ids=torch.tensor([list(piece)]), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    for number, call in enumerate(calls):
        for name in sorted({*calls[0], *call}):
            if not _same(calls[0].get(name), call.get(name)):
                raise BadRequest(
                    f"{found.path}.{number} is called with another {name} than {found.path}.0, and {plugin} "
                    "calibrates all layers with the first one's; calibrate with fewer tokens a row "
                    "(`max_tokens`), or use quantize/inc-rtn or quantize/gguf."
                )


def _same(one: Any, other: Any) -> bool:
    import torch

    if isinstance(one, torch.Tensor) or isinstance(other, torch.Tensor):
        return isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    return True  # what is no tensor says nothing of the numbers

"""Linear layers of a network by the paths of modules, as options name them."""

from collections.abc import Sequence
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean


def linear(network: Any) -> list[str]:
    """Paths of all linear layers but a language model's output table, which no quantizer here touches."""
    import torch

    table = getattr(network, "get_output_embeddings", lambda: None)()
    return [
        name
        for name, part in network.named_modules()
        if isinstance(part, torch.nn.Linear) and part is not table
    ]


def below(network: Any, paths: Sequence[str], *, option: str) -> list[str]:
    """Paths of the linear layers at or below modules; BadRequest for a path without one."""
    every = linear(network)
    known = {name for name, _ in network.named_modules() if name}
    found: dict[str, None] = {}
    for path in paths:
        if path not in known:
            raise BadRequest(f"{option}: the model has no module '{path}'. {did_you_mean(path, known)}")
        mine = [name for name in every if name == path or name.startswith(f"{path}.")]
        if not mine:
            raise BadRequest(
                f"{option}: the module '{path}' holds no linear layer, so nothing in it is quantized "
                "anyway; name one that does, or leave it out."
            )
        found.update(dict.fromkeys(mine))
    return list(found)

"""Sizes of students: which layers stay, no student larger than its teacher."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    from slmworks_torch.causal.chat_model import ChatModel
    from slmworks_torch.hf_folder import TextNetwork


def chosen(net: Any, layers: Sequence[int] | None, depth: int | None, *, port: str) -> tuple[int, ...] | None:
    """The layers that stay; None for all. BadRequest for more than there are."""
    count = int(net.config.num_hidden_layers)
    if layers is not None and layers[-1] >= count:
        raise BadRequest(f"layers: the {port} has the layers 0 to {count - 1}, not {layers[-1]}.")
    if depth is None:
        return None if layers is None else tuple(layers)
    if depth > count:
        raise BadRequest(f"depth: the {port} has {count} layers, and {depth} are asked for; take fewer.")
    return evenly(count, depth)


def evenly(count: int, depth: int) -> tuple[int, ...]:
    """`depth` of `count` layers, at distances as equal as can be, from the first to the last."""
    gaps = depth - 1
    return tuple((2 * place * (count - 1) + gaps) // (2 * gaps) for place in range(depth))


def refuse_larger(student: "ChatModel | TextNetwork", teacher: Model) -> None:
    """BadRequest for a student with more weights than its teacher, where these are known."""
    most = _weights(teacher)
    if most and student.parameters > most:
        raise BadRequest(
            f"student: it has {student.parameters:,} weights, more than its teacher's {most:,}; give a "
            "smaller student, or change places."
        )


def _weights(model: Model) -> int:
    """Number of a model's weights: of the folder's files, else as its header says; 0 where nothing does."""
    files = sorted(model.path.glob("*.safetensors")) if model.format == "hf" else []
    if files:
        return sum(map(_in_file, files))
    said = model.meta.get("parameters")
    return said if isinstance(said, int) else 0


def _in_file(path: Path) -> int:
    import math

    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118

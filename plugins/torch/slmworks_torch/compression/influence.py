"""How much each layer does to what passes through it."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.compression.compressible import Calibration, Compressible

if TYPE_CHECKING:
    import torch


def influence(
    whole: Compressible, stack: str, batches: Sequence[Calibration], task: Task, *, run: int = 1
) -> list[float]:
    """Angular distance between what layer 0, 1, … is given and what the last of `run` layers from it gives.

    Mean over the counted places, 0 (the same direction) to 1 (the opposite one). `stack`: the name of the
    list of layers. BadRequest for layers whose states aren't [rows, tokens, width].
    """
    import torch

    layers = whole.net.get_submodule(stack)
    sums = [0.0] * (len(layers) - run + 1)
    places = 0
    with torch.inference_mode(), ExitStack() as hooks:
        states = _States()
        for number, layer in enumerate(layers):
            if number == 0:
                hooks.callback(layer.register_forward_pre_hook(states.given, with_kwargs=True).remove)
            hooks.callback(layer.register_forward_hook(states.made).remove)
        for done, batch in enumerate(batches):
            states.begin(batch.counted)
            whole.answers(batch)
            for number in range(len(sums)):
                sums[number] += float(angles(states.seen[number], states.seen[number + run]).sum())
            places += int(batch.counted.sum())
            task.progress(done + 1, len(batches), unit="batches", note="influence of layers")
    return [total / places for total in sums]


def angles(one: "torch.Tensor", other: "torch.Tensor") -> "torch.Tensor":
    """Angle between the rows of two matrices as a share of half a turn, float64 [rows]."""
    import torch

    cosine = torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=-1)
    return cosine.clamp(-1, 1).arccos() / torch.pi


@dataclass
class _States:
    """Hidden states at the counted places of one batch: before the first layer, and behind each."""

    counted: "torch.Tensor" = field(init=False)
    seen: "list[torch.Tensor]" = field(default_factory=list)

    def begin(self, counted: "torch.Tensor") -> None:
        self.counted, self.seen = counted, []

    def given(self, _layer: Any, args: Any, named: Any) -> None:
        self._see(args[0] if args else named["hidden_states"])

    def made(self, _layer: Any, _args: Any, found: Any) -> None:
        self._see(found[0] if isinstance(found, tuple) else found)

    def _see(self, states: "torch.Tensor") -> None:
        from slmworks_torch.compression import activations

        rows = activations.at(states, self.counted)
        if rows is None:
            raise BadRequest(
                f"layers: this model's layers pass on states of the shape {list(states.shape)}, not [rows, "
                "tokens, width], so what they do to a text can't be measured; name the `layers` that stay."
            )
        self.seen.append(rows)

"""What modules of a network are given, or give, at the counted places of calibration data."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from slmworks.contract.stage import Task
from slmworks_torch.compression.compressible import Calibration, Compressible

if TYPE_CHECKING:
    import torch

    Measure = Callable[[torch.Tensor], torch.Tensor]
    """States [places, width] -> as many numbers."""


def means(
    whole: Compressible,
    batches: Sequence[Calibration],
    names: Iterable[str],
    of: "Measure",
    task: Task,
    *,
    side: Literal["inputs", "outputs"] = "inputs",
) -> "dict[str, torch.Tensor]":
    """Name of each module -> mean of `of` its inputs over the counted places, float64 [width] on the CPU.

    Of its outputs, if `side` says so.

    A module that no batch reaches (an expert that no token was sent to) is missing.
    """
    import torch

    found = _Sums(of)
    with torch.inference_mode(), ExitStack() as hooks:
        for name in names:
            module = whole.net.get_submodule(name)
            hooks.callback(module.register_forward_hook(found.adding(name, side)).remove)
        for done, batch in enumerate(batches):
            found.counted = batch.counted
            whole.answers(batch)
            task.progress(done + 1, len(batches), unit="batches", note="what matters")
    return {name: (total / found.places[name]).cpu() for name, total in found.sums.items()}


def at(states: "torch.Tensor", counted: "torch.Tensor") -> "torch.Tensor | None":
    """States [rows, tokens, width] at the counted places, [places, width]; None for another shape.

    Tokens behind a row's (Longformer fills its windows up) count as little as padding.
    """
    rows, tokens = counted.shape
    if states.ndim == 2 and len(states) == rows * tokens:  # some families compute all tokens as one list
        states = states.view(rows, tokens, -1)
    if states.ndim != 3 or len(states) != rows or states.shape[1] < tokens:
        return None
    return states[:, :tokens][counted]


@dataclass
class _Sums:
    of: "Measure"
    counted: "torch.Tensor" = field(init=False)
    sums: "dict[str, torch.Tensor]" = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    def adding(self, name: str, side: str) -> Any:
        """A hook that adds up what one side of a module has; all of it where tokens are sorted (experts)."""

        def add(_module: Any, given: Any, made: Any) -> None:
            states = given[0] if side == "inputs" else made
            rows = at(states, self.counted)
            if rows is None:
                rows = states.flatten(0, -2)
            total = self.of(rows.double()).sum(0)
            self.sums[name] = self.sums[name] + total if name in self.sums else total
            self.places[name] = self.places.get(name, 0) + len(rows)

        return add

"""The lowest layers of a network, left as they are and computed once a text instead of in every epoch.

The lower layers of a pretrained encoder change least in fine-tuning, and the model is nearly as good
without it (Lee, Tang & Lin, 2019).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import length_batches
from slmworks_torch import networks
from slmworks_torch.batches import Encoded
from slmworks_torch.training_options import refuse_all

if TYPE_CHECKING:
    import torch
    from slmworks_torch.networks import Forward

MOST = 4 << 30
"""Bytes of states that are kept on disk; where there are more, the layers are computed in every epoch."""


class FrozenLayers:
    """States that the lowest layers give for each text, in a file: float32 [tokens of all texts, width]."""

    def __init__(
        self, layers: Sequence[Any], states: "torch.Tensor", starts: Sequence[int], places: int
    ) -> None:
        self._layers, self._states, self._starts, self._places = layers, states, starts, places
        self._given: torch.Tensor | None = None

    @contextmanager
    def recalled(self) -> Iterator[None]:
        """Within it the network takes what was computed for the batch that `take` named last."""
        for layer in self._layers:
            layer.forward = self._recall
        try:
            yield
        finally:
            for layer in self._layers:
                del layer.forward  # its class's own again

    def take(self, batch: Sequence[int], device: "torch.device") -> None:
        """The next forward pass is of these rows, in this order, each as long as the longest of them."""
        import torch

        texts = [self._states[self._starts[row] : self._starts[row + 1]] for row in batch]
        self._given = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True).to(device)

    def _recall(self, *_given: Any, **_named: Any) -> Any:
        return (self._given, *(None,) * (self._places - 1)) if self._places else self._given


def freeze(net: Any, count: int, rows: Encoded, forward: "Forward") -> list[Any]:
    """Keep the lowest `count` layers from training, and all that is computed before them; returns the layers.

    Neither learns, neither drops anything. BadRequest unless at least one layer stays above them.
    """
    refuse_all(count, int(net.config.num_hidden_layers))
    name = networks.layer_stack(net, "freeze_layers", "leave the option out")
    layers = list(net.get_submodule(name)[:count])
    for module in _used_until(net, layers[-1], rows, forward):
        networks.set_dropout(module, 0.0)
        for weight in module.parameters(recurse=False):
            weight.requires_grad_(False)
    return layers


def _used_until(net: Any, layer: Any, rows: Encoded, forward: "Forward") -> list[Any]:
    """The modules that compute until `layer` has."""
    used: list[Any] = []
    hooks = [
        module.register_forward_hook(lambda one, _given, _output: used.append(one))
        for module in net.modules()
    ]
    try:
        _reach(net, layer, forward, rows.batch([0], net.device))
    finally:
        for hook in hooks:
            hook.remove()
    return used


def compute(
    net: Any, layers: Sequence[Any], rows: Encoded, forward: "Forward", file: Path
) -> FrozenLayers | None:
    """Run all rows through the layers, states into `file`; None where they would take too much."""
    import numpy as np

    import torch

    starts = list(accumulate(map(len, rows.ids), initial=0))
    width = int(net.config.hidden_size)
    if starts[-1] * width * 4 > MOST:
        return None
    net.eval()
    states = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(starts[-1], width))
    with torch.inference_mode():
        for batch in length_batches(list(map(len, rows.ids)), 64):
            found, places = _reach(net, layers[-1], forward, rows.batch(batch, net.device))
            for place, row in enumerate(batch):
                states[starts[row] : starts[row + 1]] = found[place, : len(rows.ids[row])].float().cpu()
    return FrozenLayers(layers, torch.from_numpy(states), starts, places)


class _Reached(Exception):
    """Ends a forward pass where the frozen layers end."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def _reach(
    net: Any, layer: Any, forward: "Forward", inputs: "dict[str, torch.Tensor]"
) -> "tuple[torch.Tensor, int]":
    """States that `layer` gives, [rows, tokens, width], and the length of the tuple around them, or 0.

    Nothing above the layer is computed. BadRequest where it hands on more than its states.
    """
    import torch

    def reached(_layer: Any, _given: Any, output: Any) -> None:
        raise _Reached(output)

    hook = layer.register_forward_hook(reached)
    output: Any = None
    try:
        forward(net, inputs)
    except _Reached as end:
        output = end.output
    finally:
        hook.remove()
    places = len(output) if isinstance(output, tuple) else 0
    states, *more = output if places else (output,)
    if not isinstance(states, torch.Tensor) or any(one is not None for one in more):
        raise BadRequest(
            f"freeze_layers: the layers of this {net.config.model_type} model hand on more than their "
            "states; leave the option out."
        )
    return states, places

"""Prune single weights of linear layers: those of least magnitude, or of least effect on real inputs."""

import operator
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.prune import Prune
from slmworks_torch.compression.compressible import Compressible, needed
from slmworks_torch.compression.pruned import MODEL_TASKS, CalibrationOptions

if TYPE_CHECKING:
    import torch

    Scores = Mapping[str, torch.Tensor]


HALF = 0.5
"""Share that goes where nothing is said."""


class Unstructured(CalibrationOptions, Prune):
    """Set weights of linear layers to zero; embeddings and heads stay as they are."""

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = MODEL_TASKS
    produces: ClassVar[str] = "hf"
    by_row: ClassVar[bool]
    """Whether weights compete with those of their own output only, or with all of their layer's."""

    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of each linear layer's weights that becomes zero; half of them where nothing is said."""
    pattern: Annotated[str, Field(pattern=r"^[1-9][0-9]*:[1-9][0-9]*$")] | None = None
    """`N:M`: N of each M neighbouring inputs of an output stay (`2:4`). Instead of `share`."""

    @field_validator("pattern")
    @classmethod
    def _fewer(cls, pattern: str | None) -> str | None:
        if pattern and not operator.lt(*_numbers(pattern)):
            raise ValueError("fewer have to stay than there are, like 2:4")
        return pattern

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.pattern is not None and self.share is not None:
            raise ValueError("share and pattern say the same thing in two ways; leave out one")
        return self

    @abstractmethod
    def inputs(self, whole: Compressible, names: Sequence[str], data: Dataset | None, task: Task) -> "Scores":
        """Name of a linear layer -> what its |weights| are multiplied with, [inputs]; by 1 if missing."""

    def run(self, *, model: Model, data: Dataset | None, task: Task) -> Model:
        """Choose the weights that go, set them to zero, compare the network with the whole one."""
        from slmworks_torch.compression import masks, pruned

        whole = pruned.loaded(model, task)
        layers = masks.linear(whole.net)
        self._refuse(whole.net, layers)
        factors = self.inputs(whole, list(layers), data, task)
        reference = pruned.reference(whole, data, self.rows, task)
        for name, layer in layers.items():
            self._prune(layer, factors.get(name))
        summary = pruned.compared(reference, whole)
        made = whole.made(task, {})
        return Model(
            **{**vars(made), "summary": {**summary, **self._said(whole.net, layers, model, made, task)}}
        )

    def _prune(self, layer: Any, factors: "torch.Tensor | None") -> None:
        """Set the weights of the lowest scores of one layer to zero."""
        import torch
        from slmworks_torch.compression import masks

        with torch.no_grad():
            weight = masks.weight_of(layer)
            scores = weight.abs() if factors is None else weight.abs() * factors.to(weight)
            if self.pattern:
                stays = masks.of_pattern(scores, *_numbers(self.pattern))
            else:
                competing = scores if self.by_row else scores.reshape(1, -1)
                stays = masks.of_share(competing, self.share or HALF).view(scores.shape)
            weight.mul_(stays)

    def _refuse(self, net: Any, layers: Mapping[str, Any]) -> None:
        """BadRequest for a network without linear layers, or with widths that the pattern doesn't divide."""
        from slmworks_torch.compression import masks

        if not layers:
            raise BadRequest(
                f"model: this {net.config.model_type} model has no linear layers in its layers; use "
                "prune/layers."
            )
        among = _numbers(self.pattern)[1] if self.pattern else 1
        for name, layer in layers.items():
            if (width := masks.weight_of(layer).shape[1]) % among:
                raise BadRequest(
                    f"pattern: {name} has {width} inputs, which are no multiple of {among}; take another "
                    "pattern, or `share`."
                )

    @staticmethod
    def _said(net: Any, layers: Mapping[str, Any], model: Model, made: Model, task: Task) -> dict[str, Any]:
        """Real shares of zeros, what was passed over, and bytes on disk."""
        from slmworks_torch.compression import masks

        linear, weights = masks.zeros(layer.weight for layer in layers.values())
        every, parameters = masks.zeros(net.parameters())
        if skipped := masks.solid(net):
            task.say(
                f"{skipped:,} weights in tensors of three dimensions (experts, convolutions) are no linear "
                "layers and stay as they were"
            )
        before, after = masks.sizes(model.path), masks.sizes(made.path)
        return {
            "zero_share": round(every / parameters, 4),
            "linear_zero_share": round(linear / weights, 4),
            "linear_share": round(weights / parameters, 4),
            "skipped_parameters": skipped,
            "bytes": after[0],
            "bytes_zstd": after[1],
            "bytes_before": before[0],
            "bytes_zstd_before": before[1],
        }


class PruneMagnitude(Unstructured):
    """Set the smallest weights of each linear layer to zero (Han et al., 2015): files that compress better.

    No runtime here computes faster or takes less memory by it: zeros are stored and multiplied like any other
    number. What shrinks is the compressed file, and training fills the zeros again. Needs no data; with
    `data` it says how far the model moved.
    """

    by_row: ClassVar[bool] = False

    def inputs(self, whole: Compressible, names: Sequence[str], data: Dataset | None, task: Task) -> "Scores":
        """Nothing: the weights alone decide."""
        return {}


class Wanda(Unstructured):
    """Set the weights to zero that matter least by |weight| x norm of its input (Wanda; Sun et al., 2024).

    Weights compete within an output. Norms are the whole model's, taken once at the counted places; the paper
    takes them layer by layer, behind layers that are pruned already. As with `magnitude`, no runtime here
    computes faster by it: what shrinks is the compressed file.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    by_row: ClassVar[bool] = True

    def inputs(self, whole: Compressible, names: Sequence[str], data: Dataset | None, task: Task) -> "Scores":
        """Root mean square of each input of each linear layer, [inputs]."""
        import torch
        from slmworks_torch.compression import activations

        given = needed(data, "which inputs are large is measured on data")
        batches = whole.calibration(given, "train", self.rows, task)
        found = activations.means(whole, batches, names, torch.square, task)
        return {name: means.sqrt() for name, means in found.items()}


def _numbers(pattern: str) -> tuple[int, int]:
    stay, among = map(int, re.findall(r"\d+", pattern))
    return stay, among

"""Prune whole layers: those that are named, or those that change what passes through them least."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.prune import Prune
from slmworks_torch.compression.compressible import Compressible, needed
from slmworks_torch.compression.pruned import MODEL_TASKS, CalibrationOptions
from slmworks_torch.student_options import ascending
from slmworks_torch.training_options import depth_of


class PruneLayers(CalibrationOptions, Prune):
    """Leave out whole layers: all but those named, those of least influence, or those that are missed least.

    Influence is the angle between what a layer is given and what it gives (ShortGPT; Men et al., 2024),
    measured once on the whole model at real tokens of texts, or where a generator predicts its answer. How
    much a layer is missed is the distance of the answers without it, measured as layers go (SLEB; Song et
    al., 2024).
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = MODEL_TASKS
    produces: ClassVar[str] = "hf"

    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Layers that stay, counted from 0. Needs no data."""
    keep: PositiveInt | None = None
    """So many layers stay; which ones is measured on `data`. Instead of `layers`."""
    drop: PositiveInt | None = None
    """So many layers go; which ones is measured on `data`. Half of them where nothing is said."""
    choice: Literal["each", "consecutive", "in-turn"] = "each"
    """`each` drops the layers of least influence wherever they are, `consecutive` the run of neighbours that
    together have the least (Gromov et al., 2024), `in-turn` one layer after the other, each time the one that
    is missed least: it computes the rows some hundred times, so set `rows` to 16 or so."""

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return ascending(layers)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        said = [name for name in ("layers", "keep", "drop") if getattr(self, name) is not None]
        if len(said) > 1:
            raise ValueError(f"{' and '.join(said)} say which layers stay in two ways; leave out one")
        return self

    def check_origin(self, port: str, model: Model) -> None:
        """BadRequest for layers that the model doesn't have, and for none or all of them."""
        depth = depth_of(model) if port == "model" else None
        if depth is not None:
            self._dropped(depth)

    def run(self, *, model: Model, data: Dataset | None, task: Task) -> Model:
        """Choose the layers, build the network that has them, compare it with the whole one."""
        from slmworks_torch.compression import pruned
        from slmworks_torch.compression.elimination import with_layers

        self.check_origin("model", model)
        if self.layers is None:
            data = needed(data, "keep, drop: which layers matter is measured on data")
        whole = pruned.loaded(model, task)
        chosen, numbers = self._chosen(whole, data, task)
        reference = pruned.reference(whole, data, self.rows, task)
        smaller = with_layers(whole, chosen)
        summary = pruned.compared(reference, smaller)
        kept = " ".join(map(str, chosen))
        return smaller.made(task, {**summary, "layers": len(chosen), "layers_kept": kept, **numbers})

    def _chosen(
        self, whole: Compressible, data: Dataset | None, task: Task
    ) -> tuple[tuple[int, ...], dict[str, Any]]:
        """The layers that stay, and what was measured to choose them."""
        from slmworks_torch import networks
        from slmworks_torch.compression.elimination import eliminated
        from slmworks_torch.compression.influence import influence

        depth = int(whole.net.config.num_hidden_layers)
        drop = self._dropped(depth)
        if self.layers is not None or data is None:
            return self.layers or (), {}
        stack = networks.layer_stack(whole.net, "layers", "take a smaller model")
        batches = whole.calibration(data, "train", self.rows, task)
        if self.choice == "in-turn":
            gone = eliminated(whole, depth, batches, drop, task)
            left = tuple(layer for layer in range(depth) if layer not in gone)
            return left, {"dropped": {str(layer): round(far, 6) for layer, far in gone.items()}}
        run = drop if self.choice == "consecutive" else 1
        measured = influence(whole, stack, batches, task, run=run)
        kept = _kept(measured, depth, drop, self.choice)
        return kept, {"influence": {str(layer): round(value, 4) for layer, value in enumerate(measured)}}

    def _dropped(self, depth: int) -> int:
        """How many of a model's layers go; BadRequest where that leaves none, or all."""
        if self.layers is not None:
            if self.layers[-1] >= depth:
                raise BadRequest(
                    f"layers: the model has the layers 0 to {depth - 1}, not {self.layers[-1]}; take fewer."
                )
            drop = depth - len(self.layers)
        elif self.keep is not None:
            drop = depth - self.keep
        else:
            drop = self.drop or depth // 2
        if depth == 1:
            raise BadRequest("model: it has one layer, and one has to stay; use prune/width.")
        if not 0 < drop < depth:
            option = next((name for name in ("layers", "keep") if getattr(self, name) is not None), "drop")
            raise BadRequest(
                f"{option}: the model has {depth} layers, and {depth - drop} would stay; take from 1 to "
                f"{depth - 1}."
            )
        return drop


def _kept(measured: Sequence[float], depth: int, drop: int, choice: str) -> tuple[int, ...]:
    """Layers that stay; of two of the same influence the later one goes."""
    if choice == "consecutive":
        first = max(range(len(measured)), key=lambda start: (-measured[start], start))
        gone = set(range(first, first + drop))
    else:
        gone = set(sorted(range(depth), key=lambda layer: (measured[layer], -layer))[:drop])
    return tuple(layer for layer in range(depth) if layer not in gone)

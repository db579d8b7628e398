"""Prune widths: feed-forward neurons, attention heads by groups with shared keys, the hidden width."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, field_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.prune import Prune
from slmworks_torch import config_json
from slmworks_torch.compression.compressible import needed
from slmworks_torch.compression.pruned import MODEL_TASKS, CalibrationOptions

if TYPE_CHECKING:
    from slmworks_torch.compression.units import Found

Count = Annotated[int, Field(strict=True, ge=1)]
"""How many stay; strict, since 1.0 would be taken for one of them."""
Share = Annotated[float, Field(gt=0, lt=1)]
"""Which share of them stays."""
HALF = 0.5
"""Share of the neurons that stay where nothing is said."""


class PruneWidth(CalibrationOptions, Prune):
    """Leave out neurons, attention heads and hidden channels: those least active on calibration data.

    Importance is the mean of |activation| (Minitron; Muralidharan et al., 2024), measured once on the whole
    model at real tokens of texts, or where a generator predicts its answer. Each layer keeps its own neurons
    and heads; channels are the same in all.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    model_tasks: ClassVar[tuple[str, ...]] = MODEL_TASKS
    produces: ClassVar[str] = "hf"

    ffn: Count | Share | None = None
    """Feed-forward neurons of each layer that stay: a number, or a share, which is rounded to a multiple of
    32, of 256 from 2,048 on (blocks of quantized files). Half of them where nothing else is given either."""
    heads: Count | Share | None = None
    """Attention heads of each layer that stay: a number, or a share, in whole groups that share keys and
    values. Families whose configuration has a width of heads (Llama's kin). All of them when left out."""
    hidden: Count | Share | None = None
    """Channels between layers that stay, as a number or a share, rounded as that of `ffn`. In families that
    compute the width of a head (BERT's kin, GPT-2, OPT) heads go along and keep their width: a whole number
    of them must fill the channels. All of them when left out."""

    @field_validator("ffn", "heads", "hidden", mode="before")
    @classmethod
    def _number_or_share(cls, stay: object) -> object:
        number = isinstance(stay, int) and not isinstance(stay, bool) and stay > 0
        if stay is None or number or (isinstance(stay, float) and 0 < stay < 1):
            return stay
        raise ValueError("has to be how many stay, 1 or more, or a share between 0 and 1")

    @property
    def _neurons(self) -> float | None:
        """What is asked of feed-forward neurons."""
        return HALF if self.ffn is self.heads is self.hidden is None else self.ffn

    def check_origin(self, port: str, model: Model) -> None:
        """BadRequest for more neurons, heads or channels than a config.json names, and for none or all."""
        from slmworks_torch.compression import units

        if port != "model":
            return
        config = config_json.entries(model.path)
        if self._neurons is not None and (width := _number(config, *units.WIDTHS)):
            _neurons(self._neurons, width)
        named = _number(config, "num_attention_heads") and _number(config, "hidden_size")
        if named and hasattr(config, "model_type"):
            self._channels(config)

    def run(self, *, model: Model, data: Dataset | None, task: Task) -> Model:
        """Measure what goes, build the narrower network, compare it with the whole one."""
        from slmworks_torch import networks
        from slmworks_torch.compression import channels, pruned, units

        given = needed(data, "which neurons, heads and channels matter is measured on data")
        self.check_origin("model", model)
        whole = pruned.loaded(model, task)
        config, parts = self._asked(whole.net)
        wanted = networks.shapes(config, whole.head, self._option)
        batches = whole.calibration(given, "train", self.rows, task)
        kept: dict[str, Any] = {}
        for found, count in parts:
            kept.update(units.chosen(whole, found, count, batches, task))
        stay = None
        if self.hidden is not None:
            stay = channels.chosen(whole, wanted, int(config.hidden_size), batches, task)
        reference = pruned.reference(whole, given, self.rows, task)
        units.narrow(whole.net, {name: one for found, _ in parts for name, one in found.items()}, kept)
        if stay is not None:
            channels.narrow(whole.net, wanted, stay)
        weights = whole.net.state_dict()
        smaller = whole.with_net(
            networks.of_weights(config, whole.head, weights, self._option, shared=True), stay
        )
        return smaller.made(task, {**pruned.compared(reference, smaller), **_widths(config)})

    @property
    def _option(self) -> str:
        """The option that most likely asked for what a family can't be."""
        return next((name for name in ("hidden", "heads") if getattr(self, name) is not None), "ffn")

    def _asked(self, net: Any) -> "tuple[Any, list[tuple[Found, int]]]":
        """The narrower configuration, and how many of which units stay."""
        from slmworks_torch.compression import channels, units

        config, parts = net.config, []
        count, groups = self._channels(config)
        if count is not None:
            config = channels.with_channels(config, count)
        if groups is not None:
            found = units.heads(net)
            config = units.with_heads(config, found, groups)
            parts.append((found, groups))
        if self._neurons is not None:
            found = units.neurons(net)
            count = _neurons(self._neurons, int(units.width_of(net.config) or 0))
            config = units.with_neurons(config, count)
            parts.append((found, count))
        return config, parts

    def _channels(self, config: Any) -> tuple[int | None, int | None]:
        """How many channels stay, and how many groups of heads; None for all of them.

        BadRequest for what the family can't have.
        """
        from slmworks_torch.compression import channels, units

        heads, whole = units.heads_of(config)
        groups = None if self.heads is None else _groups(self.heads, heads, whole)
        if self.hidden is not None:
            count = channels.stay(self.hidden, config, None if groups is None else groups * heads // whole)
            return count, channels.groups_of(config, count, groups)
        if groups is not None and config.model_type in units.COMPUTED:
            raise BadRequest(
                f"heads: those of a {config.model_type} model are as wide as its channels divided by their "
                "number, so both go together; take `hidden`, or `ffn`."
            )
        return None, groups


def _neurons(asked: float, whole: int) -> int:
    """Neurons that stay; BadRequest for none or all."""
    from slmworks_torch.compression import units

    if isinstance(asked, float):
        return units.share_of_neurons(asked, whole)
    if asked >= whole:
        raise BadRequest(f"ffn: the model has {whole} neurons a layer, and {asked} are to stay; take fewer.")
    return asked


def _groups(asked: float, heads: int, groups: int) -> int:
    """Groups of heads that stay; BadRequest for a part of one, for none, and for all."""
    each = max(1, heads // groups)
    found = round(asked * groups) if isinstance(asked, float) else asked // each
    if 0 < found < groups and (isinstance(asked, float) or found * each == asked):
        return found
    if groups == 1:
        raise BadRequest(
            f"heads: the model's {heads} heads share their keys and values, so none can be left out; take "
            "`ffn`."
        )
    raise BadRequest(
        f"heads: the model has {heads} heads a layer in groups of {each} that share keys and values, and "
        f"{asked:g}{' of them' if isinstance(asked, float) else ''} are to stay; take whole groups, "
        f"from {each} to {heads - each} heads."
    )


def _number(config: Any, *names: str) -> int:
    """The first of these entries that is a number; 0 for none."""
    return next((one for name in names if isinstance(one := getattr(config, name, None), int)), 0)


def _widths(config: Any) -> dict[str, int]:
    from slmworks_torch.compression import units

    heads, groups = units.heads_of(config)
    return {
        "ffn": int(units.width_of(config) or 0),
        "heads": heads,
        "key_value_heads": groups,
        "hidden": int(config.hidden_size),
    }

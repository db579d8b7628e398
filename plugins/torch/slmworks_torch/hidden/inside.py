"""What the layers of a transformers network compute in a forward pass, caught by hooks.

States are what a layer gives. Queries, keys and values are what its projections give: before rotary positions
and norms of single heads, which some families add behind them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from slmworks.contract.errors import BadRequest
from slmworks_torch import networks

if TYPE_CHECKING:
    import torch

Kind = Literal["query", "key", "value"]
KINDS: tuple[Kind, ...] = ("query", "key", "value")
SEPARATE = (
    ("query", "key", "value"),  # BERT, RoBERTa, Electra, MobileBERT
    ("q_lin", "k_lin", "v_lin"),  # DistilBERT
    ("q_proj", "k_proj", "v_proj"),  # Llama, Mistral, Qwen, Gemma, OPT
    ("query_proj", "key_proj", "value_proj"),  # DeBERTa v2 and v3
    ("q", "k", "v"),  # MPNet
)
"""Names of three projections side by side."""
FUSED = ("qkv_proj", "Wqkv", "c_attn")
"""Names of one projection that gives queries, then keys, then values: Phi-3, ModernBERT, GPT-2."""
BELOW = -1
"""Number of what the first layer is given: the embeddings."""


@dataclass(frozen=True)
class Caught:
    """Tensors of one forward pass."""

    states: "dict[int, torch.Tensor]" = field(default_factory=dict)
    """Layer, or `BELOW` -> its states [rows, tokens, width]."""
    projected: "dict[str, torch.Tensor]" = field(default_factory=dict)
    """Name of a projection -> what it gives [rows, tokens, width]."""


@dataclass(frozen=True)
class Inside:
    """A network, and the layers that are looked into."""

    net: Any
    port: str
    """`teacher` or `student`, for errors."""
    name: str = ""
    """Of the list of layers within the network."""

    @classmethod
    def of(cls, net: Any, *, port: str) -> "Inside":
        """BadRequest for a network without a list of its layers."""
        return cls(net, port, networks.layer_stack(net, port, "use distill/logit-kd or sequence-kd"))

    @property
    def layers(self) -> Sequence[Any]:
        """Its layers, the lowest first."""
        return list(self.net.get_submodule(self.name))

    @property
    def depth(self) -> int:
        """Number of its layers."""
        return len(self.layers)

    @property
    def heads(self) -> int:
        """Attention heads of a layer."""
        return int(self.net.config.num_attention_heads)

    @contextmanager
    def caught(self, states: Sequence[int], projections: "Projections | None" = None) -> Iterator[Caught]:
        """Forward passes within it leave the states of these layers, and what the projections give."""
        found, layers = Caught(), self.layers
        with ExitStack() as hooks:
            for layer in states:
                hook = _before(found) if layer == BELOW else _behind(found.states, layer)
                hooks.callback(_hooked(layers[max(layer, 0)], hook, before=layer == BELOW).remove)
            for name, module in projections.modules.items() if projections else ():
                hooks.callback(_hooked(module, _behind(found.projected, name)).remove)
            yield found

    def projections(self, layer: int) -> "Projections":
        """Those of one layer's attention; BadRequest for a family that has none side by side."""
        parts: dict[str, list[Any]] = {}
        for name, module in self.layers[layer].named_modules():
            if getattr(module, "weight", None) is not None and module.weight.ndim == 2:
                parts.setdefault(name.rpartition(".")[2], []).append(module)
        heads = self.heads
        for names in SEPARATE:
            if all(len(parts.get(name, ())) == 1 for name in names):
                separate = {kind: parts[name][0] for kind, name in zip(KINDS, names, strict=True)}
                return Projections(separate, heads, heads)
        for name in FUSED:
            if len(parts.get(name, ())) == 1:
                few = getattr(self.net.config, "num_key_value_heads", None) or heads
                return Projections({name: parts[name][0]}, heads, int(few))
        raise BadRequest(
            f"method: a layer of this {self.net.config.model_type} {self.port} has no linear projections to "
            "queries, keys and values side by side, whose relations could be learnt; use method: states."
        )


@dataclass(frozen=True)
class Projections:
    """Where queries, keys and values of a layer come from."""

    modules: "Mapping[Any, Any]"
    """By kind, or one module of another name that gives all three."""
    heads: int
    """Attention heads."""
    shared: int
    """Heads of keys and values of a fused projection."""

    def of(self, caught: Caught) -> "dict[Kind, torch.Tensor]":
        """Queries, keys and values [rows, tokens, width], all as wide as the queries.

        A key or value head that several query heads share stands once for each of them, as in attention.
        """
        import torch

        given = caught.projected
        if "query" not in given:
            (fused,) = given.values()
            size = fused.shape[-1] // (self.heads + 2 * self.shared)
            parts = fused.split([self.heads * size, self.shared * size, self.shared * size], dim=-1)
            given = dict(zip(KINDS, parts, strict=True))
        size = given["query"].shape[-1] // self.heads
        found: dict[Kind, torch.Tensor] = {}
        for kind in KINDS:
            each = given[kind].unflatten(-1, (-1, size))
            found[kind] = each.repeat_interleave(self.heads // each.shape[-2], dim=-2).flatten(-2)
        return found


def _hooked(module: Any, hook: Any, *, before: bool = False) -> Any:
    if before:
        return module.register_forward_pre_hook(hook, with_kwargs=True)
    return module.register_forward_hook(hook)


def _behind(found: "dict[Any, torch.Tensor]", key: int | str) -> Any:
    def hook(_module: Any, _given: Any, output: Any) -> None:
        # DeBERTa projects its relative positions by the same weights, after the tokens
        found.setdefault(key, output[0] if isinstance(output, tuple) else output)

    return hook


def _before(found: Caught) -> Any:
    def hook(_module: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        found.states[BELOW] = given[0] if given else named["hidden_states"]

    return hook

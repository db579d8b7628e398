"""The layers of a network that can be factorized, and what becomes of them at given ranks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.compression import architecture
from slmworks_torch.compression.compressible import Calibration, Compressible, mean
from slmworks_torch.compression.ranks import Matrix, Ranks

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Layers:
    """Linear layers of a network, and its table of tokens, by name; none shares its weights."""

    view: Compressible
    modules: dict[str, Any]
    moments: "Mapping[str, torch.Tensor]" = field(default_factory=dict)
    """Name -> second moment [n, n] of a layer's inputs, of those that are whitened."""

    def matrices(self, task: Task) -> list[Matrix]:
        """Their weights by size and singular values; BadRequest for a weight that is no finite number."""
        from slmworks_torch.compression.factors import squares

        found = []
        for name, module in self.modules.items():
            weight = module.weight.detach()
            if not weight.isfinite().all():
                raise BadRequest(
                    f"model: {name} holds a weight that is no finite number; take another copy of the model."
                )
            rows, columns = weight.shape
            found.append(Matrix(name, rows, columns, squares(weight, self.moments.get(name))))
            task.progress(len(found), len(self.modules), unit="layers", note="singular values")
        return found

    def pair(self, name: str, rank: int) -> Any:
        """The layer of low rank that takes a layer's place."""
        from slmworks_torch.compression import low_rank
        from slmworks_torch.compression.factors import factors

        module = self.modules[name]
        first, second = factors(module.weight.detach(), rank, self.moments.get(name))
        return low_rank.factorized(module, first, second)

    def distance(self, ranks: Ranks, batches: Sequence[Calibration]) -> float:
        """Mean distance from the whole network's answers, with these layers only of low rank."""
        return distance(self.view, {name: self.pair(name, rank) for name, rank in ranks.items()}, batches)


def layers_of(view: Compressible, *, embeddings: bool) -> Layers:
    """The layers that can be factorized.

    BadRequest for a network that has none (GPT-2's are Conv1D), one that is factorized already, and, with
    `embeddings`, for one that shares its table with its head or has another kind of table.
    """
    import torch

    net = view.net
    architecture.refuse(net, "model", "factorize the model that it was made from")
    shared = _shared(net)
    inside = net.get_output_embeddings() if embeddings else None
    found = {
        name: module
        for name, module in net.named_modules()
        # a subclass may compute something else with its weight
        if type(module) is torch.nn.Linear
        and id(module.weight) not in shared
        and (_within(net, name) or module is inside)
    }
    if embeddings:
        found |= _table(net, shared)
    if not found:
        raise BadRequest(f"model: {_without(net)}")
    return Layers(view, found)


def _within(net: Any, name: str) -> bool:
    """True for a module of the base model: heads of a few labels are left alone."""
    return net.base_model is net or name.startswith(f"{net.base_model_prefix}.")


def _shared(net: Any) -> set[int]:
    """Ids of weights that more than one module has."""
    seen: set[int] = set()
    found: set[int] = set()
    for module in net.modules():
        for weight in module.parameters(recurse=False):
            (found if id(weight) in seen else seen).add(id(weight))
    return found


def _table(net: Any, shared: set[int]) -> dict[str, Any]:
    """Name and module of a network's table of tokens."""
    import torch

    table = net.get_input_embeddings()
    if type(table) is not torch.nn.Embedding:
        raise BadRequest(
            f"embeddings: this {net.config.model_type} model's table of tokens is a {type(table).__name__}, "
            "which does more than look rows up; leave the option out."
        )
    if id(table.weight) in shared:
        raise BadRequest(
            f"embeddings: this {net.config.model_type} model's head has the same weights as its table of "
            "tokens, and one must stay what the other is; leave the option out, or cut the `vocabulary` in a "
            "distill step."
        )
    return {name: module for name, module in net.named_modules() if module is table}


def _without(net: Any) -> str:
    """Why a network has nothing to factorize, and the way out."""
    from transformers.pytorch_utils import Conv1D

    if any(isinstance(module, Conv1D) for module in net.modules()):
        return (
            f"the layers of this {net.config.model_type} model are Conv1D, no linear layers of torch; "
            "take another family (Llama, Qwen, BERT, …)."
        )
    return f"this {net.config.model_type} model has no linear layer to factorize; take another family."


def experts(net: Any) -> float:
    """Share of a network's parameters in tensors that hold all experts of a layer, which stay whole."""
    sizes = {name: weight.numel() for name, weight in net.named_parameters()}
    tensors = (name for name, weight in net.named_parameters() if weight.ndim == 3 and "expert" in name)
    found: float = sum(sizes[name] for name in tensors) / sum(sizes.values())
    return found


def distance(view: Compressible, modules: Mapping[str, Any], batches: Sequence[Calibration]) -> float:
    """Mean distance of answers with other modules from those with the network's own."""
    import torch
    from slmworks_torch.compression.low_rank import swapped

    def moved(batch: Calibration) -> torch.Tensor:
        wanted = view.answers(batch)
        with swapped(view.net, modules):
            return view.distances(wanted, view.answers(batch))

    with torch.inference_mode():
        return mean(map(moved, batches))


def keep_tokenizer(whole: Compressible, folder: Path) -> None:
    """Let transformers open a generator's tokenizer as it did: it looks some up by the family's name."""
    from slmworks.model_tasks.text_generation.hf_chat import ChatTokenizer
    from slmworks_torch.compression.decoder import Decoder

    if not isinstance(whole, Decoder):
        return
    kind = type(whole.chat.chat.tokenizer)
    if type(ChatTokenizer.open(folder).tokenizer) is not kind:
        path = folder / "tokenizer_config.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        said["tokenizer_class"] = kind.__name__
        path.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def rebuilt(layers: Layers, ranks: Ranks) -> Compressible:
    """The model with layers of these ranks, as a network of the factorized architecture.

    Each takes a layer's place as soon as it is made, which frees the layer's memory: `layers` are used up.
    """
    from slmworks_torch.compression import low_rank

    view = layers.view
    for name, rank in ranks.items():
        low_rank.put(view.net, {name: layers.pair(name, rank)})
        del layers.modules[name]
    named = {low_rank.relative(view.net, name): rank for name, rank in ranks.items()}
    return view.with_net(architecture.built(view.net, view.head, named))

"""A Linformer of a BERT-like teacher: its weights under BERT's names, and projections that begin near it."""

import math
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks import hf_positions as positions
from slmworks_torch.networks import new_network

if TYPE_CHECKING:
    import torch
    from slmworks_torch.architectures.linformer import LinformerOf

ROBERTA = ("camembert", "roberta", "xlm-roberta")
"""Families that are BERT but for the first rows of their positions and the names of their head."""
FAMILIES = ("bert", *ROBERTA)
RENAMED = (("classifier.dense.", "bert.pooler.dense."), ("classifier.out_proj.", "classifier."))
"""RoBERTa's head is BERT's pooler and classifier."""
KEPT = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob", "type_vocab_size",
    "initializer_range", "layer_norm_eps", "pad_token_id", "bos_token_id", "eos_token_id",
    "classifier_dropout", "id2label", "label2id", "problem_type",
)  # fmt: skip
"""Entries of the teacher's configuration that hold for its Linformer."""


def linformer_of(net: Any, head: str, max_length: int, options: "LinformerOf") -> Any:
    """A Linformer with the weights of a BERT-like network under `head`, in evaluation mode.

    BadRequest for another family, and for more places than tokens.
    """
    family = net.config.model_type
    if family not in FAMILIES or net.config.is_decoder:
        raise BadRequest(
            f"model: a {family} network is not built like BERT, whose attention a Linformer replaces; give a "
            f"model of one of the families {', '.join(FAMILIES)}."
        )
    if options.projected_length > max_length:
        raise BadRequest(
            f"projected_length: {options.projected_length} places are more than the {max_length} tokens that "
            "are projected to them; take fewer."
        )
    made = new_network(_config(net.config, max_length, options), head)
    gaps = made.load_state_dict(_weights(net, max_length), strict=False)
    if gaps.unexpected_keys:
        raise BadRequest(
            f"model: a Linformer has no place for its {gaps.unexpected_keys[0]}; give a plain {family} model."
        )
    _begin(made, options.start)
    return made.eval()


def _config(teacher: Any, max_length: int, options: "LinformerOf") -> Any:
    from slmworks_torch.architectures.linformer_network import LinformerConfig

    return LinformerConfig(
        **{name: getattr(teacher, name) for name in KEPT},
        max_position_embeddings=max_length,
        projection_length=max_length,
        projected_length=options.projected_length,
        sharing=options.sharing,
    )


def _weights(net: Any, max_length: int) -> "dict[str, torch.Tensor]":
    """The teacher's weights under the Linformer's names, with `max_length` positions."""
    table = positions.table(net)
    found = {}
    for name, weight in net.state_dict().items():
        rows = weight[positions.first(net, table) :] if name == table else weight
        found[_renamed(net, name)] = repeated(rows, max_length) if name == table else rows
    return found


def repeated(rows: "torch.Tensor", count: int) -> "torch.Tensor":
    """The first `count` rows, begun anew where there are no more (Beltagy et al., 2020, for positions)."""
    return rows.repeat(math.ceil(count / len(rows)), 1)[:count]


def _renamed(net: Any, name: str) -> str:
    if net.base_model is net:
        return name
    prefix = f"{net.base_model_prefix}."
    if name.startswith(prefix):
        return f"bert.{name.removeprefix(prefix)}"
    if net.config.model_type in ROBERTA:
        for old, new in RENAMED:
            if name.startswith(old):
                return new + name.removeprefix(old)
    return name


def _begin(made: Any, start: str) -> None:
    """Set every projection to one that averages tokens, as `start` says."""
    from slmworks_torch.architectures.linformer_network import LengthProjection

    for module in made.modules():
        if isinstance(module, LengthProjection):
            module.average(start)

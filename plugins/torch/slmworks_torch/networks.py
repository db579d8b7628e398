"""Transformers networks to train: loaded from a model's folder, or new ones of a configuration.

A head is the name of a transformers auto class: `AutoModelForSequenceClassification`, or `AutoModel` for a
bare encoder. Architectures of other distributions (entry-point group `slmworks.architecture`) load like those
that transformers brings.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.catalog import BrokenPlugin
from slmworks.contract.errors import BadRequest, in_a_line
from slmworks.model_tasks.hf_text import auto_class

if TYPE_CHECKING:
    import torch

    Forward = Callable[[Any, Mapping[str, torch.Tensor]], torch.Tensor]
    """Runs a network on `input_ids` and `attention_mask` [rows, tokens]; returns its output [rows, width]."""


def network(model: Model, head: str, *, port: str, **settings: Any) -> Any:
    """Load a model's network with a head, float32, in evaluation mode.

    `settings` replace entries of config.json (`id2label`). Weights of the head that the folder lacks, or has
    in another shape, are drawn from torch's random state. BadRequest names the `port` when the folder is
    unusable or lacks weights of the encoder.
    """
    import torch

    try:
        loaded, gaps = auto_class(head).from_pretrained(
            model.path,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=False,
            use_safetensors=True,
            **settings,
        )
    except BrokenPlugin:
        raise
    except Exception as error:
        # transformers raises some ten kinds of errors here, from KeyError to SafetensorError
        raise BadRequest(
            f"{port}: cannot be loaded by {head} ({in_a_line(error, 200)}); "
            "it takes a Hugging Face encoder with safetensors that transformers knows."
        ) from error
    _refuse_gaps(loaded, gaps, port=port)
    return loaded.eval()


def new_network(config: Any, head: str) -> Any:
    """A network of a transformers configuration, its weights drawn from torch's random state."""
    return auto_class(head).from_config(config)


def with_new_head(net: Any, head: str) -> Any:
    """The same encoder weights under a head that is drawn from torch's random state; in evaluation mode."""
    fresh = new_network(net.config, head)
    fresh.base_model.load_state_dict(net.base_model.state_dict())
    return fresh.eval()


def layer_stack(net: Any) -> str:
    """The name of the list of a network's layers (`bert.encoder.layer`); empty where there is none."""
    import torch

    depth = int(net.config.num_hidden_layers)
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == depth:
            return str(name)
    return ""


def set_dropout(net: Any, share: float) -> None:
    """The same dropout everywhere in it; config.json, which serving reads, stays as it is."""
    import torch

    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        for name, value in vars(module).items():
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, share)


def _refuse_gaps(net: Any, gaps: dict[str, Any], *, port: str) -> None:
    """BadRequest for weights that the file lacks: only a head and its pooler may be new."""
    names = {str(name) for name in gaps["missing_keys"]}
    names |= {str(entry[0]) for entry in gaps["mismatched_keys"]}
    below = "" if net.base_model is net else f"{net.base_model_prefix}."
    encoder = sorted(name for name in names if name.startswith(below) and "pooler" not in name)
    if encoder:
        raise BadRequest(
            f"{port}: model.safetensors doesn't hold {encoder[0]} ({len(encoder)} such weights) as "
            "config.json describes it; take both files from the same model."
        )

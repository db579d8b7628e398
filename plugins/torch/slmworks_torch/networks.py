"""Transformers networks to train: loaded from a model's folder, or new ones of a configuration.

A head is the name of a transformers auto class: `AutoModelForSequenceClassification`, or `AutoModel` for a
bare encoder. Architectures of other distributions (entry-point group `slmworks.architecture`) load like those
that transformers brings.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.catalog import BrokenPlugin
from slmworks.contract.errors import BadRequest, in_a_line
from slmworks.model_tasks.hf_text import auto_class

if TYPE_CHECKING:
    import torch

    Forward = Callable[[Any, Mapping[str, torch.Tensor]], torch.Tensor]
    """Runs a network on `input_ids` and `attention_mask` [rows, tokens]; returns its output [rows, width]."""


PLAIN = {"return_dict": True, "output_hidden_states": False, "output_attentions": False}
"""What a network gives back, whatever its config.json wants: outputs by name, and no more than those."""


def network(model: Model, head: str, *, port: str, new_head: bool = True, **settings: Any) -> Any:
    """Load a model's network with a head, float32, in evaluation mode.

    `settings` replace entries of config.json (`id2label`). With `new_head`, weights of the head that the
    folder lacks, or has in another shape, are drawn from torch's random state. BadRequest names the `port`
    when the folder is unusable, or its weights and its config.json are not of one model.
    """
    import torch

    try:
        loaded, gaps = auto_class(head).from_pretrained(
            model.path,
            config=_config(model, **settings),
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except BrokenPlugin:
        raise
    except Exception as error:
        # transformers raises some ten kinds of errors here, from KeyError to SafetensorError
        raise BadRequest(
            f"{port}: cannot be loaded by {head} ({in_a_line(error, 200)}); "
            "it takes a Hugging Face folder with safetensors that transformers knows."
        ) from error
    _refuse_gaps(loaded, gaps, port=port, new_head=new_head)
    _refuse_leftovers(loaded, gaps, port=port)
    return loaded.eval()


def _config(model: Model, **settings: Any) -> Any:
    """The folder's configuration with `settings`, for a network that computes a text in one way only.

    BigBird's sparse attention draws blocks at random, and turns itself off for good at the first short text.
    """
    config = auto_class("AutoConfig").from_pretrained(
        model.path, local_files_only=True, trust_remote_code=False, **PLAIN, **settings
    )
    if getattr(config, "attention_type", None) == "block_sparse":
        config.attention_type = "original_full"
    return config


def new_network(config: Any, head: str) -> Any:
    """A network of a transformers configuration, its weights drawn from torch's random state."""
    return auto_class(head).from_config(config)


def filled(
    config: Any,
    head: str,
    weights: "Mapping[str, torch.Tensor]",
    *,
    shared: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """A network of the configuration with the weights that it has places for, and what did not fit.

    `shared`: it holds the given tensors themselves, at no cost of memory; for networks that nobody trains.
    `strict`: what doesn't fit is an error.
    """
    if not shared:
        found = new_network(config, head)
        return found, found.load_state_dict(weights, strict=strict)
    from transformers.initialization import no_init_weights

    with no_init_weights():
        found = new_network(config, head)
    gaps = found.load_state_dict(weights, strict=strict, assign=True)
    found.tie_weights()
    return found, gaps


def of_weights(
    config: Any, head: str, weights: "Mapping[str, torch.Tensor]", option: str, *, shared: bool = False
) -> Any:
    """A network of the configuration with exactly these weights, in evaluation mode; `shared` as `filled`.

    BadRequest names the `option` that asked for it where there is no such network.
    """
    with _cut(config, option):
        found, _gaps = filled(config, head, weights, shared=shared, strict=True)
        type(config).from_dict(config.to_dict())  # as it is read again
    return found.eval()


def shapes(config: Any, head: str, option: str) -> "Mapping[str, torch.Size]":
    """Name -> shape of each weight of a configuration's network; it takes no memory.

    BadRequest names the `option` that asked for it where there is no such network.
    """
    from transformers.initialization import no_init_weights

    import torch

    with _cut(config, option), torch.device("meta"), no_init_weights():
        type(config).from_dict(config.to_dict())
        return {name: weight.shape for name, weight in new_network(config, head).state_dict().items()}


@contextmanager
def _cut(config: Any, option: str) -> Iterator[None]:
    """Name the option where a configuration that it made is none, or has no network."""
    try:
        yield
    except Exception as error:
        # configurations and networks check themselves with errors of their own
        raise BadRequest(
            f"{option}: no {config.model_type} network can be cut this way ({in_a_line(error, 160)}); leave "
            "the option out."
        ) from error


def with_new_head(net: Any, head: str) -> Any:
    """The same encoder weights under a head that is drawn from torch's random state; in evaluation mode."""
    fresh = new_network(net.config, head)
    fresh.base_model.load_state_dict(net.base_model.state_dict())
    return fresh.eval()


def layer_stack(net: Any, option: str, way_out: str) -> str:
    """The name of the list of a network's layers: `bert.encoder.layer`.

    BadRequest names the `option` that chooses among them, and the way out, where there is no such list.
    """
    import torch

    depth = int(net.config.num_hidden_layers)
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == depth:
            return str(name)
    raise BadRequest(
        f"{option}: this {net.config.model_type} model has no list of {depth} layers to choose from; "
        f"{way_out}."
    )


def set_dropout(net: Any, share: float) -> None:
    """The same dropout everywhere in it; config.json, which serving reads, stays as it is."""
    import torch

    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        for name, value in vars(module).items():
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, share)


def _refuse_gaps(net: Any, gaps: dict[str, Any], *, port: str, new_head: bool) -> None:
    """BadRequest for weights that the file lacks: only a head and its pooler may be new, if `new_head`."""
    names = {str(name) for name in gaps["missing_keys"]}
    names |= {str(entry[0]) for entry in gaps["mismatched_keys"]}
    below = "" if net.base_model is net else f"{net.base_model_prefix}."
    if names and not new_head:
        raise BadRequest(
            f"{port}: model.safetensors doesn't hold {min(names)} as config.json describes it, so its "
            "answers would be random; fine-tune it first."
        )
    encoder = sorted(name for name in names if name.startswith(below) and "pooler" not in name)
    if encoder:
        raise BadRequest(
            f"{port}: model.safetensors doesn't hold {encoder[0]} ({len(encoder)} such weights) as "
            "config.json describes it; take both files from the same model."
        )


def _refuse_leftovers(net: Any, gaps: dict[str, Any], *, port: str) -> None:
    """BadRequest for weights of the file's layers that the network has no place for.

    Heads of other tasks may be left over. A layer, or a part of one (BERT's relative positions, which
    transformers 5 no longer computes), would be missing without a word.
    """
    import torch

    prefix = f"{net.base_model_prefix}."
    stacks = {
        name.removeprefix(prefix)
        for name, part in net.named_modules()
        if isinstance(part, torch.nn.ModuleList)
    }
    for name in sorted(map(str, gaps["unexpected_keys"])):
        stack = re.split(r"\.\d+\.", name.removeprefix(prefix), maxsplit=1)[0]
        if name.endswith(".weight") and stack in stacks:
            raise BadRequest(
                f"{port}: model.safetensors holds {name}, for which the {net.config.model_type} network that "
                "config.json describes has no place; take both files from the same model, or another model."
            )

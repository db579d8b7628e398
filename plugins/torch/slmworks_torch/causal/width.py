"""Students with narrower feed-forward parts: the neurons that are most active on answers of training data."""

from dataclasses import replace
from typing import Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch import networks
from slmworks_torch.causal.chat_model import HEAD, ChatModel
from slmworks_torch.compression import units
from slmworks_torch.compression.decoder import Decoder

ROWS = 128
"""Rows of training data that neurons are measured on, drawn by the task's seed."""


def rounded(net: Any, share: float, *, port: str) -> int:
    """Neurons that stay of each layer; BadRequest for a network of another kind, and for none or all."""
    units.neurons(net, port=port)
    return units.share_of_neurons(share, int(units.width_of(net.config) or 0), port=port)


def narrowed(model: ChatModel, neurons: int, origin: Model, data: Dataset, task: Task) -> ChatModel:
    """The model with the `neurons` most active ones of each layer, in their old order.

    `origin`: the artifact that it was loaded from. The given network is used up.
    """
    from slmworks_torch import devices

    model.net.to(devices.device())
    whole = Decoder(origin, model)
    found = units.neurons(model.net)
    kept = units.chosen(whole, found, neurons, whole.calibration(data, "train", ROWS, task), task)
    config = units.with_neurons(model.net.config, neurons)
    units.narrow(model.net, found, kept)
    net = networks.of_weights(config, HEAD, model.net.state_dict(), "ffn")
    return replace(model, net=net, shape={**model.shape, "ffn": neurons})

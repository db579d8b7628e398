"""Models of every kind, pruned by a plugin, and opened again by plain transformers."""

from pathlib import Path
from typing import Any

import transformers
from cut_students import teacher

import families
import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.prune import Prune
from slmworks.testing import Bench, sealed
from slmworks_torch.compression import compressible
from slmworks_torch.compression.compressible import Compressible

IDS = [1, 40, 300, 77, 12, 399, 5, 250, 90, 33, 8, 120]


def generator(folder: Path, family: str, **changed: Any) -> Model:
    """A toy of four layers, four heads in two groups, 96 neurons."""
    path = teacher(folder, family, num_hidden_layers=4, **changed).path
    return sealed(Model(path=path, format="hf", meta={"task": "text-generation", "max_new_tokens": 8}))


def encoder(folder: Path, family: str, **changed: Any) -> Model:
    """A bare encoder of three layers, 64 neurons."""
    folder.mkdir()
    return families.write(family, folder, **changed)


def pruned(plugin: Prune, model: Model, data: Dataset | None, bench: Bench, name: str = "prune") -> Model:
    return sealed(plugin.run(model=model, data=data, task=bench.task(name)))


def opened(model: Model, head: str = "AutoModelForCausalLM") -> Any:
    """Plain transformers."""
    found = getattr(transformers, head).from_pretrained(model.path, dtype=torch.float32)
    return found.eval()


def outputs(net: Any) -> torch.Tensor:
    """First output of a network for one row of tokens; those of small vocabularies wrap around."""
    ids = torch.tensor([IDS]) % net.config.vocab_size
    with torch.inference_mode():
        return net(input_ids=ids)[0][0]


def same(net: Any, other: Any) -> None:
    torch.testing.assert_close(outputs(net), outputs(other), rtol=1e-4, atol=1e-4)


def view(model: Model) -> Compressible:
    return compressible.load(model)

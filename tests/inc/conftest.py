"""Rows to calibrate generators with, and generators to quantize."""

import pytest
import transformers
from cut_students import teacher
from orders import mirrored, questions
from toys import toy

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import sealed

WIDE = 7
"""A channel of the hidden state that is much larger than the others."""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return mirrored(tmp_path_factory.mktemp("data"), questions(12))


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """With a channel that stands out, as those of trained models do."""
    made = toy(tmp_path_factory.mktemp("llama") / "model", initializer_range=0.1)
    net = transformers.AutoModelForCausalLM.from_pretrained(made.path, dtype=torch.float32)
    with torch.no_grad():
        for layer in net.model.layers:
            layer.input_layernorm.weight[WIDE] *= 20
            layer.post_attention_layernorm.weight[WIDE] *= 20
    net.save_pretrained(made.path)
    return sealed(Model(path=made.path, format="hf", meta={"task": "text-generation", "max_new_tokens": 12}))


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("families")
    named = ("llama-untied", "gemma2", "phi3", "mixtral", "smollm3")
    return {name: teacher(folder / name, name, num_hidden_layers=2) for name in named}

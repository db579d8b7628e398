"""Networks load by the name of their head; architectures of plugins load like those of transformers."""

import shutil
import sys
from pathlib import Path

import pytest

from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.contract.catalog import BrokenPlugin
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks import hf_text
from slmworks.testing import sealed
from slmworks_torch.networks import network, new_network

MODULE = """
import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel

CALLS = []


class BlurConfig(PretrainedConfig):
    model_type = "blur"
    width: int = 8


class Blur(PreTrainedModel):
    config_class = BlurConfig

    def __init__(self, config):
        super().__init__(config)
        self.table = torch.nn.Embedding(50, config.width)
        self.post_init()

    def forward(self, input_ids, attention_mask=None):
        return self.table(input_ids)


def register():
    CALLS.append(1)
    AutoConfig.register("blur", BlurConfig)
    AutoModel.register(BlurConfig, Blur)
"""


@pytest.fixture
def architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install a distribution that offers one architecture."""
    caches = (catalog._installed, catalog._offered, hf_text.register_architectures)

    def install(name: str, text: str) -> None:
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[slmworks.architecture]\n{name} = {name}_nets:register\n")
        (tmp_path / f"{name}_nets.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        for one in caches:
            one.cache_clear()

    yield install
    for one in caches:
        one.cache_clear()


def test_an_architecture_of_a_plugin_is_saved_and_loaded(architecture, tmp_path: Path) -> None:
    architecture("blur", MODULE)
    hf_text.register_architectures()
    nets = sys.modules["blur_nets"]
    made = new_network(nets.BlurConfig(width=4), "AutoModel")
    made.save_pretrained(tmp_path / "model")
    loaded = network(Model(path=tmp_path / "model"), "AutoModel", port="model")
    assert type(loaded) is nets.Blur
    assert loaded.table.weight.equal(made.table.weight)
    assert hf_text.load_network(tmp_path / "model", "AutoModel").table.weight.equal(made.table.weight)
    assert nets.CALLS == [1]


def test_an_architecture_that_cannot_be_registered_is_named(architecture, tiny_encoder: Model) -> None:
    architecture("torn", "def register():\n    raise ValueError('no such layer')\n")
    with pytest.raises(
        BrokenPlugin, match="architecture 'torn' of torn cannot be registered .*no such layer"
    ):
        network(tiny_encoder, "AutoModel", port="model")


def test_a_bare_encoder_that_lacks_weights_is_refused(tiny_encoder: Model, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_encoder.path, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.2.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadRequest, match=r"model: .* doesn't hold encoder\.layer\.2\.output\.dense\.weight"):
        network(sealed(Model(path=folder)), "AutoModel", port="model")

"""A causal language model that Neural Compressor packed, computed by its modules in torch: greedy text."""

from typing import Any, ClassVar

from slmworks.contract.artifact import Model
from slmworks.model_tasks.text_generation.hf import HfGenerator


class IncGenerator(HfGenerator):
    """Answers as the runtime of Hugging Face folders does; layers are unpacked at their first use."""

    packages: ClassVar[tuple[str, ...]] = (
        "jinja2",
        "neural-compressor",
        "safetensors",
        "tokenizers",
        "torch",
        "transformers",
    )

    def load(self, model: Model) -> Any:
        """The network, with Neural Compressor's modules in it."""
        from slmworks_inc import packed_folder

        return packed_folder.read(model.path)

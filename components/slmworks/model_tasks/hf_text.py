"""Texts through a Hugging Face folder in torch: the reference that every other format is compared with."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks.contract import catalog
from slmworks.machine.quiet import quiet
from slmworks.model_tasks.onnx_text import encode, open_tokenizer

if TYPE_CHECKING:
    import numpy as np


class HfNetwork(ABC):
    """A network in a Hugging Face folder and its tokenizer; never runs code from the folder.

    A subclass names the network (`head`) and builds its graph. Torch counts its threads per process, so the
    last one loaded decides.
    """

    packages: ClassVar[tuple[str, ...]] = ("numpy", "tokenizers", "torch", "transformers")
    stands_alone: ClassVar[bool] = False
    head: ClassVar[str]
    """Name of the transformers auto class: `AutoModelForSequenceClassification`."""
    output: ClassVar[str]
    """Name of the graph's output: `logits`, `embedding`."""

    def __init__(self, folder: Path, max_length: int, threads: int) -> None:
        """Load config.json, model.safetensors and tokenizer.json to compute with `threads` threads."""
        import torch

        torch.set_num_threads(threads)
        self.max_length = max_length
        self.tokenizer = open_tokenizer(folder, max_length)
        """Cuts and pads as the model was trained."""
        self.module = load_network(folder, self.head)
        """The transformers model, for those who transform it."""

    @abstractmethod
    def graph(self) -> Any:
        """A torch module `(input_ids, attention_mask) -> output [batch, …, width]` around `module`."""

    @cached_property
    def _graph(self) -> Any:
        return self.graph()

    def compute(self, batch: "Mapping[str, np.ndarray[Any, Any]]") -> "np.ndarray[Any, Any]":
        """The graph's output for `input_ids` and `attention_mask`, int64 [batch, tokens]; float32."""
        import numpy as np

        import torch

        with torch.inference_mode():
            found = self._graph(
                torch.from_numpy(batch["input_ids"]), torch.from_numpy(batch["attention_mask"])
            )
        return np.asarray(found.float().numpy())


class HfTexts(HfNetwork):
    """A network that gives one output a text."""

    def outputs(self, rows: Sequence[Mapping[str, Any]]) -> "np.ndarray[Any, Any]":
        """The network's output for one batch, float32 [rows, width]."""
        if not rows:
            return self.outputs([{"text": ""}])[:0]  # as wide as any other
        return self.compute(encode(self.tokenizer, [row["text"] for row in rows]))


def logits_graph(module: Any) -> Any:
    """`(input_ids, attention_mask) -> logits` of a transformers network; it becomes the graph's `model`."""
    import torch

    class Logits(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = module

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
            return found

    return Logits().eval()


def load_network(folder: Path, head: str) -> Any:
    """Load the folder as a torch network in evaluation mode, float32, without a word on the terminal.

    `head`: name of the transformers auto class.
    """
    with quiet():
        import torch

        return (
            auto_class(head)
            .from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
            )
            .eval()
        )


def auto_class(head: str) -> Any:
    """A transformers auto class by name (`AutoModel`); it knows the architectures of installed plugins."""
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    register_architectures()
    return getattr(transformers, head)


@cache
def register_architectures() -> None:
    """Call every function of the entry-point group `slmworks.architecture`, once a process.

    Each registers its own configuration and network with transformers (`AutoConfig.register`, …).
    BrokenPlugin names the one that fails.
    """
    for name, offered in catalog.architectures().items():
        try:
            offered.load()()
        except Exception as error:
            raise catalog.BrokenPlugin(
                f"the architecture '{name}' of {offered.distribution} cannot be registered with transformers "
                f"({type(error).__name__}: {error}); install it again: "
                f"pip install --force-reinstall {offered.distribution}"
            ) from error

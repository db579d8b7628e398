"""A table of token vectors with a weight each; a text's embedding is the weighted mean of its tokens.

It is deliberately not a transformers model: it ships as ONNX (`static_onnx`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.model_tasks.feature_extraction.columns import companions
from slmworks.model_tasks.feature_extraction.hf import normalised
from slmworks_torch import embeddings
from slmworks_torch.batches import Encoded, encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    import torch
    from slmworks_torch.hf_folder import TextNetwork

SMOOTH = 1e-3
"""A token of frequency p begins with the weight SMOOTH / (SMOOTH + p) (Arora et al., 2017)."""


def table(vectors: "torch.Tensor", weights: "torch.Tensor") -> Any:
    """A torch module that trains `vectors` [tokens, dimensions] and the logarithms of `weights` [tokens]."""
    import torch

    class Table(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embeddings = torch.nn.Embedding.from_pretrained(vectors, freeze=False)
            self.weights = torch.nn.Embedding.from_pretrained(weights.log().unsqueeze(1), freeze=False)

        @property
        def base_model(self) -> Any:
            return self

        @property
        def device(self) -> "torch.device":
            return self.embeddings.weight.device

        def forward(self, input_ids: "torch.Tensor", attention_mask: "torch.Tensor") -> "torch.Tensor":
            shares = attention_mask.unsqueeze(2).float() * self.weights(input_ids).exp()
            return normalised((self.embeddings(input_ids) * shares).sum(dim=1))

    return Table()


def embed(net: Any, inputs: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
    """A table's embeddings of one batch, [rows, dimensions], each of length 1."""
    found: torch.Tensor = net(**inputs)
    return found


def principal_axes(vectors: "torch.Tensor", count: int) -> "torch.Tensor":
    """The `count` directions in which embeddings [rows, width] vary most around 0, as columns [width, count].

    Uncentred, so that cosines survive; all axes if `count` is the width.
    """
    import torch

    _, axes = torch.linalg.eigh((vectors.T @ vectors).double())
    return axes.flip(dims=(1,))[:, :count].float()


def token_vectors(teacher: Model, network: "TextNetwork", ids: Sequence[int]) -> "torch.Tensor":
    """The teacher's embedding of each token alone between its special tokens, float32 [tokens, width]."""
    from slmworks_torch.scoring import outputs_of

    around = network.encode([""]).ids[0]  # not the tokenizer itself: its file may pad to a fixed length
    first, last = around[: len(around) // 2], around[len(around) // 2 :]
    rows = Encoded([[*first, token, *last] for token in ids], network.pad)
    return outputs_of(network.net, embeddings.forward_of(teacher), rows, size=512)


@dataclass(frozen=True)
class StaticEmbedder:
    """A table, the tokenizer that feeds it, and the number of tokens it reads."""

    net: Any
    tokenizer: "Tokenizer"
    max_length: int
    pad: int

    @classmethod
    def start(
        cls, vectors: "torch.Tensor", tokenizer: "Tokenizer", texts: Sequence[str], *, max_length: int
    ) -> "StaticEmbedder":
        """A table of these vectors [tokens, dimensions], weighted by how rarely `texts` use each token."""
        import torch

        pad = tokenizer.token_to_id("[PAD]") or 0
        counts = torch.ones(len(vectors))
        for ids in encode(tokenizer, texts, max_length=max_length, pad=pad).ids:
            counts[ids] += 1
        weights = SMOOTH / (SMOOTH + counts / counts.sum())
        return cls(table(vectors, weights), tokenizer, max_length, pad)

    @property
    def dimensions(self) -> int:
        """Numbers in an embedding."""
        return int(self.net.embeddings.weight.shape[1])

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.net.parameters())

    @property
    def meta(self) -> dict[str, Any]:
        """Its entries of a Model artifact's `meta`."""
        return embeddings.meta(
            dimensions=self.dimensions, max_length=self.max_length, parameters=self.parameters
        )

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Texts as token ids, cut to `max_length`."""
        return encode(self.tokenizer, texts, max_length=self.max_length, pad=self.pad)

    def save(self, folder: Path) -> None:
        """Write `model.onnx`, `tokenizer.json` (compact: its bytes count here) and `embedding.json`."""
        from slmworks_torch import static_onnx

        static_onnx.write(self.net, folder / "model.onnx")
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        model = Model(path=folder, format="onnx", meta=self.meta)
        for name, text in companions(model).items():
            (folder / name).write_text(text, encoding="utf-8")

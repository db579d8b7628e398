"""A network without layers: the mean of token embeddings, and two matrices over it.

It is deliberately not a transformers model: it ships as ONNX (`bag_onnx`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from slmworks.model_tasks.text_classification.labels import companions
from slmworks_torch.bag_onnx import LEFT, TINY
from slmworks_torch.batches import Encoded, encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    import torch

SPREAD = 0.1
"""Standard deviation of new embeddings."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a bag: rows of both tables, their width, units of the hidden layer, labels."""

    vocabulary: int
    pairs: int
    width: int
    hidden: int
    labels: int


def network(shape: Shape) -> Any:
    """A torch module `(input_ids, attention_mask) -> .logits [rows, labels]`.

    Mean of the embeddings (Iyyer et al., 2015), each token weighted by a learnt number, beside the mean
    of the embeddings of neighbouring pairs in a hashed table (Joulin et al., 2017), normalised,
    then one hidden layer.
    """
    import torch

    class Bag(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embeddings = _table(shape.vocabulary, shape.width)
            self.weights = torch.nn.Embedding(shape.vocabulary, 1)
            torch.nn.init.zeros_(self.weights.weight)
            self.pairs = _table(shape.pairs, shape.width) if shape.pairs else None
            inputs = shape.width * (2 if shape.pairs else 1)
            self.dropout = torch.nn.Dropout()
            self.norm = torch.nn.LayerNorm(inputs)
            self.hidden = torch.nn.Linear(inputs, shape.hidden)
            self.head = torch.nn.Linear(shape.hidden, shape.labels)

        @property
        def base_model(self) -> Any:
            return self

        @property
        def device(self) -> "torch.device":
            return self.head.weight.device

        def forward(self, input_ids: "torch.Tensor", attention_mask: "torch.Tensor") -> SimpleNamespace:
            real = attention_mask.unsqueeze(2).float()
            found = _mean(self.embeddings(input_ids), real * self.weights(input_ids).exp())
            if self.pairs is not None:
                rows = (LEFT * input_ids[:, :-1] + input_ids[:, 1:]) % shape.pairs
                found = torch.cat([found, _mean(self.pairs(rows), real[:, 1:])], dim=1)
            inner = torch.nn.functional.gelu(self.hidden(self.norm(self.dropout(found))))
            return SimpleNamespace(logits=self.head(self.dropout(inner)))

    return Bag()


def _table(rows: int, width: int) -> Any:
    import torch

    table = torch.nn.Embedding(rows, width)
    torch.nn.init.normal_(table.weight, std=SPREAD)
    return table


def _mean(vectors: "torch.Tensor", weights: "torch.Tensor") -> "torch.Tensor":
    """Weighted mean over the tokens: [rows, tokens, width] and [rows, tokens, 1] give [rows, width]."""
    return (vectors * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=TINY)


@dataclass(frozen=True)
class BagClassifier:
    """A bag of embeddings, its tokenizer, its labels, and the number of tokens it reads."""

    net: Any
    tokenizer: "Tokenizer"
    labels: list[str]
    max_length: int
    """Tokens after which a text is cut, special tokens included."""
    pad: int
    """Id of the token that fills a batch up."""

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.net.parameters())

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Texts as token ids, cut to `max_length`."""
        return encode(self.tokenizer, texts, max_length=self.max_length, pad=self.pad)

    def save(self, folder: Path) -> None:
        """Write `model.onnx`, `tokenizer.json` (without spaces: its bytes count here) and `labels.json`."""
        from slmworks_torch import bag_onnx

        bag_onnx.write(self.net, folder / "model.onnx")
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        for name, text in companions(self.labels, self.max_length).items():
            (folder / name).write_text(text, encoding="utf-8")

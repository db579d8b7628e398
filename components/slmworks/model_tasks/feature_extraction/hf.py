"""Sentence embeddings from a Hugging Face encoder, computed by torch: pooled and of length 1.

As in sentence-transformers (Reimers & Gurevych, 2019): the mean over a text's tokens, or the first token
where the folder's `1_Pooling/config.json` says so.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.feature_extraction.onnx import answers
from slmworks.model_tasks.hf_text import HfTexts

if TYPE_CHECKING:
    import torch

Pooling = Literal["mean", "cls"]

LONGEST = 512
"""Tokens that a bare encoder reads where its folder doesn't say."""
TINY = 1e-9
MODE = "pooling_mode_"


class HfEmbedder(HfTexts):
    """Answers as the ONNX runtime does, from `AutoModel`."""

    head: ClassVar[str] = "AutoModel"
    output: ClassVar[str] = "embedding"

    pooling: Pooling
    """How token vectors become one vector."""

    @classmethod
    def open(cls, model: Model, *, threads: int) -> "HfEmbedder":
        """Load a Model artifact."""
        opened = cls(model.path, length_of(model), threads)
        opened.pooling = pooling_of(model)
        return opened

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"embedding": [numbers]}` for each row of one batch."""
        return answers(self.outputs(rows)) if rows else []

    def graph(self) -> Any:
        """`(input_ids, attention_mask) -> embedding [batch, dimensions]`; the encoder becomes its `model`."""
        return embedding_graph(self.module, self.pooling)


def embedding_graph(encoder: Any, pooling: Pooling) -> Any:
    """A torch module `(input_ids, attention_mask) -> embedding [batch, dimensions]` around an encoder."""
    import torch

    class Embedding(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = encoder

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            return normalised(pooled(states, attention_mask, pooling))

    return Embedding().eval()


def pooled(states: "torch.Tensor", attention_mask: "torch.Tensor", pooling: Pooling) -> "torch.Tensor":
    """Token vectors [batch, tokens, width] to one vector a text [batch, width]; padding doesn't count."""
    if pooling == "cls":
        return states[:, 0]
    real = attention_mask.unsqueeze(2).to(states.dtype)
    return (states * real).sum(dim=1) / real.sum(dim=1).clamp(min=TINY)


def normalised(vectors: "torch.Tensor") -> "torch.Tensor":
    """Vectors [batch, width] scaled to length 1."""
    return vectors / vectors.square().sum(dim=1, keepdim=True).sqrt().clamp(min=TINY)


def pooling_of(model: Model) -> Pooling:
    """How the model pools: by its header, else by `1_Pooling/config.json`, else the mean."""
    if "pooling" in model.meta:
        known: Pooling = model.meta["pooling"]
        return known
    said = _settings(model.path / "1_Pooling" / "config.json")
    modes = {
        key.removeprefix("pooling_mode_")
        for key, on in said.items()
        if key.startswith("pooling_mode_") and on
    }
    if modes - {"mean_tokens", "cls_token"} or len(modes) > 1:
        raise BadRequest(
            f"the encoder pools by {', '.join(sorted(modes))} (1_Pooling/config.json); only mean_tokens or "
            "cls_token are computed here."
        )
    return "cls" if modes == {"cls_token"} else "mean"


def length_of(model: Model) -> int:
    """Tokens that a model reads: by its header, by `sentence_bert_config.json`, else by its positions."""
    if "max_length" in model.meta:
        return int(model.meta["max_length"])
    said = _settings(model.path / "sentence_bert_config.json").get("max_seq_length")
    positions = _settings(model.path / "config.json").get("max_position_embeddings", LONGEST)
    return min(int(said or LONGEST), int(positions))


def _settings(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

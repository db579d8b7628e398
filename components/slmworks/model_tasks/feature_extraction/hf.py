"""Sentence embeddings from a Hugging Face encoder, computed by torch: pooled and of length 1.

As in sentence-transformers (Reimers & Gurevych, 2019): the mean over a text's tokens, or the first token
where the folder's pooling module says so.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, in_a_line
from slmworks.model_tasks import hf_positions
from slmworks.model_tasks.feature_extraction.onnx import answers
from slmworks.model_tasks.hf_text import HfTexts

if TYPE_CHECKING:
    import torch

Pooling = Literal["mean", "cls"]

LONGEST = 512
"""Tokens that a bare encoder reads where its folder doesn't say."""
MODE = "pooling_mode_"
TINY = 1e-9
MODULES = {"Transformer", "Pooling", "Normalize", "Dropout"}
"""Modules of sentence-transformers that are computed here, or change nothing."""
POOLINGS: dict[str, Pooling] = {"mean": "mean", "mean_tokens": "mean", "cls": "cls", "cls_token": "cls"}
"""Pooling by either of the names that sentence-transformers has for it."""


class HfEmbedder(HfTexts):
    """Answers as the ONNX runtime does, from `AutoModel`."""

    head: ClassVar[str] = "AutoModel"
    output: ClassVar[str] = "embedding"

    pooling: Pooling
    """How token vectors become one vector."""

    @classmethod
    def open(cls, model: Model, *, threads: int) -> "HfEmbedder":
        """Load a Model artifact."""
        pooling = pooling_of(model)
        opened = cls(model.path, length_of(model), threads)
        opened.pooling = pooling
        if 0 < (most := hf_positions.count(opened.module)) < opened.max_length:
            opened.max_length = most
            opened.tokenizer.enable_truncation(most)
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
    """How the model pools: by its header, else by its folder's pooling module, else the mean.

    BadRequest where it pools in another way, or computes more behind its encoder.
    """
    if "pooling" in model.meta:
        known: Pooling = model.meta["pooling"]
        return known
    place = f"{_pooling_folder(model.path)}/config.json"
    said = _settings(model.path / place)
    named = said.get("pooling_mode", ())
    modes = {named} if isinstance(named, str) else set(map(str, named))
    modes |= {key.removeprefix(MODE) for key, on in said.items() if key.startswith(MODE) and on}
    if modes - set(POOLINGS) or len(modes) > 1:
        raise BadRequest(
            f"the encoder pools by {', '.join(sorted(modes))} ({place}); only mean_tokens or cls_token are "
            "computed here."
        )
    return POOLINGS[modes.pop()] if modes else "mean"


def _pooling_folder(folder: Path) -> str:
    """The folder's pooling module; BadRequest for modules that are not computed here."""
    modules = _read(folder / "modules.json") or []
    kinds = {str(module["type"]).rpartition(".")[2]: str(module.get("path")) for module in modules}
    if beyond := sorted(set(kinds) - MODULES):
        raise BadRequest(
            f"modules.json: the encoder is followed by {', '.join(beyond)}, which is not computed here, so "
            "embeddings would be others than the model's; take a model of "
            f"{', '.join(sorted(MODULES))} alone."
        )
    return kinds.get("Pooling") or "1_Pooling"


def length_of(model: Model) -> int:
    """Tokens that a model reads, by its header, `sentence_bert_config.json` or our default.

    Fewer where it has fewer positions, which only its network can tell.
    """
    if "max_length" in model.meta:
        return int(model.meta["max_length"])
    return int(_settings(model.path / "sentence_bert_config.json").get("max_seq_length") or LONGEST)


def _settings(path: Path) -> dict[str, Any]:
    found = _read(path)
    if found is not None and not isinstance(found, dict):
        raise BadRequest(f"{path.name} in the model's folder is no JSON object; take it as it was published.")
    return found or {}


def _read(path: Path) -> Any:
    """A JSON file's content, or None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except ValueError as error:
        raise BadRequest(
            f"{path.name} in the model's folder is no JSON ({in_a_line(error, 100)}); "
            "take it as it was published."
        ) from error

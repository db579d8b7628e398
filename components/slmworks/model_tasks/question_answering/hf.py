"""An extractive reader in a Hugging Face folder, computed by torch."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from slmworks.contract.artifact import Model
from slmworks.model_tasks.hf_text import HfNetwork
from slmworks.model_tasks.question_answering.reader import Pairs, answers


class HfReader(HfNetwork):
    """Answers as the ONNX runtime does, from `AutoModelForQuestionAnswering`."""

    head: ClassVar[str] = "AutoModelForQuestionAnswering"
    output: ClassVar[str] = "logits"

    unanswerable: bool
    """It may answer that there is no answer."""

    @classmethod
    def open(cls, model: Model, *, threads: int) -> "HfReader":
        """Load a Model artifact."""
        opened = cls(model.path, int(model.meta["max_length"]), threads)
        opened.unanswerable = bool(model.meta.get("unanswerable"))
        opened._pairs = Pairs(opened.tokenizer, opened.max_length)
        return opened

    _pairs: Pairs

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"answer", "start", "end", "score"}` for each row of one batch."""
        encoded = self._pairs.encode(rows) if rows else []
        return answers(rows, encoded, self.compute, unanswerable=self.unanswerable)

    def graph(self) -> Any:
        """`(input_ids, attention_mask) -> logits [batch, tokens, 2]`; the reader becomes its `model`."""
        import torch

        model = self.module

        class Ends(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
                found = self.model(input_ids=input_ids, attention_mask=attention_mask)
                return torch.stack((found.start_logits, found.end_logits), dim=2)

        return Ends().eval()

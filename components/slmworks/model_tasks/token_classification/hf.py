"""A tagger in a Hugging Face folder, computed by torch."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from slmworks.contract.artifact import Model
from slmworks.model_tasks.hf_text import HfNetwork, logits_graph
from slmworks.model_tasks.token_classification.onnx import answers
from slmworks.model_tasks.word_windows import read, windowing


class HfTagger(HfNetwork):
    """Answers as the ONNX runtime does, from `AutoModelForTokenClassification`."""

    head: ClassVar[str] = "AutoModelForTokenClassification"
    output: ClassVar[str] = "logits"

    labels: list[str]
    """The labels of entities."""

    @classmethod
    def open(cls, model: Model, *, threads: int) -> "HfTagger":
        """Load a Model artifact."""
        opened = cls(model.path, int(model.meta["max_length"]), threads)
        opened.labels = list(model.meta["labels"])
        windowing(opened.tokenizer, opened.max_length)
        return opened

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"entities": [{"start", "end", "label", "score", "text"}]}` for each row of one batch."""
        texts = [row["text"] for row in rows]
        return answers(texts, read(self.tokenizer, texts, self.compute) if texts else [], self.labels)

    def graph(self) -> Any:
        """`(input_ids, attention_mask) -> logits [batch, tokens, tags]`; the tagger becomes its `model`."""
        return logits_graph(self.module)

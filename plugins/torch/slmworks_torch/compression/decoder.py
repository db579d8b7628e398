"""Causal language models that are made smaller."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch.compression.compressible import (
    TOGETHER,
    Calibration,
    Compressible,
    Remembered,
    sample,
)

if TYPE_CHECKING:
    import torch
    from slmworks_torch.causal.chat_model import ChatModel
    from slmworks_torch.causal.layouts import Batch


NUMBERS = 1 << 23
"""Logits that are computed together at most, where that is more than a row: 32 MB."""


@dataclass(frozen=True)
class AnswerCalibration(Calibration):
    """Rows whose answers count, and their layout."""

    batch: "Batch" = field(repr=False)


@dataclass(frozen=True)
class Decoder(Compressible):
    """A causal language model with its tokenizer and chat template."""

    chat: "ChatModel"

    @classmethod
    def load(cls, model: Model, *, port: str) -> Self:
        """Load a generator; BadRequest as `chat_model.load`."""
        from slmworks_torch.causal import chat_model

        return cls(model, chat_model.load(model, port=port))

    @property
    def net(self) -> Any:
        """The transformers network."""
        return self.chat.net

    @property
    def head(self) -> str:
        """Name of its transformers auto class."""
        from slmworks_torch.causal.chat_model import HEAD

        return HEAD

    def with_net(self, net: Any, channels: "torch.Tensor | None" = None) -> Self:
        """The same tokenizer and chat template around another network."""
        del channels  # its answers are as wide as the vocabulary
        return replace(self, chat=replace(self.chat, net=net.eval()))

    def calibration(self, data: Dataset, split: str, rows: int, task: Task) -> list[Calibration]:
        """Conversations of a split; the places count whose next token is the answer's."""
        import torch
        from slmworks_torch.causal import examples, layouts
        from slmworks_torch.causal.options import LONGEST

        few = sample(examples.read(data, split), rows, task)
        most = min(self.chat.context or LONGEST, LONGEST)
        tokens = min(TOGETHER, max(1, NUMBERS // int(self.net.config.vocab_size)))
        read = examples.encode(self.chat, few, split=split, max_length=most)
        found: list[Calibration] = []
        for group in layouts.padded(read, range(len(read)), tokens):
            batch = layouts.padded_batch(read, group, self.net.device)
            counted = torch.zeros_like(batch.ids, dtype=torch.bool)
            counted[batch.lines, batch.places] = True
            inputs = {"input_ids": batch.ids, "position_ids": batch.positions, "use_cache": False}
            found.append(AnswerCalibration(inputs, counted, batch))
        return found

    def answers(self, batch: Calibration) -> "torch.Tensor":
        """Logits at the counted places."""
        from slmworks_torch.causal import forward

        if not isinstance(batch, AnswerCalibration):
            raise TypeError(batch)
        return forward.logits(self.net, batch.batch).float()

    def remembered(self, batches: Sequence[Calibration]) -> list[Remembered]:
        """As states before the head, and the head's weights: logits are wider by what a vocabulary is."""
        import torch
        from slmworks_torch.causal import forward

        head = self.net.get_output_embeddings()
        bias = getattr(head, "bias", None)
        weights = head.weight.detach(), None if bias is None else bias.detach()
        found = []
        with torch.inference_mode():
            for batch in batches:
                if not isinstance(batch, AnswerCalibration):
                    raise TypeError(batch)
                found.append(Remembered(batch, _logits_of(forward.states(self.net, batch.batch), *weights)))
        return found

    def distances(self, wanted: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
        """Divergence of next tokens in nats."""
        from slmworks_torch.compression.distances import divergence

        return divergence(wanted, found)

    def _write(self, folder: Path) -> dict[str, Any]:
        from slmworks_torch.causal import chat_model

        self.chat.save(folder)
        most = int(self.model.meta.get("max_new_tokens") or 0)
        found = chat_model.carried_meta(self.chat, most, self.model.meta)
        if not most:
            del found["max_new_tokens"]
        return found


def _logits_of(
    states: "torch.Tensor", weight: "torch.Tensor", bias: "torch.Tensor | None"
) -> "Callable[[Any], torch.Tensor]":
    """Logits by the states of a network that has changed since, as a function of what it has become."""
    from slmworks_torch.causal import forward

    return lambda net: forward.logits_of(net, states, weight, bias).float()

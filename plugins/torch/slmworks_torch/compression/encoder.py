"""Encoders that are made smaller: classifiers, embedding models and bare ones."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import only_text
from slmworks.contract.runtime import length_batches
from slmworks.contract.stage import Task
from slmworks.model_tasks.feature_extraction.columns import NAME as EMBEDDINGS
from slmworks_torch.compression.compressible import TOGETHER, Calibration, Compressible, sample

if TYPE_CHECKING:
    import torch
    from slmworks_torch.hf_folder import TextNetwork

BARE = "AutoModel"


@dataclass(frozen=True)
class Encoder(Compressible):
    """An encoder with or without a head, and its tokenizer."""

    network: "TextNetwork"
    model_task: str
    """Empty for a bare encoder."""
    channels: "torch.Tensor | None" = field(default=None, repr=False)
    """Places of its channels among those of the model that it was cut from, where it has fewer."""

    @classmethod
    def load(cls, model: Model, model_task: str, *, port: str) -> Self:
        """Load a model of the named model task; empty for a classifier or a bare encoder from outside."""
        from slmworks_torch import classification, hf_folder
        from slmworks_torch.embeddings import load_encoder

        if model_task == EMBEDDINGS:
            return cls(model, load_encoder(model, None, port=port), model_task)
        if labels := classification.known_labels(model, port=port):
            found = classification.load_classifier(model, labels, port=port, new_head=False)
        else:
            found = hf_folder.load(model, BARE, port=port, new_head=False)
        return cls(model, found, model_task)

    @property
    def net(self) -> Any:
        """The transformers network."""
        return self.network.net

    @property
    def head(self) -> str:
        """Name of its transformers auto class."""
        return self.network.head

    def with_net(self, net: Any, channels: "torch.Tensor | None" = None) -> Self:
        """The same tokenizer and length around another network."""
        return replace(self, network=replace(self.network, net=net.eval()), channels=channels)

    def calibration(self, data: Dataset, split: str, rows: int, task: Task) -> list[Calibration]:
        """Texts of a split; every real token counts."""
        column = text_column(data)
        if not (found := data.rows(split, column)):
            raise BadRequest(f"data: the split '{split}' is empty; give the curate step more rows.")
        texts = [str(row[column]) for row in sample(found, rows, task)]
        encoded = self.network.encode(texts)
        size = max(1, TOGETHER // max(encoded.lengths))
        made = []
        for batch in length_batches(encoded.lengths, size, longest_first=True):
            inputs = encoded.batch(batch, self.net.device)
            made.append(Calibration(inputs, inputs["attention_mask"].bool()))
        return made

    def answers(self, batch: Calibration) -> "torch.Tensor":
        """Logits of a classifier, pooled embeddings, or a bare encoder's token vectors of length 1."""
        from slmworks_torch import classification
        from slmworks_torch.embeddings import forward_of

        if self.model_task == EMBEDDINGS:
            return forward_of(self.model)(self.net, batch.inputs).float()
        if self.head != BARE:
            return classification.logits(self.net, batch.inputs).float()
        from slmworks.model_tasks.feature_extraction.hf import normalised

        return normalised(self.net(**batch.inputs).last_hidden_state[batch.counted].float())

    def distances(self, wanted: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
        """Divergence of logits, 1 - cosine of vectors of length 1; channels that are gone count as 0."""
        from slmworks_torch.compression.distances import cosine, divergence

        if self.channels is not None and found.shape[1] < wanted.shape[1]:
            wanted = wanted[:, self.channels.to(wanted.device)]
        return cosine(wanted, found) if self.head == BARE else divergence(wanted, found)

    def _write(self, folder: Path) -> dict[str, Any]:
        self.network.save(folder)
        return {"dimensions": int(self.net.config.hidden_size)} if "dimensions" in self.model.meta else {}


def text_column(data: Dataset) -> str:
    """The column of the one text that rows of the data are about; BadRequest where it isn't one."""
    purpose = catalog.canonical(data.model_task)
    column = only_text(catalog.model_task(purpose)) if purpose in catalog.model_tasks() else ""
    if not column:
        raise BadRequest(
            f"data: they are for {purpose or 'no model task'}, and an encoder reads rows of one text; give "
            "it the data that it is trained on."
        )
    return column

"""Fine-tuning of a pretrained encoder into an extractive reader."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks_torch.training_options import FreezingOptions


class FinetuneQA(FreezingOptions, Finetune):
    """Train an encoder and a new head to find the first and last word of an answer (Devlin et al., 2019).

    A window without the answer points at its first token. Question and context are told apart by the token
    between them alone, not by token types.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "question-answering"

    max_length: Annotated[int, Field(ge=32)] = 256
    """Tokens of a window, question and special tokens included; a longer context is read in several that
    overlap by a quarter."""

    def run(self, *, model: Model, data: Dataset, task: Task) -> Model:
        """Train on `train`, choose the epoch by F1 on `validation`."""
        import torch
        from slmworks_torch import text_training, training
        from slmworks_torch.words import reader, reader_losses, reading

        train, validation = (reading.asked_rows(data, split) for split in ("train", "validation"))
        training.prepare(task)
        made = reader.load_reader(model, port="model", max_length=self.max_length)
        own, held_out = (reading.windows(made, rows) for rows in (train, validation))
        unanswerable = bool(data.meta.get("unanswerable"))
        objective = text_training.TextObjective(
            rows=own.encoded,
            forward=reading.ends,
            batch_loss=reader_losses.cross_entropy(own),
            check=lambda: reader.score(made.net, held_out, unanswerable=unanswerable),
            targets=(torch.tensor(own.goals),),
        )
        trained = text_training.train(made.net, objective, self, task)
        made.save(task.output)
        return Model(
            path=task.output,
            format="hf",
            meta=reader.meta(data, made),
            summary={**trained.summary, "parameters": made.parameters},
        )

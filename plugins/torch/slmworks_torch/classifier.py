"""Fine-tuning of a pretrained encoder into a text classifier."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks_torch.training_options import SHORTEST, Course


class FinetuneClassifier(Course, Finetune):
    """Train an encoder and a new head on labelled text (Devlin et al., 2019)."""

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    produces: ClassVar[str] = "hf"
    makes_task: ClassVar[str] = "classification"

    max_length: Annotated[int, Field(ge=SHORTEST)] = 64
    """Tokens of a text that are read, special tokens included; the rest is cut off."""

    def run(self, *, model: Model, data: Dataset, task: Task) -> Model:
        """Train on `train`, choose the epoch on `validation`."""
        from slmworks_torch import hf_folder, rows, training
        from slmworks_torch.losses import cross_entropy
        from slmworks_torch.scoring import logits_of, quality

        train, validation = rows.training_rows(data), rows.labelled(data, "validation")
        training.prepare(task)
        known = hf_folder.labels_of(model, port="model")
        pupil = hf_folder.load_classifier(model, data.labels, port="model", max_length=self.max_length)
        if known and known != data.labels:
            task.say(f"the model knows other labels ({', '.join(known)}): it gets a new head")
        checks = pupil.encode(validation.texts)
        lesson = training.Lesson(
            rows=pupil.encode(train.texts),
            loss=cross_entropy(train.classes),
            check=lambda: quality(logits_of(pupil.net, checks), validation.classes),
        )
        outcome = training.train(pupil.net, lesson, self, task)
        pupil.save(task.output)
        return Model(
            path=task.output,
            format="hf",
            meta=pupil.meta,
            summary={**outcome.numbers, "parameters": pupil.parameters},
        )

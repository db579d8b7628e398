"""Fine-tuning of a pretrained encoder into a text classifier."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks_torch.class_weights import ClassWeightOptions
from slmworks_torch.training_options import SHORTEST, FreezingOptions


class FinetuneClassifier(ClassWeightOptions, FreezingOptions, Finetune):
    """Train an encoder and a new head on labelled text (Devlin et al., 2019)."""

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-classification"

    max_length: Annotated[int, Field(ge=SHORTEST)] = 64
    """Tokens of a text that are read, special tokens included; the rest is cut off."""

    def run(self, *, model: Model, data: Dataset, task: Task, **_: object) -> Model:
        """Train on `train`, choose the epoch on `validation`."""
        from slmworks.model_tasks.text_classification.labels import labels_of
        from slmworks_torch import classification, rows, text_training, training
        from slmworks_torch.class_weights import weights_of
        from slmworks_torch.classification import logits, score
        from slmworks_torch.losses import cross_entropy
        from slmworks_torch.scoring import outputs_of

        train, validation = rows.training_rows(data), rows.labelled(data, "validation")
        labels = labels_of(data)
        weights = weights_of(self.class_weights, labels, train.classes, task)
        known = classification.known_labels(model, port="model")
        training.prepare(task)
        made = classification.load_classifier(model, labels, port="model", max_length=self.max_length)
        if known and known != labels:
            task.say(f"the model knows other labels ({', '.join(known)}): it gets a new head")
        held_out = made.encode(validation.texts)
        objective = text_training.TextObjective(
            rows=made.encode(train.texts),
            forward=logits,
            batch_loss=cross_entropy(train.classes, weights),
            check=lambda: score(outputs_of(made.net, logits, held_out), validation.classes, weights),
            targets=(train.classes, weights or ()),
        )
        trained = text_training.train(made.net, objective, self, task)
        made.save(task.output)
        return Model(
            path=task.output,
            format="hf",
            meta=classification.meta(labels, made),
            summary={**trained.summary, "parameters": made.parameters},
        )

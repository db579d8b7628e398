"""Fine-tuning of a pretrained encoder into a tagger of words."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks_torch.training_options import SHORTEST, FreezingOptions


class FinetuneTokenClassifier(FreezingOptions, Finetune):
    """Train an encoder and a new head to find entities (Devlin et al., 2019).

    A word's first token has its tag; tags are IOB2: `O`, and `B-` and `I-` of each label.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "token-classification"

    max_length: Annotated[int, Field(ge=SHORTEST)] = 128
    """Tokens of a window, special tokens included; a longer text is read in several that overlap by a
    quarter."""

    def run(self, *, model: Model, data: Dataset, task: Task) -> Model:
        """Train on `train`, choose the epoch by span F1 on `validation`."""
        from slmworks.model_tasks.token_classification.tags import tags_of
        from slmworks_torch import text_training, training
        from slmworks_torch.losses import cross_entropy
        from slmworks_torch.words import tagging
        from slmworks_torch.words.windows import at_words, windows

        train, validation = (tagging.tagged_rows(data, split) for split in ("train", "validation"))
        training.prepare(task)
        labels, known = tagging.labels_of(data), tagging.known_tags(model, port="model")
        made = tagging.load_tagger(model, labels, port="model", max_length=self.max_length)
        if known and known != tags_of(labels):
            task.say(f"the model knows other tags ({', '.join(known)}): it gets a new head")
        own, held_out = (windows(made, split.rows.texts) for split in (train, validation))
        classes = train.classes(labels)
        objective = text_training.TextObjective(
            rows=own.encoded,
            forward=tagging.logits,
            batch_loss=at_words(own, cross_entropy(classes)),
            check=lambda: tagging.score(
                held_out.outputs(made.net, tagging.logits), held_out, validation, labels
            ),
            targets=(classes,),
        )
        trained = text_training.train(made.net, objective, self, task)
        made.save(task.output)
        return Model(
            path=task.output,
            format="hf",
            meta=tagging.meta(labels, made),
            summary={**trained.summary, "parameters": made.parameters},
        )

"""Distillation into a bag of embeddings: a hundredth of a transformer's bytes, and hardly any word order."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.distill import Distill
from slmworks_torch.from_logits import LogitOptions

if TYPE_CHECKING:
    from slmworks_torch.bag import BagClassifier
    from slmworks_torch.hf_folder import TextNetwork


class BagOfEmbeddings(LogitOptions, Distill):
    """Distil logits into a mean of token embeddings with one hidden layer (Iyyer et al., 2015).

    It reads word order only as far as pairs of neighbours go, and needs much altered text (`augment`).
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",)}
    produces: ClassVar[str] = "onnx"
    model_tasks: ClassVar[tuple[str, ...]] = ("text-classification",)
    makes_model_task: ClassVar[str] = "text-classification"

    epochs: PositiveInt = 8
    """How often every row is seen; the last epoch that is not clearly worse on `validation` is kept."""
    learning_rate: PositiveFloat = 3e-3
    """Highest step size of AdamW; new embeddings take larger steps than pretrained ones."""
    batch_size: PositiveInt = 128
    """Rows a step; rows of similar length go together."""
    augment: NonNegativeInt = 4
    """Altered copies of each text of `train` that the teacher labels and the student learns from."""
    alpha: NonNegativeFloat = 1.0
    """Weight of the cross-entropy with the labels, on the rows that have one."""
    width: PositiveInt = 128
    """Numbers in an embedding."""
    hidden: PositiveInt = 256
    """Units between the means and the labels."""
    pairs: NonNegativeInt = 1024
    """Rows of a hashed table for pairs of neighbouring tokens (Joulin et al., 2017); 0 for none."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of activations that is dropped while training (Srivastava et al., 2014)."""

    def run(self, *, teacher: Model, data: Dataset, task: Task, **_: object) -> Model:
        """Compute the teacher's logits, train the bag, choose the epoch on `validation`, write ONNX."""
        from slmworks.model_tasks.text_classification.labels import labels_of
        from slmworks_torch import classification, from_logits, text_training

        make = partial(self._student, labels_of(data))
        gathered, made = from_logits.gather(teacher, None, data, self, task, make)
        trained = text_training.train(made.net, gathered.objective(made, self), self, task)
        made.save(task.output)
        return Model(
            path=task.output,
            format="onnx",
            meta=classification.meta(made.labels, made),
            summary={
                **gathered.summary(trained),
                "parameters": made.parameters,
                "vocabulary": made.tokenizer.get_vocab_size(),
            },
        )

    def _student(self, labels: list[str], teacher: "TextNetwork", texts: Sequence[str]) -> "BagClassifier":
        """A new bag; the teacher's tokenizer, cut to the training text where asked for."""
        from slmworks_torch import vocabulary
        from slmworks_torch.bag import BagClassifier, Shape, network

        tokenizer = teacher.tokenizer
        if self.vocabulary == "cut":
            tokenizer = vocabulary.cut(
                tokenizer, texts, min_count=self.min_count, characters=self.characters
            ).tokenizer
        size = max(tokenizer.get_vocab().values()) + 1
        return BagClassifier(
            net=network(Shape(size, self.pairs, self.width, self.hidden, len(labels))),
            tokenizer=tokenizer,
            labels=labels,
            max_length=self.max_length or teacher.max_length,
            pad=tokenizer.token_to_id("[PAD]") or 0,
        )

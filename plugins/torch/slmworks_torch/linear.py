"""A linear model on words, as a candidate that ships: what a language model has to be better than."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks_torch.training_options import SHORTEST
from slmworks_torch.vocabulary import Characters

if TYPE_CHECKING:
    from slmworks_torch.linear_network import LinearText


class Linear(Finetune):
    """Add up a number a label for each token and pair of neighbours, weighted by TF-IDF (multinomial logit).

    Of `model` it takes the tokenizer, or, where that is linear itself, the weights to go on with. Pairs are
    hashed (Weinberger et al., 2009), steps are Adagrad's (Duchi et al., 2011). Trains without torch, in
    seconds; the file is an ONNX classifier like any other.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf", "onnx")}
    produces: ClassVar[str] = "onnx"
    makes_model_task: ClassVar[str] = "text-classification"
    of_new: ClassVar[frozenset[str]] = frozenset({"pairs", "min_count", "characters"})
    max_threads: ClassVar[int | None] = 1

    epochs: PositiveInt = 10
    """How often every row is seen; the best epoch on `validation` is kept."""
    learning_rate: PositiveFloat = 0.5
    """Step size; each number's own falls with the squares of its slopes. One row a step."""
    pairs: NonNegativeInt = 16384
    """Rows of the hashed table of pairs of neighbours; 0 for none."""
    min_count: PositiveInt = 2
    """How often the training text must use a token for it to be kept; others are spelt in pieces."""
    characters: Characters = "seen"
    """Single characters that are kept: `all`, or only ASCII and what the training text has (`seen`)."""
    max_length: Annotated[int, Field(ge=SHORTEST)] = 128
    """Tokens of a text that are read."""

    def run(self, *, model: Model, data: Dataset, task: Task, **_: object) -> Model:
        """Count, train, choose the epoch on `validation`, write ONNX."""
        from slmworks.model_tasks.text_classification.labels import labels_of
        from slmworks_torch import classification, linear_network, rows

        train, validation = rows.training_rows(data), rows.labelled(data, "validation")
        net = self._network(model, labels_of(data), train.texts)
        tokens = net.tokens(train.texts)
        if model.format != "onnx":
            net.weigh(tokens)
        learnt = linear_network.Learning(net, tokens, train, validation, task.seed)
        for epoch in range(self.epochs):
            task.progress(epoch, self.epochs, unit="epochs")
            loss, accuracy = learnt.epoch(self.learning_rate)
            task.log(epoch, loss=loss, accuracy=accuracy)
        task.progress(self.epochs, self.epochs, unit="epochs")
        learnt.best.save(task.output)
        return Model(
            path=task.output,
            format="onnx",
            meta={**classification.meta(net.labels, net), "linear": True},
            summary={
                "accuracy": round(learnt.accuracy, 4),
                "parameters": net.parameters,
                "vocabulary": net.tokenizer.get_vocab_size(),
            },
        )

    def _network(self, model: Model, labels: list[str], texts: list[str]) -> "LinearText":
        from tokenizers import Tokenizer

        from slmworks_torch import linear_network, vocabulary

        file = model.path / "tokenizer.json"
        if not file.is_file():
            raise BadRequest("model: there is no tokenizer.json in it; give a model that has one.")
        if model.format == "onnx":
            if not model.meta.get("linear"):
                raise BadRequest(
                    "model: an ONNX file that is not linear can't be trained on; give a Hugging Face folder, "
                    "whose tokenizer is taken, or a model of finetune/linear."
                )
            if list(model.meta["labels"]) != labels:
                raise BadRequest("model: it knows other labels than the data; train it on data with its own.")
            return linear_network.load(model.path, labels, self.max_length)
        tokenizer = Tokenizer.from_file(str(file))
        cut = vocabulary.cut(tokenizer, texts, min_count=self.min_count, characters=self.characters)
        return linear_network.new(cut.tokenizer, labels, self.max_length, self.pairs)

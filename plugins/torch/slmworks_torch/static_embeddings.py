"""Distillation into static embeddings: a table of token vectors, a hundredth of the time of an encoder."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.distill import Distill
from slmworks_torch.embeddings import EmbeddingOptions

if TYPE_CHECKING:
    import torch
    from slmworks_torch.embeddings import EmbeddingData
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.static_network import StaticEmbedder


class StaticEmbeddings(EmbeddingOptions, Distill):
    """Teach a weighted mean of token vectors its teacher's sentence embeddings, in fewer dimensions.

    Token vectors begin as the teacher's embeddings of single tokens, projected on the principal axes of its
    sentence embeddings and weighted by frequency (Tulkens & van Dongen, model2vec, 2024; Arora et al., 2017),
    and are then trained to match the teacher on whole texts.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",)}
    produces: ClassVar[str] = "onnx"
    model_tasks: ClassVar[tuple[str, ...]] = ("feature-extraction",)
    makes_model_task: ClassVar[str] = "feature-extraction"

    epochs: PositiveInt = 6
    """How often every row is seen; the last epoch that is not clearly worse on `validation` is kept."""
    learning_rate: PositiveFloat = 3e-3
    """Highest step size of AdamW; a table takes larger steps than an encoder."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled weight decay of the matrices; biases and normalisations have none."""
    batch_size: PositiveInt = 256
    """Rows a step; rows of similar length go together."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Has no effect: a table has no activations to drop."""
    dimensions: PositiveInt = 256
    """Numbers in an embedding, at most the teacher's."""

    def run(self, *, teacher: Model, data: Dataset, task: Task, **_: object) -> Model:
        """Compute the teacher's embeddings once, train the table, write ONNX."""
        from slmworks_torch import embeddings, static_network, text_training, training

        training.prepare(task)
        network = embeddings.load_encoder(teacher, self.max_length, port="teacher")
        width = int(network.net.config.hidden_size)
        if self.dimensions > width:
            raise BadRequest(
                f"dimensions: {self.dimensions} are more than the {width} of the teacher's embeddings."
            )
        gathered = embeddings.gather(teacher, network, data, self, task)
        axes = static_network.principal_axes(gathered.wanted, self.dimensions)
        made = self._student(teacher, network, gathered, axes)
        objective = gathered.projected(axes).objective(made, static_network.embed)
        trained = text_training.train(made.net, objective, self, task)
        made.save(task.output)
        return Model(
            path=task.output,
            format="onnx",
            meta=made.meta,
            summary={
                **trained.summary,
                "texts": len(gathered.texts),
                "parameters": made.parameters,
                "vocabulary": made.tokenizer.get_vocab_size(),
            },
        )

    def _student(
        self, teacher: Model, network: "TextNetwork", gathered: "EmbeddingData", axes: "torch.Tensor"
    ) -> "StaticEmbedder":
        """A table of the teacher's token vectors; its vocabulary is cut to the text where asked for."""
        from slmworks_torch import static_network, vocabulary

        tokenizer, ids = network.tokenizer, list(range(network.tokenizer.get_vocab_size()))
        if self.vocabulary == "cut":
            cut = vocabulary.cut(
                tokenizer, gathered.texts, min_count=self.min_count, characters=self.characters
            )
            tokenizer, ids = cut.tokenizer, cut.old_ids
        vectors = static_network.token_vectors(teacher, network, ids) @ axes
        return static_network.StaticEmbedder.start(
            vectors, tokenizer, gathered.texts, max_length=network.max_length
        )

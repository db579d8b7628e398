"""Distillation by matching a teacher's sentence embeddings, on text without labels."""

from typing import TYPE_CHECKING, ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.embeddings import EmbeddingOptions
from slmworks_torch.layer_distill import LayerDistill, sizes
from slmworks_torch.training_options import refuse_all

if TYPE_CHECKING:
    from slmworks_torch.embeddings import EmbeddingData
    from slmworks_torch.hf_folder import TextNetwork


class EmbeddingKD(LayerDistill, EmbeddingOptions):
    """Match the teacher's sentence embeddings with some of its layers (Reimers & Gurevych, 2020)."""

    model_tasks: ClassVar[tuple[str, ...]] = ("feature-extraction",)
    makes_model_task: ClassVar[str] = "feature-extraction"

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Compute the teacher's embeddings once, train the student, choose the epoch on `validation`."""
        from slmworks.model_tasks.feature_extraction.hf import pooling_of
        from slmworks_torch import embeddings, text_training, training, vocabulary

        self.refuse_layers_of(student)
        training.prepare(task)
        network = embeddings.load_encoder(teacher, self.max_length, port="teacher")
        made = self._student(student, network)
        refuse_all(self.freeze_layers, int(made.net.config.num_hidden_layers))
        gathered = self._gathered(teacher, network, made, student or teacher, data, task)
        if self.vocabulary == "cut":
            made = vocabulary.shrink(
                made, gathered.texts, min_count=self.min_count, characters=self.characters
            )
        pooled = student or teacher
        objective = gathered.objective(made, embeddings.forward_of(pooled))
        trained = text_training.train(made.net, objective, self, task)
        made.save(task.output)
        return Model(
            path=task.output,
            format="hf",
            meta=embeddings.meta(
                dimensions=int(made.net.config.hidden_size),
                max_length=made.max_length,
                parameters=made.parameters,
                pooling=pooling_of(pooled),
            ),
            summary={
                **trained.summary,
                "texts": len(gathered.texts),
                **sizes(made),
            },
        )

    def _gathered(
        self,
        teacher: Model,
        network: "TextNetwork",
        made: "TextNetwork",
        student: Model,
        data: Dataset,
        task: Task,
    ) -> "EmbeddingData":
        """Texts and the teacher's embeddings, in the student's number of dimensions if it has fewer."""
        from slmworks_torch import embeddings, scoring

        ours, theirs = (int(one.net.config.hidden_size) for one in (made, network))
        if ours > theirs:
            raise BadRequest(
                f"student: its embeddings have {ours} numbers, and the teacher's {theirs} say nothing of the "
                "others; give one that is no wider, or leave it out."
            )
        found = embeddings.gather(teacher, network, data, self, task)
        if ours == theirs:
            return found
        given = scoring.outputs_of(made.net, embeddings.forward_of(student), made.encode(found.rows.texts))
        return found.projected(embeddings.towards(found.wanted, given))

    def _student(self, student: Model | None, network: "TextNetwork") -> "TextNetwork":
        """The network that learns, with its whole vocabulary."""
        from slmworks_torch import hf_folder, students

        if student:
            return hf_folder.load(student, network.head, port="student", max_length=network.max_length)
        return students.from_layers(network, self.layers, max_length=network.max_length)

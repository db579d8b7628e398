"""Shared by plugins that distil sentence embeddings: options, training text, the teacher's embeddings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.model_tasks.feature_extraction.columns import INPUTS, NAME, TARGETS
from slmworks.model_tasks.feature_extraction.hf import HfEmbedder, length_of, normalised, pooled, pooling_of
from slmworks_torch.rows import Rows, transfer_rows
from slmworks_torch.scoring import Score
from slmworks_torch.student_options import StudentOptions

if TYPE_CHECKING:
    import torch
    from slmworks_torch.batches import Encoded
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.losses import Loss
    from slmworks_torch.networks import Forward
    from slmworks_torch.text_training import TextObjective


class EmbeddingOptions(StudentOptions):
    """Options of a student that is trained to give its teacher's embeddings. It needs text and no labels."""


@dataclass(frozen=True)
class EmbeddingData:
    """Training texts with their teacher's embeddings, and validation texts with theirs."""

    texts: list[str]
    """Of `train` and `transfer`, unaltered."""
    rows: Rows
    """Those, then the altered copies."""
    wanted: "torch.Tensor"
    """The teacher's embeddings of `rows`, float32 [rows, dimensions], each of length 1."""
    validation: Rows
    held_out: "torch.Tensor"
    """The teacher's embeddings of `validation`."""

    def projected(self, matrix: "torch.Tensor") -> "EmbeddingData":
        """The same in fewer dimensions: embeddings times `matrix` [dimensions, fewer], of length 1 again."""
        return EmbeddingData(
            self.texts, self.rows, normalised(self.wanted @ matrix), self.validation,
            normalised(self.held_out @ matrix),
        )  # fmt: skip

    def objective(self, student: Any, forward: "Forward") -> "TextObjective":
        """Train on all rows for the teacher's embeddings, score by the mean cosine on validation."""
        from slmworks_torch.scoring import outputs_of
        from slmworks_torch.text_training import TextObjective

        held_out: Encoded = student.encode(self.validation.texts)
        return TextObjective(
            rows=student.encode(self.rows.texts),
            forward=forward,
            batch_loss=cosine_distance(self.wanted),
            check=lambda: score(outputs_of(student.net, forward, held_out), self.held_out),
            targets=(self.wanted,),
        )


def cosine_distance(wanted: "torch.Tensor") -> "Loss":
    """Mean of 1 − cosine with the teacher's embeddings [rows, dimensions]; all are of length 1."""

    def loss(found: "torch.Tensor", batch: list[int]) -> "torch.Tensor":
        return (1 - (found * wanted[batch].to(found.device)).sum(dim=1)).mean()

    return loss


def score(found: "torch.Tensor", wanted: "torch.Tensor") -> Score:
    """Mean cosine of embeddings with the teacher's, both [rows, dimensions] and of length 1."""
    cosines = (found * wanted).sum(dim=1).double()
    error = float(cosines.std()) / len(cosines) ** 0.5 if len(cosines) > 1 else 0.0
    return Score("cosine", float(cosines.mean()), error)


def load_encoder(model: Model, max_length: int | None, *, port: str) -> "TextNetwork":
    """Load an encoder without a head; it reads `max_length` tokens, or its own length."""
    from slmworks_torch import hf_folder

    pooling_of(model)
    return hf_folder.load(model, HfEmbedder.head, port=port, max_length=max_length, usual=length_of(model))


def forward_of(model: Model) -> "Forward":
    """An encoder's forward pass, pooled as `model` is: embeddings [rows, dimensions] of length 1."""
    pooling = pooling_of(model)

    def forward(net: Any, inputs: Any) -> "torch.Tensor":
        states = net(**inputs).last_hidden_state
        return normalised(pooled(states, inputs["attention_mask"], pooling))

    return forward


def gather(
    teacher: Model, network: "TextNetwork", data: Dataset, options: EmbeddingOptions, task: Task
) -> EmbeddingData:
    """Read and alter the text, and compute the teacher's embeddings or take shared ones.

    BadRequest where a split has no text.
    """
    import torch
    from slmworks_torch.augment import copies

    train, validation = texts_of(data, "train"), texts_of(data, "validation")
    learnt = train + transfer_rows(data, options.transfer_rows)
    altered = copies(train, options)
    found = teacher_embeddings(teacher, network, data, learnt + validation, task)
    more = [
        teacher_embeddings(teacher, network, data, one, task, copy=number)
        for number, one in enumerate(altered, start=1)
    ]
    return EmbeddingData(
        texts=learnt.texts,
        rows=sum(altered, learnt),
        wanted=torch.cat([found[: len(learnt)], *more]),
        validation=validation,
        held_out=found[len(learnt) :],
    )


def teacher_embeddings(
    teacher: Model, network: "TextNetwork", data: Dataset, rows: Rows, task: Task, *, copy: int = 0
) -> "torch.Tensor":
    """The teacher's embeddings, float32 [rows, dimensions], shared by its students on that data."""
    from slmworks_torch import teacher_outputs

    def build(folder: Path) -> None:
        teacher_outputs.write(folder, network, forward_of(teacher), rows, task)

    name = f"teacher-embeddings-copy-{copy}" if copy else "teacher-embeddings"
    return teacher_outputs.shared(name, build, teacher, network, data, rows, task)


def towards(wanted: "torch.Tensor", given: "torch.Tensor") -> "torch.Tensor":
    """Axes [dimensions, fewer] of a teacher's embeddings that keep most of them, float32.

    Turned as near as can be to a student's embeddings of the same texts, [rows, fewer] (orthogonal
    Procrustes; Schönemann, 1966): cosines don't depend on it, and the student has less to unlearn.
    """
    import torch
    from slmworks_torch.static_network import principal_axes

    axes = principal_axes(wanted, given.shape[1])
    left, _, right = torch.linalg.svd((wanted @ axes).double().T @ given.double())
    return axes @ (left @ right).float()


def meta(*, dimensions: int, max_length: int, parameters: int, **more: Any) -> dict[str, Any]:
    """An embedding model's entries of a Model artifact's `meta`."""
    return {
        "task": NAME,
        "dimensions": dimensions,
        "max_length": max_length,
        "parameters": parameters,
        **more,
    }


def texts_of(data: Dataset, split: str) -> Rows:
    """The distinct questions and documents of a split, in the order of the data."""
    ids, texts, documents = data.columns(split, "id", *INPUTS, *TARGETS)
    if not texts:
        raise BadRequest(f"data: the split '{split}' is empty; give the curate step more rows.")
    found = dict(zip(texts, ids, strict=True))
    for identity, document in zip(ids, documents, strict=True):
        if document is not None:
            found.setdefault(document, f"{identity}.document")
    return Rows(list(found.values()), list(found), [])

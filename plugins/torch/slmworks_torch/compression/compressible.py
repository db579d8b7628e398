"""Models that are made smaller: one view of classifiers, embedding models, bare encoders and generators."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.contract.stage import Task
from slmworks_torch import config_json

if TYPE_CHECKING:
    import torch

TOGETHER = 1024
"""Tokens that are computed together, padding included."""


@dataclass(frozen=True)
class Calibration:
    """The inputs of one forward pass, and the places at which the model's work counts."""

    inputs: "Mapping[str, torch.Tensor]"
    """Keyword arguments of the network: `input_ids` int64 [rows, tokens] and what goes with it."""
    counted: "torch.Tensor"
    """bool [rows, tokens]: an encoder's real tokens, a decoder's tokens whose successor is an answer's."""


@dataclass(frozen=True)
class Remembered:
    """What a model answered to a batch, which stays so when its network is cut in place."""

    batch: Calibration
    answers: "Callable[[Any], torch.Tensor]"
    """As `Compressible.answers` gives them; asked with the network that they are compared with."""


@dataclass(frozen=True)
class Compressible(ABC):
    """A network with what is needed to measure it, to cut it, and to write it as the same kind of model."""

    model: Model
    """The artifact that it was loaded from."""

    @property
    @abstractmethod
    def net(self) -> Any:
        """The transformers network, float32, in evaluation mode."""

    @property
    @abstractmethod
    def head(self) -> str:
        """Name of its transformers auto class."""

    @property
    def parameters(self) -> int:
        """Number of weights, shared ones once."""
        return sum(weight.numel() for weight in self.net.parameters())

    @abstractmethod
    def with_net(self, net: Any, channels: "torch.Tensor | None" = None) -> Self:
        """The same around a smaller network of the same head.

        `channels`: places of its channels among those of this one, int64, where it has fewer.
        """

    @abstractmethod
    def calibration(self, data: Dataset, split: str, rows: int, task: Task) -> list[Calibration]:
        """At most `rows` rows of a split, drawn by the task's seed, in batches of similar length.

        BadRequest for data that the model can't read, and for an empty split.
        """

    @abstractmethod
    def answers(self, batch: Calibration) -> "torch.Tensor":
        """What the model says to a batch, float32 [answers, width].

        Logits of a classifier [rows, labels] and of a generator [counted places, vocabulary]; embeddings of
        length 1 of an embedding model [rows, dimensions] and a bare encoder [counted places, dimensions].
        """

    def remembered(self, batches: Sequence[Calibration]) -> list[Remembered]:
        """This model's answers to batches."""
        import torch

        def fixed(made: torch.Tensor) -> Callable[[Any], torch.Tensor]:
            return lambda _net: made

        with torch.inference_mode():
            return [Remembered(batch, fixed(self.answers(batch))) for batch in batches]

    @abstractmethod
    def distances(self, wanted: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
        """How far answers are from those of the whole model, [answers].

        Kullback-Leibler divergence in nats of logits, 1 - cosine of embeddings.
        """

    @abstractmethod
    def _write(self, folder: Path) -> dict[str, Any]:
        """Write the Hugging Face folder; returns entries of `meta` that changed with the network."""

    def made(self, task: Task, summary: Mapping[str, Any]) -> Model:
        """The model as an artifact in the task's output, with the header of the one it was made from."""
        task.output.mkdir(parents=True, exist_ok=True)
        changed = self._write(task.output)
        meta = {**self.model.meta, "parameters": self.parameters, **changed}
        return Model(path=task.output, format="hf", meta=meta, summary=dict(summary))

    def distance(self, whole: "Compressible", batches: Sequence[Calibration]) -> float:
        """Mean distance of this model's answers from the whole one's on calibration batches."""
        return self.apart(whole.remembered(batches))

    def apart(self, wanted: Sequence[Remembered]) -> float:
        """Mean distance of this model's answers from others to the same batches."""
        import torch

        with torch.inference_mode():
            return mean(self.distances(one.answers(self.net), self.answers(one.batch)) for one in wanted)


def load(model: Model, *, port: str = "model") -> Compressible:
    """Load a model of any model task from its Hugging Face folder.

    BadRequest where the folder is unusable, or holds a network of a kind that no runtime of ours has.
    """
    from slmworks_torch.compression.decoder import Decoder
    from slmworks_torch.compression.encoder import Encoder

    named = catalog.canonical(model.model_task)
    if named == "text-generation" or (not named and _continues_text(model, port)):
        return Decoder.load(model, port=port)
    return Encoder.load(model, named, port=port)


def sample(rows: Sequence[Row], most: int, task: Task) -> list[Row]:
    """At most `most` of the rows, drawn by the task's seed."""
    return random.Random(f"{task.seed}/calibration").sample(list(rows), min(most, len(rows)))


def mean(distances: "Iterable[torch.Tensor]") -> float:
    """Mean over the answers of all batches, of their distances [answers]; 0 for none."""
    total, count = 0.0, 0
    for found in distances:
        total += float(found.double().sum())
        count += len(found)
    return total / max(1, count)


def needed(data: Dataset | None, why: str) -> Dataset:
    """The data; BadRequest says `why` they are needed where there are none."""
    if data is None:
        raise BadRequest(f"{why}; add `data: <the curate step>` to its `from`.")
    return data


def _continues_text(model: Model, port: str) -> bool:
    named = config_json.read(model.path, port=port).get("architectures") or []
    return any(str(one).endswith(("ForCausalLM", "LMHeadModel")) for one in named)

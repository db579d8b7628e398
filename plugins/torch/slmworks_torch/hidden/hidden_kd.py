"""Distillation of what a teacher computes between its layers."""

from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.distill import Distill
from slmworks_torch.hidden.options import HiddenOptions


class HiddenKD(HiddenOptions, Distill):
    """Match the teacher's attention relations (Wang et al., 2021) or hidden states (Jiao et al., 2020).

    For classifiers, embedding models, bare encoders and generators; `soft` and `alpha` let the student learn
    answers in the same step. The teacher is computed live, on each text in each epoch. Student and teacher
    read the same tokens. `packing`, `tokens_at_once` and `max_new_tokens` are for generators; of encoders,
    `precision: auto` is float32 on a processor.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",), "student": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = ("text-classification", "feature-extraction", "text-generation")
    produces: ClassVar[str] = "hf"
    of_new: ClassVar[frozenset[str]] = frozenset({"layers"})

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Make or take the student, train it beside its teacher, choose the epoch on `validation`."""
        from slmworks_torch import training
        from slmworks_torch.compression import compressible
        from slmworks_torch.compression.decoder import Decoder
        from slmworks_torch.compression.encoder import Encoder
        from slmworks_torch.hidden import decoders, encoders

        if student and self.layers:
            raise BadRequest("layers: they choose from the teacher's, but a student is given; leave out one.")
        training.prepare(task)
        whole = compressible.load(teacher, port="teacher")
        if isinstance(whole, Decoder):
            return decoders.learn(self, whole.chat, teacher, student, data, task)
        assert isinstance(whole, Encoder)
        return encoders.learn(self, whole, student, data, task)

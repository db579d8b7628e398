"""Distillation of a generator on what it says itself, judged by its teacher."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.distill import Distill
from slmworks_torch.causal.divergences import Kind
from slmworks_torch.causal.options import CausalOptions
from slmworks_torch.causal.student import StudentShape

if TYPE_CHECKING:
    from slmworks_torch.causal.chat_model import ChatModel
    from slmworks_torch.causal.lesson import Lesson
    from slmworks_torch.causal.live_objective import LiveTeacher


class OnPolicyKD(StudentShape, CausalOptions, Distill):
    """Learn from a teacher's judgement of one's own answers (generalised KD: Agarwal et al., 2024).

    In each step the student answers a share of the conversations itself, and the teacher gives its
    distribution at each token of these answers and of labels. So the student learns where its own mistakes
    lead. Student and teacher have the same tokens, and both are in memory.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",), "student": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = ("text-generation",)
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-generation"

    on_policy: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the conversations with a label that the student answers itself, in each step; those of
    `transfer` it always does."""
    temperature: PositiveFloat = 1.0
    """The student's logits are divided by it before a token is drawn."""
    answer_tokens: PositiveInt | None = None
    """Most tokens that the student writes. Default: a quarter more than the longest label."""
    divergence: Kind = "jsd"
    """`forward-kl` covers all that the teacher might say (Hinton et al., 2015), `reverse-kl` keeps to what it
    most likely says (Gu et al., 2024), `jsd` lies between them (Agarwal et al., 2024)."""
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The teacher's share of the mixture that `jsd` compares both with."""

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Make or take the student, train it beside its teacher, choose the epoch on `validation`."""
        from slmworks_torch import networks, training
        from slmworks_torch.causal import chat_model, checks, lesson
        from slmworks_torch.causal import student as students
        from slmworks_torch.loop import Loop

        training.prepare(task)
        port = "student" if student else "teacher"
        theirs = chat_model.load(teacher, port="teacher")
        loaded = students.student_of(teacher, student, self, data, task)
        given, labelled = self._lesson(loaded, theirs, data, task, port=port)
        checks.check(loaded.net, given.train, port=port)
        objective = self._objective(given, theirs, labelled, task)
        share = lesson.trained_share(loaded)
        networks.set_dropout(loaded.net, self.dropout)
        trained = Loop(loaded.net, objective, self, task).run()
        made = lesson.finish(given, trained, self, task, share, (student or teacher).meta)
        return replace(made, summary={**made.summary, "student_tokens": objective.written})

    def _lesson(
        self, student: "ChatModel", teacher: "ChatModel", data: Dataset, task: Task, *, port: str
    ) -> "tuple[Lesson, int]":
        """Rows with a label, then those without, and the number of the first; BadRequest for other tokens."""
        from slmworks_torch import hf_folder
        from slmworks_torch.causal import examples, lesson, prompts, same_tokens

        most = lesson.longest_row(student, self, port=port)
        hf_folder.refuse_length(teacher.net, most, port="teacher")
        rows, free = prompts.labelled(data), prompts.unlabelled(data)
        same_tokens.require_same_prompts(teacher.chat, student.chat, [*rows, *free])
        held_out = lesson.encoded(student, examples.read(data, "validation"), "validation", most, task)
        parts = [
            lesson.encoded(student, some, split, most, task)
            for split, some in (("train", rows), ("transfer", free))
            if some
        ]
        train = examples.Examples(
            [ids for part in parts for ids in part.ids],
            [start for part in parts for start in part.starts],
            sum(part.rows for part in parts),
            sum((part.left_out for part in parts), start=parts[0].left_out.__class__()),
        )
        longest = max([*held_out.answers, *train.answers])
        return lesson.Lesson(student, train, held_out, most, longest), len(parts[0]) if rows else 0

    def _objective(self, given: "Lesson", teacher: "ChatModel", labelled: int, task: Task) -> "LiveTeacher":
        import torch
        from slmworks_torch import devices
        from slmworks_torch.causal import lesson, same_tokens
        from slmworks_torch.causal.live_objective import LiveTeacher

        device = devices.device()
        ids = same_tokens.teacher_ids(teacher.chat, given.model.chat)
        answer = self.answer_tokens or lesson.room_for(given.longest_answer, given.max_length)
        return LiveTeacher(
            asked=given.train,
            labelled=labelled,
            held_out=given.held_out,
            student=given.model,
            teacher=teacher.net.to(device).requires_grad_(requires_grad=False).eval(),
            table=None if ids is None else torch.tensor(ids, device=device),
            options=self,
            most=given.max_length,
            answer=answer,
            seed=task.seed,
        )

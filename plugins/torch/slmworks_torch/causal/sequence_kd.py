"""Distillation of a generator by the answers that its teacher writes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings
from slmworks.contract.model_task import Row
from slmworks.contract.stage import Task
from slmworks.distill import Distill
from slmworks.model_tasks.text_generation.schema_option import JsonSchema
from slmworks.teachers.ask import Budget, Question, ask
from slmworks_torch.causal.options import CausalOptions
from slmworks_torch.causal.sifting import Keep
from slmworks_torch.causal.student import StudentShape

if TYPE_CHECKING:
    from slmworks_torch.causal.sifting import Sifted


class SequenceKD(StudentShape, CausalOptions, Distill):
    """Learn from the answers that a teacher writes, to unlabelled conversations too (Kim & Rush, 2016).

    The teacher is of any format and has any tokenizer; what it has written is kept for every other student.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "teacher": ("hf", "gguf", "openai"),
        "student": ("hf",),
    }
    model_tasks: ClassVar[tuple[str, ...]] = ("text-generation",)
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-generation"
    runs_models: ClassVar[bool] = True

    samples: PositiveInt = 1
    """Answers to each conversation; more than one need a temperature."""
    temperature: NonNegativeFloat = 0.0
    """0: the teacher's likeliest token each time; else its logits are divided by it before one is drawn."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of probability, likeliest tokens first, that is drawn from (Holtzman et al., 2020)."""
    answer_tokens: PositiveInt | None = None
    """Most tokens of a teacher's answer. Default: as many as the teacher gives in service."""
    keep: Keep = "finished"
    """Which answers are learnt: `all`; `finished`: those that are not cut off, and of these `json`: JSON
    objects; `schema`: those that follow the row's schema, or else `json_schema`; `exact`: those that are the
    label, where a row has one."""
    json_schema: JsonSchema = Field(default_factory=dict)
    """JSON Schema of the answers to rows that bring none, for `keep: schema`."""
    labels: Literal["replace", "add", "keep"] = "replace"
    """`replace`: only the teacher's answers are learnt; `add`: those of the data, too; `keep`: those of the
    data where there are some, and the teacher is asked about the rows of `transfer` only."""
    budget: Budget = Budget()
    """What the teacher's answers may cost at most."""

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.samples > 1 and not self.temperature:
            raise ValueError("samples: at temperature 0 all answers are the same; set a temperature")
        if self.json_schema and self.keep != "schema":
            raise ValueError("json_schema: it is only looked at with keep: schema")
        return self

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Let the teacher answer `train` and `transfer`, sift its answers, train, choose on `validation`."""
        from slmworks_torch import training
        from slmworks_torch.causal import checks, examples, lesson, prompts
        from slmworks_torch.causal import student as students

        _require_student(teacher, student)
        training.prepare(task)
        port = "student" if student else "teacher"
        loaded = students.student_of(teacher, student, self, data, task)
        most = lesson.longest_row(loaded, self, port=port)
        labelled = prompts.labelled(data)
        held_out = lesson.encoded(loaded, examples.read(data, "validation"), "validation", most, task)
        checks.check(loaded.net, held_out, port=port)
        sifted = self._answers(teacher, self._asked(labelled, prompts.unlabelled(data)), task)
        training.prepare(task)  # the teacher's runtime may have drawn or set threads
        rows = self._learnt(labelled, sifted)
        train = lesson.encoded(loaded, rows, "train", most, task)
        given = lesson.Lesson(loaded, train, held_out, most, max(train.answers))
        share = lesson.trained_share(loaded)
        trained = lesson.learn(given, loaded.net, self, task)
        made = lesson.finish(given, trained, self, task, share, (student or teacher).meta)
        return replace(made, summary={**made.summary, **sifted.summary})

    def _asked(self, labelled: Sequence[Row], unlabelled: Sequence[Row]) -> list[Row]:
        """The rows that the teacher answers; BadRequest where there are none."""
        if self.labels != "keep":
            return [*labelled, *unlabelled]
        if not unlabelled:
            raise BadRequest(
                "labels: with `keep` the teacher is asked about the rows of `transfer` only, and the data "
                "have none; give curate an input `transfer`, or leave the option out."
            )
        return list(unlabelled)

    def _answers(self, teacher: Model, rows: Sequence[Row], task: Task) -> "Sifted":
        """The teacher's answers that are learnt; BadRequest for none, and as `ask`."""
        from slmworks_torch.causal import sifting

        schema = json.dumps(self.json_schema) if self.json_schema else ""
        if self.keep == "schema":
            sifting.require_schemas(rows, schema)
        each = [(row, number) for row in rows for number in range(self.samples)]
        asked = [self._question(row, number, task.seed) for row, number in each]
        found = ask(teacher, asked, task, budget=self.budget)
        answers = [(row, answer) for (row, _), answer in zip(each, found, strict=True)]
        sifted = sifting.sift(answers, self.keep, schema)
        task.say(sifted.line())
        return sifted

    def _question(self, row: Row, number: int, seed: int) -> Question:
        asked = {name: row[name] for name in ("messages", "schema") if row.get(name)}
        if not self.temperature:
            return Question(asked, Settings(max_tokens=self.answer_tokens))
        said = json.dumps([seed, number, row["messages"]], sort_keys=True)
        own = int.from_bytes(hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:4], "big") >> 1
        settings = Settings(
            max_tokens=self.answer_tokens, temperature=self.temperature, top_p=self.top_p, seed=own
        )
        return Question(asked, settings)

    def _learnt(self, labelled: Sequence[Row], sifted: "Sifted") -> list[Row]:
        """The teacher's answers, and the labels unless they are replaced; what both say is learnt once."""
        if self.labels == "replace":
            return sifted.rows
        known = {(repr(row["messages"]), str(row["completion"])) for row in labelled}
        new = [row for row in sifted.rows if (repr(row["messages"]), str(row["completion"])) not in known]
        return [*labelled, *new]


def _require_student(teacher: Model, student: Model | None) -> None:
    """BadRequest where there is nothing to make a student of."""
    if student is None and teacher.format != "hf":
        raise BadRequest(
            f"student: none is given, and one is made only of a teacher of format hf, not {teacher.format}, "
            "whose weights cannot be trained; give a student (from: {student: …})."
        )

"""`curate/sampled-preferences`: two models answer the same prompts, a rule says whose answer is better."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings
from slmworks.contract.stage import Task
from slmworks.curate import Curate
from slmworks.model_tasks.text_generation import measures
from slmworks.teachers.ask import Budget, Question, Written, ask
from slmworks_text.conversations import table
from slmworks_text.data_card import summary, write_card
from slmworks_text.rows import most_frequent

MODEL_TASK = "text-generation"
PAIRED = ("train", "validation")
"""Splits that become pairs."""
UNANSWERED, CUT, EMPTY, TIE = "not answered", "answer cut off", "empty answer", "tie"

Rule = Literal["teacher", "exact", "valid-json"]
Pair = tuple[str, str]
"""The better answer and the worse one."""


class CurateSampledPreferences(Curate):
    """Let `teacher` and `student` answer the prompts of `seeds`, and pair the better answer with the worse.

    For align/dpo of that student: pairs of its own mistakes teach more than others' (Tajwar et al., 2024).
    `train` and `validation` become pairs; `test` keeps its true answers, without rejected ones. Rows on
    which the rule can't decide are dropped and counted. Answers are kept in a ledger for each model, and not
    asked for again.
    """

    deterministic: ClassVar[bool] = True
    ignores: ClassVar[frozenset[str]] = frozenset({"data"})
    needs: ClassVar[frozenset[str]] = frozenset({"seeds", "teacher", "student"})
    model_tasks: ClassVar[tuple[str, ...]] = (MODEL_TASK,)
    runs_models: ClassVar[bool] = True
    depends_on: ClassVar[tuple[str, ...]] = ("jsonschema", "pyarrow")

    choose: Rule = "teacher"
    """`teacher`: its answer is always the better one. `exact`: the one that is the true answer, where the
    other isn't. `valid-json`: the one that is JSON and follows the row's schema, where the other isn't."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """How freely both answer; above 0 each row has a seed of its own."""
    max_new_tokens: PositiveInt | None = None
    """Most tokens of an answer; longer ones are cut off, and dropped. Default: as the models' headers say."""
    budget: Budget = Budget()
    """The most that each of the two may cost, runs before included."""

    def made_for(self) -> str:
        """The model task of the rows."""
        return MODEL_TASK

    def run(
        self,
        *,
        data: Files | None = None,
        seeds: Dataset | None = None,
        teacher: Model | None = None,
        student: Model | None = None,
        task: Task,
        **_: object,
    ) -> Dataset:
        """Write `<split>.parquet` for each split, and `card.json`."""
        assert seeds is not None  # the stage's ports are optional, and this plugin needs them
        assert teacher is not None
        assert student is not None
        given = {split: self._rows(seeds, split) for split in (*PAIRED, "test") if split in seeds.splits}
        dropped: Counter[str] = Counter()
        made = {}
        for split, rows in given.items():
            if split in PAIRED:
                pairs = self._pairs(rows, teacher, student, task, dropped)
                made[split] = [_with(row, pair) for row, pair in zip(rows, pairs, strict=True) if pair]
            else:
                made[split] = [_with(row, None) for row in rows]
            if not made[split]:
                raise BadRequest(self._nothing(split, len(rows), dropped))
        for split, rows in made.items():
            further = ["schema", "rejected"] if seeds.has(split, "schema") else ["rejected"]
            table.write(table.table_of(rows, further), task.output / f"{split}.parquet")
        card = {
            "rows": {"in": sum(map(len, given.values())), "out": sum(map(len, made.values()))},
            "dropped": dict(dropped),
            "changed": {},
            "splits": {split: {"rows": len(rows)} for split, rows in made.items()},
        }
        write_card(task.output, card)
        return Dataset(path=task.output, meta={"task": MODEL_TASK}, summary=summary(card))

    def _rows(self, seeds: Dataset, split: str) -> list[dict[str, Any]]:
        if seeds.meta.get("task") != MODEL_TASK:
            said = seeds.meta.get("task") or "no model task"
            raise BadRequest(
                f"seeds: it is for {said}, and prompts are those of data for {MODEL_TASK}; curate "
                "it with curate/chat."
            )
        further = ["schema"] if seeds.has(split, "schema") else []
        rows = seeds.rows(split, "id", "messages", "completion", "source", *further)
        catalog.model_task(MODEL_TASK).check(seeds, split, rows)
        return rows

    def _pairs(
        self,
        rows: Sequence[Mapping[str, Any]],
        teacher: Model,
        student: Model,
        task: Task,
        dropped: Counter[str],
    ) -> list[Pair | None]:
        """A pair for each row, or None; `dropped` counts why."""
        questions = [Question(row, self._settings(number, task.seed)) for number, row in enumerate(rows)]
        asked = {"teacher": teacher, "student": student}
        said = [ask(one, questions, task, budget=self.budget, role=role) for role, one in asked.items()]
        found: list[Pair | None] = []
        for row, ours, theirs in zip(rows, *said, strict=True):
            pair = self._pair(row, ours, theirs)
            if isinstance(pair, str):
                dropped[pair] += 1
            found.append(None if isinstance(pair, str) else pair)
        return found

    def _settings(self, number: int, seed: int) -> Settings:
        drawn = seed * 1_000_003 + number if self.temperature else None
        return Settings(max_tokens=self.max_new_tokens, temperature=self.temperature, seed=drawn)

    def _pair(self, row: Mapping[str, Any], teacher: Written | None, student: Written | None) -> Pair | str:
        """The better answer and the worse one, or the reason that there is none."""
        if teacher is None or student is None:
            return UNANSWERED
        answers = (teacher.text, student.text)
        if reason := _unfit(teacher, student):
            return reason
        right = [True, False]
        if self.choose != "teacher":
            right = [self._is_right(row, answer) for answer in answers]
        if right[0] == right[1] or measures.same(*answers):
            return TIE
        return answers if right[0] else (answers[1], answers[0])

    def _is_right(self, row: Mapping[str, Any], answer: str) -> bool:
        rule = measures.exact if self.choose == "exact" else measures.valid_json
        return rule(row, {"text": answer})[0] > 0

    def _nothing(self, split: str, rows: int, dropped: Counter[str]) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in most_frequent(dropped))
        return (
            f"seeds: none of the {rows} rows of '{split}' gives a pair ({reasons}); take another student or "
            "teacher, raise temperature or max_new_tokens, or another rule to choose by."
        )


def _unfit(*answers: Written) -> str:
    """Why nothing can be learnt from some answers; empty for nothing."""
    if any(answer.finish == "length" for answer in answers):
        return CUT
    return "" if all(answer.text.strip() for answer in answers) else EMPTY


def _with(row: Mapping[str, Any], pair: Pair | None) -> dict[str, Any]:
    better, worse = pair or (row["completion"], None)
    return {**row, "completion": better, "rejected": worse}

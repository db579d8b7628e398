"""`curate/generate`: rows for text generation that a teacher writes."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings
from slmworks.contract.ledger import Cost
from slmworks.contract.options import OptionError
from slmworks.contract.stage import Task
from slmworks.curate import Curate
from slmworks.model_tasks.text_generation.schema_option import JsonSchema
from slmworks.teachers.ask import Budget, Question, Written, ask
from slmworks.teachers.writers import MODEL_TASK, require_writer
from slmworks_text.data_card import summary, write_card
from slmworks_text.input_options import Fraction
from slmworks_text.rows import most_frequent
from slmworks_text.synthetic.novelty import Novelty
from slmworks_text.synthetic.reading import Unreadable, conversation_in, row_schema
from slmworks_text.synthetic.seeds import EXAMPLES, TOPIC, Seeds, text_of
from slmworks_text.synthetic.written import NewRow, write_beside, write_split

INSTRUCTION = """\
These are rows of a data set, one a line:
{examples}
Write one new row of the same kind, whose content and wording differ from theirs. Reply with the row as \
a JSON object and nothing else."""


class CurateGenerate(Curate):
    """Let a teacher write rows, and keep those that can be read and are new.

    It is asked with an instruction, and shown topics or training rows of `seeds` (Self-Instruct: Wang et
    al., 2023). A row it writes is a JSON object of a shape that `curate/chat` knows. Dropped and counted by
    reason: what can't be read, duplicates and near duplicates of each other and of the seeds, and what is
    like a row of validation or test. These splits stay as they are; new rows have the source `synthetic`.
    What the teacher wrote is kept in its ledger, and not asked again.
    """

    deterministic: ClassVar[bool] = True
    ignores: ClassVar[frozenset[str]] = frozenset({"data"})
    needs: ClassVar[frozenset[str]] = frozenset({"teacher"})
    model_tasks: ClassVar[tuple[str, ...]] = (MODEL_TASK,)
    runs_models: ClassVar[bool] = True
    depends_on: ClassVar[tuple[str, ...]] = ("ftfy", "jsonschema", "pyarrow", "rensa")

    rows: PositiveInt
    """New rows that are wanted; fewer, with a warning, where the teacher writes fewer that are usable."""
    instruction: str = INSTRUCTION
    """What the teacher is told; `{topic}` stands for a topic, `{examples}` for rows of `seeds`."""
    topics: tuple[str, ...] = ()
    """Topics that take turns; without them the training rows do."""
    examples: PositiveInt = 3
    """Training rows that are shown at a time."""
    json_schema: JsonSchema = Field(default_factory=dict)
    """JSON Schema that answers follow; default: that of the seeds, where all have the same one."""
    row_schema: JsonSchema = Field(default_factory=dict)
    """JSON Schema of a whole row, an object with the parts of a shape that `curate/chat` knows; default:
    an `instruction` and its `output`."""
    grammar: Literal["schema", "none"] = "schema"
    """`schema`: the teacher is held to the row's schema, token by token; `none` for those that can't be."""
    system: str = ""
    """A system turn for new rows that have none of their own."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    """How freely the teacher writes; each row has a seed of its own."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of probability, likeliest tokens first, that is drawn from."""
    max_new_tokens: PositiveInt = 512
    """Tokens of a row; longer ones are cut off, and dropped."""
    rounds: PositiveInt = 3
    """Times that the teacher is asked, after the first for what is still missing."""
    rows_per_seed: PositiveInt | None = None
    """Most new rows that one topic or training row may give."""
    near_duplicates: Annotated[float, Field(gt=0.3, le=1)] = 0.8
    """Jaccard similarity of near duplicates, answer included."""
    real: Literal["keep", "leave out"] = "keep"
    """Whether the training rows of `seeds` stay in `train`."""
    validation: Fraction = 0.1
    """Share of new rows for validation, where no `seeds` are given."""
    test: Fraction = 0.2
    """Share of new rows for the test, where no `seeds` are given."""
    budget: Budget = Budget()
    """The most that the teacher may cost, runs before included."""

    @model_validator(mode="after")
    def _places_fit(self) -> Self:
        if bool(self.topics) != (TOPIC in self.instruction):
            raise OptionError(
                ("instruction",), f"write {TOPIC} where a topic goes, and list the topics in `topics`."
            )
        return self

    def made_for(self) -> str:
        """The model task of the rows."""
        return MODEL_TASK

    def run(
        self,
        *,
        data: Files | None = None,
        seeds: Dataset | None = None,
        teacher: Model | None = None,
        task: Task,
        **_: object,
    ) -> Dataset:
        """Write `<split>.parquet` for each split, and `card.json`."""
        assert teacher is not None  # the stage's port is optional, and this plugin needs it
        self._check(seeds, teacher)
        shown = Seeds.of(self.topics, seeds)
        answers = self.json_schema or shown.schema()
        known = Novelty(
            self.near_duplicates, [text_of(row) for row in shown.rows], shown.held_out, task.scratch
        )
        made = _Made()
        for _round in range(self.rounds):
            asked = self._questions(shown, answers, made, task.seed)
            if not asked:
                break
            said = ask(teacher, [one for one, _ in asked], task, budget=self.budget)
            made.take(asked, said, json.dumps(answers) if answers else "", self, known)
        made.require_rows()
        return self._written(seeds, teacher, made, task)

    def _check(self, seeds: Dataset | None, teacher: Model) -> None:
        require_writer(teacher, "teacher")
        if self.validation + self.test >= 1:
            raise BadRequest("with: validation and test together leave nothing for train; lower one of them.")
        if seeds is None and EXAMPLES in self.instruction:
            raise BadRequest(
                f"the instruction shows {EXAMPLES}, and there are none; give `seeds`, or write an "
                f"instruction with {TOPIC}."
            )
        if seeds is not None and seeds.model_task != MODEL_TASK:
            raise BadRequest(
                f"seeds: they are for {seeds.model_task or 'no model task'}; give what curate/chat makes."
            )

    def _questions(self, shown: Seeds, answers: Any, made: "_Made", seed: int) -> list[tuple[Question, int]]:
        """Questions for the rows that are missing, each with its seed; none where no seed may give more."""
        order = random.Random(seed).sample(range(shown.number), shown.number)
        most = self.rows if self.rows_per_seed is None else self.rows_per_seed
        given = Counter(row.seed for row in made.rows)
        schema = json.dumps(self.row_schema or row_schema(answers)) if self.grammar == "schema" else ""
        found: list[tuple[Question, int]] = []
        missing, start = self.rows - len(made.rows), made.asked
        for turn in range(start, start + missing * max(1, len(order))):
            place = order[turn % len(order)]
            if len(found) == missing:
                break
            if given[place] < most:
                given[place] += 1
                found.append((self._question(shown, place, start + len(found), schema, seed), place))
        return found

    def _question(self, shown: Seeds, place: int, number: int, schema: str, seed: int) -> Question:
        drawn = int.from_bytes(hashlib.sha256(f"{seed}\0{number}".encode()).digest()[:4]) >> 1
        text = shown.asked(self.instruction, place, self.examples, random.Random(drawn))
        settings = Settings(
            max_tokens=self.max_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=drawn,
            schema=schema,
        )
        return Question({"messages": [{"role": "user", "content": text}]}, settings)

    def _written(self, seeds: Dataset | None, teacher: Model, made: "_Made", task: Task) -> Dataset:
        rows, warnings = made.rows[: self.rows], []
        if seeds is not None:
            splits = write_beside(seeds, rows, task.output, keep=self.real == "keep")
        else:
            shares = {"validation": self.validation, "test": self.test}
            splits = write_split(rows, shares, task.seed, task.output, schema=bool(self.json_schema))
            warnings.append("validation and test are synthetic too: they say nothing about real rows")
        if len(rows) < self.rows:
            warnings.append(f"{len(rows):,} of {self.rows:,} rows: the teacher wrote no more that are usable")
        for sentence in warnings:
            task.say(f"warning: {sentence}.")
        card = self._card(seeds, teacher, made, splits, len(rows))
        write_card(task.output, card | ({"warnings": warnings} if warnings else {}))
        return Dataset(
            path=task.output,
            meta={"task": MODEL_TASK},
            summary=summary({**card, "warnings": warnings}) | {"synthetic": len(rows), "asked": made.asked},
        )

    def _card(
        self, seeds: Dataset | None, teacher: Model, made: "_Made", splits: dict[str, Any], kept: int
    ) -> dict[str, Any]:
        """Rows in are those asked for and the real ones."""
        before = _card_of(seeds)
        out = sum(split["rows"] for split in splits.values())
        real = out - kept
        settings = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_new_tokens": self.max_new_tokens,
        }
        return {
            "rows": {"in": made.asked + real, "out": out},
            "dropped": dict(sorted(made.dropped.items())),
            "changed": {},
            "personal_data": {},
            "splits": splits,
            "synthetic": {
                "teacher": {"digest": teacher.digest, "format": teacher.format},
                "settings": settings,
                "instruction": self.instruction,
                "asked": made.asked,
                "kept": kept,
                "share_of_train": round(
                    splits["train"]["sources"].get("synthetic", 0) / splits["train"]["rows"], 6
                ),
                "cost": {k: v for k, v in made.cost.dump().items() if k != "seconds"},
            },
            **{name: before[name] for name in ("inputs", "licence", "licences") if name in before},
        }


@dataclass
class _Made:
    """What the teacher has written so far."""

    rows: list[NewRow] = field(default_factory=list)
    asked: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    cost: Cost = field(default_factory=Cost)
    first: str = ""
    """The beginning of the first answer that could not be read."""

    def take(
        self,
        asked: Sequence[tuple[Question, int]],
        said: Sequence[Written | None],
        answers: str,
        options: CurateGenerate,
        known: Novelty,
    ) -> None:
        """Read a round of answers, and keep what is new."""
        self.asked += len(asked)
        found: list[NewRow] = []
        for (_, seed), one in zip(asked, said, strict=True):
            self.cost += one.cost if one else Cost()
            try:
                found.append(NewRow(conversation_in(one, options.system.strip(), answers), seed))
            except Unreadable as error:
                self.dropped[str(error)] += 1
                self.first = self.first or (one.text[:60] if one else "")
        texts = [text_of(_plain(row)) for row in found]
        for row, why in zip(found, known.reasons(texts), strict=True):
            if why:
                self.dropped[why] += 1
            else:
                self.rows.append(row)

    def require_rows(self) -> None:
        """BadRequest where no row is left."""
        if self.rows:
            return
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in most_frequent(self.dropped))
        example = f"; the first that can't be read: {self.first!r}" if self.first else ""
        raise BadRequest(
            f"no row could be read, or none is new: {self.asked:,} asked for ({reasons}{example}); raise "
            "max_new_tokens or temperature, or give a teacher that follows instructions or a schema."
        )


def _plain(row: NewRow) -> dict[str, Any]:
    said = [{"role": role, "content": content} for role, content in row.conversation.messages]
    return {"messages": said, "completion": row.conversation.completion}


def _card_of(data: Dataset | None) -> dict[str, Any]:
    path = data.path / "card.json" if data else None
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path and path.exists() else {}

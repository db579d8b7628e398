"""A use-case card: a YAML file that says what a small model for one purpose is judged by.

Cards lie in `cards/`; one of a person's own is a file of the same form.
"""

from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from slmworks.contract.catalog import model_task, plugin
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.options import OptionError, configure
from slmworks.recipe.yaml_file import load, place, read_text
from slmworks_text.start.kinds import CHAT, CLASSIFIER, SEARCH, TAGGER, Kind
from slmworks_text.use_cases.example import Example

KINDS: Mapping[str, Kind] = {
    "text-classification": CLASSIFIER,
    "feature-extraction": SEARCH,
    "text-generation": CHAT,
    "token-classification": TAGGER,
}
"""Model task -> the kind of recipe that is written for it."""
Share = Annotated[float, Field(gt=0, le=1)]
Sentence = Annotated[str, Field(min_length=1)]


class Misfit(ValueError):
    """What doesn't go together in a card, and the place of it."""

    def __init__(self, where: tuple[str | int, ...], problem: str) -> None:
        """`where`: from the card's word inwards."""
        self.where = where
        super().__init__(problem)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))


class Expected(_Part):
    """What one expects of teacher and student, to plan how many test rows there must be."""

    quality: Share
    """The teacher's measure."""
    kept: Annotated[float, Field(gt=0)]
    """The share of it that the student keeps."""
    changed: Share
    """Share of the rows that one of the two answers right and the other wrong."""

    @model_validator(mode="after")
    def _adds_up(self) -> "Expected":
        wrong, loss = 1 - self.quality, self.quality * (1 - self.kept)
        if not abs(loss) <= self.changed <= 2 * wrong + loss:
            raise ValueError("changed: does not go with quality and kept; see what a run's gate says of both")
        return self


class Card(_Part):
    """What a small model for one purpose is, and what it must show."""

    title: Sentence
    """The question that it answers: `What does a customer want?`"""
    people: Sentence
    """Who asks it, and what hangs on the answer."""
    model_task: str
    measure: str
    """The number that decides; one of the model task's."""
    direction: Literal["higher", "lower"] = "higher"
    """Where better is."""
    margin: Share
    """How much worse than the teacher it may be, as a share of the teacher's measure: 0.03 keeps 97 %."""
    expected: Expected | None = None
    """None for a measure of degrees, as ROUGE-L is: rows don't change sides by it, and none are counted."""
    slices: tuple[Sentence, ...]
    """Kinds of rows to look at one by one: `label`, `source`, what a column of one's data says."""
    gate: Mapping[str, Any] = Field(default_factory=dict)
    """Further options of the gate: `slice_drop`, `minimum`, `limits`."""
    curation: Mapping[str, Any] = Field(default_factory=dict)
    """Options of the curate step that differ from what a look at a file would give."""
    expect: Mapping[str, Any] = Field(default_factory=dict)
    """What the rows must be like, or their curation is refused: `{rows: ">= 100", null: "<= 0.02"}`."""
    intended_use: Sentence
    limits: Sentence
    """What it must not be used for, and what nobody has measured."""
    example: Example
    """Made rows in the form of one's own, enough to see the line run and no more."""

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> "Card":
        if self.model_task not in KINDS:
            hint = did_you_mean(self.model_task, KINDS)
            raise Misfit(("model_task",), f"no recipe is written for {self.model_task}. {hint}")
        task = model_task(self.model_task)
        known = {one.name: one for one in task.measures}
        if self.measure not in {*known, *task.titles}:
            hint = did_you_mean(self.measure, [*known, *task.titles])
            raise Misfit(("measure",), f"'{self.measure}' is no measure of {self.model_task}. {hint}")
        if self.measure not in known and self.measure not in self.gate.get("minimum", {}):
            raise Misfit(
                ("measure",),
                f"{self.measure} is no sum over rows, so the gate compares with the teacher by "
                f"{task.measures[0].name}; say gate: {{minimum: {{{self.measure}: …}}}} too.",
            )
        higher = known[self.measure].higher_is_better if self.measure in known else True
        if (self.direction == "higher") != higher:
            raise Misfit(("direction",), f"of {self.measure} {'more' if higher else 'less'} is better.")
        for part, stage, uses, options in (
            ("intended_use", "register", "mlflow", {"name": "any", "card": self.terms}),
            ("gate", "gate", "paired-bootstrap", self.gate_options),
            ("curation", "curate", self.kind.uses, self.curation_of({})),
        ):
            try:
                configure(plugin(stage, uses).load(), uses, options)
            except OptionError as error:
                where = error.where if error.where[:1] == ("expect",) else (part, *error.where)
                raise Misfit(where, error.problem) from None
        return self

    @property
    def kind(self) -> Kind:
        """The kind of recipe that is written for it."""
        return KINDS[self.model_task]

    @property
    def retention(self) -> float:
        """The share of the teacher's measure that must be kept."""
        return round(1 - self.margin, 6)

    @property
    def deciding(self) -> str:
        """The measure that `evaluate` is told; empty where the model task's first decides anyway."""
        task = model_task(self.model_task)
        return self.measure if task.measure(self.measure) not in (None, task.measures[0]) else ""

    @property
    def gate_options(self) -> dict[str, Any]:
        """Options of the gate."""
        return {"retention": self.retention, **self.gate}

    @property
    def terms(self) -> dict[str, str]:
        """Words of the model card that a release gets."""
        return {"intended_use": self.intended_use.strip(), "limits": self.limits.strip()}

    def curation_of(self, seen: Mapping[str, Any]) -> dict[str, Any]:
        """Options of the curate step: what was seen in a file, and what the card says."""
        task = {} if self.kind is not SEARCH else {"model_task": self.model_task}
        expected = {"expect": dict(self.expect)} if self.expect else {}
        return {**task, **seen, **self.curation, **expected}

    @cached_property
    def rows_needed(self) -> int | None:
        """Test rows from which the margin is shown with 80 % chance, if it is as expected.

        None: never, or nothing is expected. Counted for right and wrong answers; for other measures it says
        about how many.
        """
        if self.expected is None:
            return None
        import numpy as np

        from slmworks.contract.model_task import share
        from slmworks.numbers.paired import Paired
        from slmworks.numbers.statistics import rows_needed

        said = self.expected
        lost = (said.changed + said.quality * (1 - said.kept)) / 2
        gained = said.changed - lost
        shares = np.array([said.quality - lost, gained, lost, 1 - said.quality - gained])
        ours, theirs = np.array([1.0, 1, 0, 0]), np.array([1.0, 0, 1, 0])
        of = share("right", "right", lambda _row, _answer: (1.0, 1.0))
        ones, rows = np.ones(4), np.round(shares * 1_000_000).astype(np.int64)
        pairs = Paired(np.stack([ours, ones], 1), np.stack([theirs, ones], 1), rows, of)
        return rows_needed(pairs, self.retention)


def card(name: str) -> Card:
    """The card of this name, or in a file; BadRequest with the place of what is wrong in it."""
    known = names()
    if name in known:
        return _read(name, (_folder() / f"{name}.yaml").read_text(encoding="utf-8"))
    if name.endswith((".yaml", ".yml")):
        return _read(name, read_text(Path(name), "card"))
    raise BadRequest(
        f"--use-case {name}: no such card. {did_you_mean(name, known)} Or name a file: my-card.yaml."
    )


def names() -> tuple[str, ...]:
    """The cards that come with this family."""
    found = (one.name for one in _folder().iterdir() if one.name.endswith(".yaml"))
    return tuple(sorted(name.removesuffix(".yaml") for name in found))


def _folder() -> Any:
    return files("slmworks_text.use_cases") / "cards"


def _read(file: str, text: str) -> Card:
    value, lines = load(text, file, "a card", needs="`title`, `model_task` and what it is judged by")
    try:
        return Card.model_validate(value)
    except ValidationError as error:
        # a word that was misspelt is missing too: the cause first
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        cause = first.get("ctx", {}).get("error")
        where = cause.where if isinstance(cause, Misfit) else tuple(first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            problem = f"no such word in a card. {did_you_mean(str(where[-1]), Card.model_fields)}"
        raise BadRequest(f"{place(file, lines, where)}: {problem}") from None

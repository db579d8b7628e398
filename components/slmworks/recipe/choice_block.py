"""A step with `candidates:` as it is written: its candidates one by one, and what is asked of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slmworks.contract.artifact import Model
from slmworks.contract.catalog import plugin
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Stage, output
from slmworks.recipe.parts import STEP, BlockReading, Part, read_part
from slmworks.recipe.recipe import CANDIDATES, NAME, Recipe, Step, read_step
from slmworks.recipe.variants import labels
from slmworks.recipe.yaml_file import Where

WORDS = ("from", CANDIDATES, "select", "finish", "measure", "speed", "gate")
SELECT = ("keep", "of", "p95_ms", "size_mb", "cpu_ms", "joules", "budget", "go_on", "risk")
CANDIDATE = ("stage", "uses", "with", "from", "seed", "sweep", "probe", "finish")
PART_WORDS = {"finish": STEP[:4], "measure": ("with", "from"), "speed": ("with",), "gate": STEP[1:4]}
PARTS = {
    "finish": ("quantize", {}),
    "measure": ("evaluate", {"uses": "quality"}),
    "speed": ("evaluate", {"uses": "speed"}),
    "gate": ("gate", {}),
}
"""Part -> its stage where it says none, and the words that it has besides those written."""
TIMED = ("p95_ms", "cpu_ms", "joules")
"""Words of `select` that reports on speed answer."""
SPARED = ("finish", "speed")
"""Parts that `false` leaves out."""


@dataclass(frozen=True)
class Candidate:
    """One way to a model."""

    name: str
    """Within the block; unique."""
    part: Part | None
    """The step that makes it; None for a model that another step makes."""
    made: str = ""
    """That step."""
    own: Mapping[str, Where] = field(default_factory=dict)
    """Option -> where it is written, if in a sweep's variant."""
    probes: tuple[Mapping[str, Any], ...] = ()
    """Options that differ in short trainings before, the first one first."""
    listed: bool = False
    """True if they are written as a list."""
    finish: Part | None = None
    """The step behind it."""

    @property
    def plugin(self) -> type[Stage] | None:
        """The plugin that makes it; None where it isn't known."""
        if self.part is None:
            return None
        try:
            return plugin(self.part.named, self.part.words.get("uses") or str(self.part.stage.default)).load()
        except BadRequest:  # said with its place when the step is planned
            return None


@dataclass(frozen=True)
class Choice:
    """A step with `candidates:`, checked."""

    name: str
    given: Mapping[str, Any]
    """Its `from`: ports that its steps take."""
    candidates: tuple[Candidate, ...]
    asked: Mapping[str, Any]
    """Its `select`, the budget as CPU-minutes."""
    parts: Mapping[str, Part]
    """`measure`, `gate`, and `speed` unless it is left out."""

    @property
    def rounds(self) -> int:
        """How often candidates are selected before they are trained to the end."""
        return max(len(one.probes) for one in self.candidates)


def read_choice(recipe: Recipe, name: str, words: Mapping[str, Any]) -> Choice:
    """The block of this name; BadRequest with its place for what can't be one."""
    return _Reading(recipe, name, words).choice()


class _Reading(BlockReading):
    def choice(self) -> Choice:
        self.require_known(self.words, WORDS, what=f"in a step with `{CANDIDATES}`")
        for word in ("from", "select"):
            if not isinstance(self.words.get(word, {}), dict):
                raise self.error(word, problem="must be a mapping.")
        parts = {word: self._part(word) for word in ("measure", "speed", "gate")}
        found = tuple(self._candidates())
        if len(found) < 2:
            raise self.error(CANDIDATES, problem="there is nothing to choose; name two at least.")
        self._check_rounds(found)
        known = {word: part for word, part in parts.items() if part is not None}
        return Choice(self.name, self.words.get("from", {}), found, self._asked(found, known), known)

    def _part(self, word: str, value: Any = None, *where: str) -> Part | None:
        """A part of the block, or of a candidate at `where`; None for one that is left out."""
        value = self.words.get(word, {}) if value is None else value
        stage, besides = PARTS[word]
        if value is False and word in SPARED:
            return None
        place = ("steps", self.name, *(where or (word,)))
        part = read_part(self.recipe, place, value, PART_WORDS[word], stage)
        return replace(part, words={**besides, **part.words})

    # --- candidates --------------------------------------------------------------------------------

    def _candidates(self) -> list[Candidate]:
        said = self.words[CANDIDATES]
        if not isinstance(said, dict) or not said:
            raise self.error(
                CANDIDATES, problem="must be a mapping of names to steps, each of which makes a model."
            )
        usual = self._part("finish") if self.words.get("finish") else None
        return [one for name, value in said.items() for one in self._of(name, value, usual)]

    def _of(self, name: str, value: Any, usual: Part | None) -> list[Candidate]:
        """The candidates of one entry: one, or one for each variant of its sweep."""
        if not NAME.fullmatch(name):
            raise self.error(
                CANDIDATES, name, problem="a name has letters, digits, - and _, beginning with a letter."
            )
        if isinstance(value, str):
            return [Candidate(name, None, value)]
        where: Where = ("steps", self.name, CANDIDATES, name)
        part = read_part(self.recipe, where, value, CANDIDATE, name)
        if not issubclass(made := output(part.stage), Model):
            raise self.error(
                CANDIDATES,
                name,
                problem=f"{part.named} makes a {made.kind}, and a candidate is a model; take another stage.",
            )
        said = value.get("probe", [])
        probes, listed = self._probes(name, said), isinstance(said, list)
        finish = usual
        if "finish" in value:
            finish = self._part("finish", value["finish"], CANDIDATES, name, "finish")
        words = {word: value[word] for word in CANDIDATE[:6] if word in value}
        step = read_step(self.name, words, replace(self.recipe, places={self.name: {(): where}}))
        plain = {word: words[word] for word in words if word != "sweep"}
        if not step.sweep:
            return [Candidate(name, replace(part, words=plain), probes=probes, listed=listed, finish=finish)]
        return [
            Candidate(
                f"{name}_{label}",
                replace(
                    part, words={**plain, **variant, "with": {**step.options, **variant.get("with", {})}}
                ),
                own={one: (*where, "sweep", index, "with", one) for one in variant.get("with", {})},
                probes=probes,
                listed=listed,
                finish=finish,
            )
            for index, (label, variant) in enumerate(zip(_names(step), step.sweep, strict=True))
        ]

    def _probes(self, name: str, said: Any) -> tuple[Mapping[str, Any], ...]:
        """One mapping of options a round."""
        rounds = said if isinstance(said, list) else [said]
        if not all(isinstance(one, dict) and one for one in rounds):
            raise self.error(
                CANDIDATES,
                name,
                "probe",
                problem="must be the options of a shorter training, {epochs: 1}, or a list of them.",
            )
        return tuple(rounds)

    def _check_rounds(self, found: Sequence[Candidate]) -> None:
        probed = [one for one in found if one.probes]
        counts = {len(one.probes) for one in probed}
        if len(counts) > 1:
            few, many = min(probed, key=_rounds), max(probed, key=_rounds)
            raise self.error(
                CANDIDATES,
                problem=f"{few.name} is probed {_rounds(few)} times and {many.name} {_rounds(many)} times; "
                "let all be probed as often.",
            )
        if len(probed) == 1:
            raise self.error(
                CANDIDATES, problem=f"only {probed[0].name} has a `probe`, and there is none to select among."
            )

    # --- what is asked -----------------------------------------------------------------------------

    def _asked(self, found: Sequence[Candidate], parts: Mapping[str, Part]) -> dict[str, Any]:
        asked = dict(self.words.get("select", {}))
        self.require_known(asked, SELECT, "select")
        for word in TIMED:
            if word in asked and "speed" not in parts:
                raise self.error(
                    "select", word, problem="with `speed: false` nothing is timed; remove one of the two."
                )
        self._check_of(asked)
        if not any(one.probes for one in found):
            for word in ("budget", "go_on", "risk"):
                if word in asked:
                    raise self.error(
                        "select",
                        word,
                        problem="no candidate has a `probe`, so none is stopped early; add "
                        "`probe: {epochs: 1}`, or remove this.",
                    )
        if "budget" in asked:
            asked["budget"] = self._minutes(asked["budget"])
        return asked

    def _check_of(self, asked: Mapping[str, Any]) -> None:
        """BadRequest unless one model is named of which enough must be kept."""
        given = self.words.get("from", {})
        if "of" not in asked and not {"teacher", "baseline"} & given.keys():
            raise self.error(
                "select", problem="say of which model enough must be kept: `of: teacher`, with a step's name."
            )
        if not isinstance(asked.get("of", ""), str):
            raise self.error("select", "of", problem="must name the step that makes the model.")
        if "of" in asked and "baseline" in given:
            raise self.error(
                "select",
                "of",
                problem=f"enough must be kept of what '{given['baseline']}', the `baseline` in `from`, "
                "is about; remove one of the two.",
            )

    def _minutes(self, said: Any) -> Any:
        if not isinstance(said, dict) or said.keys() != {"cpu_minutes"}:
            raise self.error("select", "budget", problem="must be CPU-minutes: {cpu_minutes: 60}.")
        return said["cpu_minutes"]


def _rounds(one: Candidate) -> int:
    return len(one.probes)


def _names(step: Step) -> list[str]:
    """The labels of a sweep, as far as a step's name allows; numbers where they are long."""
    found = [label.replace("=", "-").replace(",", "_").replace(".", "-") for label in labels(step)]
    short = len(set(found)) == len(found) and all(len(one) <= 24 for one in found)
    return found if short else [str(number + 1) for number in range(len(found))]

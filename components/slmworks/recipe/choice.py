"""Candidates of every kind judged under one budget, written out as plain steps before anything is planned.

    choice:
      from: {teacher: teacher, data: curate}
      candidates:
        layers:
          stage: distill
          with: {epochs: 8}
          sweep: [{with: {layers: [0]}}, {with: {layers: [0, 2, 5]}}]
          probe: {epochs: 1}
        words: {stage: finetune, uses: linear}
      finish: {stage: quantize, uses: onnx-dynamic}
      select: {keep: 0.98, of: teacher, p95_ms: 5, size_mb: 20, budget: {cpu_minutes: 60}}

makes a short training of each candidate with a `probe`, a selection, the rest of the training for those that
go on, reports on quality and speed, and the gate `choice`, whose verdict a later step reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.contract.catalog import stage_class
from slmworks.recipe.choice_block import Candidate, Choice, read_choice
from slmworks.recipe.parts import Part
from slmworks.recipe.recipe import CANDIDATES, Recipe
from slmworks.recipe.step_writer import PROBED, StepWriter
from slmworks.recipe.yaml_file import Where

LIMITS = {
    "keep": "retention",
    "p95_ms": "p95_ms",
    "size_mb": "size_mb",
    "cpu_ms": "cpu_ms",
    "joules": "joules",
}
"""Word of `select` -> option of the gate."""
WORK = ("epochs", "steps", "max_steps")
"""Options that a training takes in proportion as long."""
STOPPING = {"go_on": "keep", "risk": "risk", "budget": "budget"}
"""Word of `select` -> option of a selection."""


def write_choice(recipe: Recipe, name: str, words: Mapping[str, Any]) -> Recipe:
    """The recipe with the plain steps of this step with `candidates:`; BadRequest names its place."""
    choice = read_choice(recipe, name, words)
    return _Writing(choice, StepWriter(recipe, name, CANDIDATES, choice.given)).added()


@dataclass
class _Writing:
    choice: Choice
    writer: StepWriter

    def added(self) -> Recipe:
        choice = self.choice
        models = {one.name: self._grown(one) for one in choice.candidates}
        baseline = self._baseline()
        reports = [
            self._judged(name, model, baseline, word)
            for word in ("measure", "speed")
            if word in choice.parts
            for name, model in models.items()
        ]
        options, at = self._renamed(LIMITS)
        gate = choice.parts["gate"]
        for option in gate.words.get("with", {}):
            if option in options:
                said = next(word for word, named in LIMITS.items() if named == option)
                raise self.writer.error(
                    choice.name, "gate", "with", option, problem=f"say it in `select: {{{said}: …}}`."
                )
        self.writer.step(choice.name, gate, {**choice.given, "reports": reports}, options, at=at)
        return self.writer.added()

    def _called(self, *parts: str) -> str:
        return "_".join([self.choice.name, *parts])

    def _renamed(self, names: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Where]]:
        """What is said in `select`, as options of another step, and where each is written."""
        said = {word: names[word] for word in names if word in self.choice.asked}
        return (
            {option: self.choice.asked[word] for word, option in said.items()},
            {option: ("steps", self.choice.name, "select", word) for word, option in said.items()},
        )

    # --- candidates --------------------------------------------------------------------------------

    def _grown(self, one: Candidate) -> str:
        """The step that makes a candidate as it would ship."""
        if one.part is None:
            return one.made
        name = self._called(one.name)
        model = self._trained(one, one.part, name if one.finish is None else f"{name}_full")
        if one.finish is None:
            return model
        return self.writer.step(name, one.finish, {**self._inputs(), "model": model})

    def _trained(self, one: Candidate, part: Part, name: str) -> str:
        own = {option: part.words["with"][option] for option in one.own}
        if not one.probes:
            return self.writer.step(name, part, self._inputs(), own, at=one.own)
        before = self._probed(one, part, self.choice.rounds)
        return self._going_on(one, part, name, before, {})

    def _probed(self, one: Candidate, part: Part, number: int) -> str:
        """The short training before the selection of this number, from 1."""
        name = self._called(one.name, _numbered("probe", number))
        options = one.probes[number - 1]
        if number > 1:
            return self._going_on(one, part, name, self._probed(one, part, number - 1), options, number - 1)
        at = {**one.own, **self._places(one, options, 0)}
        return self.writer.step(name, part, self._inputs(), options, at=at)

    def _going_on(
        self,
        one: Candidate,
        part: Part,
        name: str,
        before: str,
        options: Mapping[str, Any],
        selected: int | None = None,
    ) -> str:
        """A training that goes on from `before`, for candidates that the selection of this number lets."""
        number = self.choice.rounds if selected is None else selected
        plugin = one.plugin
        shaping = plugin.of_new if plugin else frozenset()
        said = {key: value for key, value in part.words.get("with", {}).items() if key not in shaping}
        going_on = next((port for port in ("student", "model") if port in part.ports), "")
        if not going_on:
            problem = (
                f"{part.words.get('uses')} can't go on with a model that it is given; leave `probe` out."
            )
            raise self.writer.error(self.choice.name, *part.where[2:], "probe", problem=problem)
        given = {port: maker for port, maker in part.words.get("from", {}).items() if port != going_on}
        rest = Part({**part.words, "with": said, "from": given}, part.where, part.stage, part.named)
        at = {key: place for key, place in one.own.items() if key in said}
        return self.writer.step(
            name,
            rest,
            {**self._inputs(), going_on: before},
            options,
            at={**at, **self._places(one, options, number - 1)},
            when=self._select(number),
        )

    def _places(self, one: Candidate, options: Mapping[str, Any], index: int) -> dict[str, Where]:
        assert one.part
        where = (*one.part.where, "probe", *([index] if one.listed else []))
        return {option: (*where, option) for option in options}

    # --- selections --------------------------------------------------------------------------------

    def _select(self, number: int) -> str:
        """The step that selects for the time of this number, written at the first call."""
        name = self._called(_numbered("select", number))
        if name in self.writer.steps:
            return name
        probed = [(one, one.part) for one in self.choice.candidates if one.probes and one.part]
        measure = self.choice.parts["measure"]
        reports = [
            self.writer.step(
                self._called(one.name, _numbered("probe", number), "quality"),
                measure,
                {**self.choice.given, "model": self._probed(one, part, number)},
                PROBED,
            )
            for one, part in probed
        ]
        options, at = self._renamed(STOPPING)
        if number > 1:
            options = {option: value for option, value in options.items() if option != "budget"}
        elif "budget" in options:
            factors = [self._dearer(one) for one, _ in probed]
            one_for_all = len(set(factors)) == 1
            options |= {"whole": True, "dearer": factors[0] if one_for_all else factors}
        where: Where = ("steps", self.choice.name, "select")
        part = Part({"with": {"among": "no-larger", **options}}, where, stage_class("select"), "select")
        return self.writer.write(name, part, {"reports": reports}, at=at)

    def _dearer(self, one: Candidate) -> float:
        """How many times as long as its first probe the rest of a candidate's training takes."""
        if one.plugin and one.probes[0].keys() - one.plugin.model_fields.keys():
            return 1.0  # said with its place when the step is planned
        for option in WORK:
            counts = [*(probe.get(option) for probe in one.probes), self._full(one, option)]
            if all(isinstance(count, int | float) and count > 0 for count in counts):
                return float(sum(counts[1:]) / counts[0])
        raise self.writer.error(
            self.choice.name,
            "select",
            "budget",
            problem=f"nobody can say how much longer than its probe {one.name} is trained; let the probe "
            f"say {' or '.join(f'`{option}`' for option in self._work(one))}, or remove the budget.",
        )

    @staticmethod
    def _work(one: Candidate) -> Sequence[str]:
        """The options that scale a candidate's training, as far as they are known."""
        return [option for option in WORK if not one.plugin or option in one.plugin.model_fields] or WORK

    def _full(self, one: Candidate, option: str) -> Any:
        assert one.part
        field = one.plugin.model_fields.get(option) if one.plugin else None
        return one.part.words.get("with", {}).get(option, field.default if field else None)

    # --- reports -----------------------------------------------------------------------------------

    def _inputs(self) -> dict[str, Any]:
        """What the block gives to each of its steps; calibration is on its data, if on nothing else."""
        given = dict(self.choice.given)
        if "data" in given:
            given.setdefault("calibration", given["data"])
        given.pop("baseline", None)
        return given

    def _baseline(self) -> str:
        """The report on the model of which enough must be kept."""
        given = self.choice.given
        if "baseline" in given:
            self.writer.read.add("baseline")
            return str(given["baseline"])
        model = self.choice.asked.get("of", given.get("teacher"))
        name = self.writer.step(
            self._called("baseline"), self.choice.parts["measure"], {**given, "model": model}
        )
        if "of" in self.choice.asked:
            said: Where = ("steps", self.choice.name, "select", "of")
            self.writer.places[name] = {**self.writer.places[name], ("from", "model"): said}
        return name

    def _judged(self, name: str, model: str, baseline: str, word: str) -> str:
        kind = "quality" if word == "measure" else word
        return self.writer.step(
            self._called(name, kind),
            self.choice.parts[word],
            {**self.choice.given, "model": model, "baseline": baseline},
        )


def _numbered(word: str, number: int) -> str:
    """The word, with its number from the second on."""
    return word if number == 1 else f"{word}{number}"

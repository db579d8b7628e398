"""Plain steps of the parts of a step that stands for many."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.recipe.parts import Part
from slmworks.recipe.recipe import NAME, Recipe, Step, read_step
from slmworks.recipe.yaml_file import Where

PROBED = {"splits": ["validation"], "trivial": False, "details": False, "slices": False}
"""Options of `evaluate/quality` where only a selection reads the report."""


@dataclass
class StepWriter:
    """Writes the steps of one block, and keeps where their words are written."""

    recipe: Recipe
    block: str
    """The block's name."""
    word: str
    """The block's word for what it tries."""
    given: Mapping[str, Any]
    """Its `from`."""
    read: set[str] = field(default_factory=set)
    """Ports of it that some step takes."""
    steps: dict[str, Step] = field(default_factory=dict)
    words: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    places: dict[str, Mapping[Where, Where]] = field(default_factory=dict)

    def error(self, *where: str | int, problem: object) -> BadRequest:
        """A BadRequest at a place among the recipe's steps."""
        return BadRequest(f"{self.recipe.at('steps', *where)}: {problem}")

    def added(self) -> Recipe:
        """The recipe with the steps; BadRequest for a port of the block's `from` that none of them takes."""
        if unread := [port for port in self.given if port not in self.read]:
            raise self.error(
                self.block, "from", unread[0], problem="none of the steps that it makes takes it; remove it."
            )
        return replace(
            self.recipe,
            steps={**self.recipe.steps, **self.steps},
            places={**self.recipe.places, **self.places},
        )

    def step(
        self,
        name: str,
        part: Part,
        given: Mapping[str, Any],
        changed: Mapping[str, Any] | None = None,
        *,
        at: Mapping[str, Where] | None = None,
        when: str | None = None,
    ) -> str:
        """Write a step that takes what it can of what is `given`, beside its own `from`; its name.

        `changed`: options that differ from the part's; `at`: option -> where one is written, if elsewhere.
        """
        takes = part.ports
        self.read.update(port for port in takes if port in self.given)
        inputs = {port: given[port] for port in takes if port in given} | part.words.get("from", {})
        return self.write(name, part, inputs, changed, at=at, when=when)

    def write(
        self,
        name: str,
        part: Part,
        inputs: Mapping[str, Any],
        changed: Mapping[str, Any] | None = None,
        *,
        at: Mapping[str, Where] | None = None,
        when: str | None = None,
    ) -> str:
        """Write a step with these inputs; its name. BadRequest for a name that is taken, or too long."""
        if name in self.recipe.steps or (name in self.recipe.blocks and name != self.block):
            raise self.error(name, problem=f"'{self.block}' makes a step of this name; rename one of them.")
        if not NAME.fullmatch(name):
            raise self.error(
                self.block,
                problem=f"would make a step '{name}', longer than 63 letters; take shorter names.",
            )
        words = {
            **{word: part.words[word] for word in ("uses", "seed", "sweep") if word in part.words},
            "stage": part.named,
            "from": dict(inputs),
            "with": {**part.words.get("with", {}), **(changed or {})},
            **({"when": when} if when else {}),
        }
        if name in self.steps:
            if words != self.words[name]:
                problem = f"two of its steps would be called '{name}'; rename one of its parts."
                raise self.error(self.block, self.word, problem=problem)
            return name  # what several of them begin with
        self.words[name] = words
        self.places[name] = self._places(part, at or {})
        self.steps[name] = read_step(name, words, replace(self.recipe, places=self.places))
        return name

    def _places(self, part: Part, at: Mapping[str, Where]) -> dict[Where, Where]:
        """Where the words of a step are written: its part's, with ports and changed options elsewhere."""
        return {
            (): part.where,
            ("from",): ("steps", self.block, "from"),
            **{("from", port): (*part.where, "from", port) for port in part.words.get("from", {})},
            **{("with", option): place for option, place in at.items()},
        }

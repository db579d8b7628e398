"""Parts of a step that stands for many: steps without a name, checked where they are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.contract.catalog import plugin, stage_class
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.stage import Stage, ports
from slmworks.recipe.recipe import Recipe
from slmworks.recipe.yaml_file import Where

STEP = ("stage", "uses", "with", "from", "sweep")
"""Words of a part."""


@dataclass(frozen=True)
class Part:
    """What comes between and behind others: a step without its name."""

    words: Mapping[str, Any]
    where: Where
    """Its place in the file."""
    stage: type[Stage]
    named: str
    """The stage's name."""

    @property
    def branches(self) -> int:
        """How many variants its sweep has; 1 without one."""
        return len(self.words.get("sweep", [{}]))

    @property
    def ports(self) -> list[str]:
        """Ports of its stage that some variant of it takes; all of them where its plugin isn't known."""
        variants = self.words.get("sweep") or [{}]
        named = [one.get("uses", self.words.get("uses", self.stage.default)) for one in variants]
        try:
            known = [plugin(self.named, one).load() if one else self.stage for one in named]
        except BadRequest:  # said with its place when the step is planned
            known = [self.stage]
        return [port for port in ports(self.stage) if any(port in ports(one) for one in known)]


@dataclass(frozen=True)
class BlockReading:
    """A step that stands for many, while it is read."""

    recipe: Recipe
    name: str
    words: Mapping[str, Any]

    def error(self, *where: str | int, problem: object) -> BadRequest:
        """A BadRequest at a place within the step."""
        return BadRequest(f"{self.recipe.at('steps', self.name, *where)}: {problem}")

    def require_known(
        self, words: Mapping[str, Any], known: Sequence[str], *where: str | int, what: str = "here"
    ) -> None:
        """BadRequest for a word at `where` that isn't known; `what`: where in words, for the error."""
        for word in words:
            if word not in known:
                raise self.error(*where, word, problem=f"no such word {what}. {did_you_mean(word, known)}")


def read_part(recipe: Recipe, where: Where, value: Any, known: Sequence[str], stage: str) -> Part:
    """The part at a place of a recipe; BadRequest for what can't be one.

    `known`: the words that it may have; `stage`: its stage where it says none.
    """

    def error(*further: str | int, problem: object) -> BadRequest:
        return BadRequest(f"{recipe.at(*where, *further)}: {problem}")

    if not isinstance(value, dict):
        raise error(problem=f"must be a mapping of {', '.join(known)}.")
    if strange := [word for word in value if word not in known]:
        raise error(strange[0], problem=f"no such word here. {did_you_mean(strange[0], known)}")
    if wrong := [word for word in ("with", "from") if not isinstance(value.get(word, {}), dict)]:
        raise error(wrong[0], problem="must be a mapping.")
    sweep = value.get("sweep", [{}])
    if not isinstance(sweep, list) or not all(isinstance(one, dict) for one in sweep):
        raise error("sweep", problem="must be a list of variants, such as [{with: {keep: 3}}].")
    for word in ("stage", "uses"):
        if not all(isinstance(one.get(word, ""), str) for one in (value, *sweep)):
            raise error(word, problem="must be a name.")
    named = value.get("stage", stage)
    try:
        return Part(value, where, stage_class(named), named)
    except BadRequest as problem:
        raise error(problem=f"{problem} Say which stage it is: `stage: …`.") from None

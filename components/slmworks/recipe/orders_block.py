"""A step with `orders:` as it is written: its parts, and the orders that it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import perm, prod
from typing import Any

from slmworks.contract.artifact import Artifact, Model
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.stage import output
from slmworks.recipe.parts import STEP, BlockReading, Part, read_part
from slmworks.recipe.recipe import NAME, ORDERS, Recipe

WORDS = ("from", ORDERS, "only", "heal", "probe", "measure", "select", "finish")
PART_WORDS = {"heal": STEP[:4], "probe": ("with",), "measure": STEP[:4], "select": STEP[:3], "finish": STEP}
"""Words of each part; an operation has those of `finish`."""
STAGES = {"measure": "evaluate", "select": "select"}
"""Stages of parts that need not say theirs."""
MOST = 64
"""Candidates of one block."""

Order = tuple[str, ...]
"""Names of operations, the first one first."""


@dataclass(frozen=True)
class Block:
    """A step with `orders:`, checked."""

    name: str
    given: Mapping[str, Any]
    """Its `from`: `model`, where every order begins, and what its steps read besides."""
    operations: Mapping[str, Part]
    orders: tuple[Order, ...]
    parts: Mapping[str, Part]
    """`heal`, `measure`, `select`, `finish`, as far as they are there."""
    probe: Mapping[str, Any] | None
    """Options of a short healing that differ from those of `heal`."""


def read_block(recipe: Recipe, name: str, words: Mapping[str, Any]) -> Block:
    """The block of this name; BadRequest with its place for what can't be one."""
    return _Reading(recipe, name, words).block()


class _Reading(BlockReading):
    def block(self) -> Block:
        self.require_known(self.words, WORDS, what=f"in a step with `{ORDERS}`")
        operations = {
            name: self._operation(name, value)
            for name, value in self._mapping(ORDERS, rule="must be a mapping of names to operations").items()
        }
        if not operations:
            raise self.error(ORDERS, problem="there are no operations; name at least one.")
        if not isinstance(self._mapping("from", rule="must say `model:`").get("model"), str):
            raise self.error("from", problem="must say `model:`, the one model where every order begins.")
        parts = {
            word: self._part(self.words[word], word)
            for word in PART_WORDS
            if word in self.words and word != "probe"
        }
        self._check_belonging()
        found = self._orders(operations)
        self._check_count(found, operations, parts)
        return Block(self.name, self.words["from"], operations, found, parts, self._probe())

    def _mapping(self, *where: str, rule: str) -> dict[str, Any]:
        value: Any = self.words
        for word in where:
            value = value.get(word)
        if isinstance(value, dict):
            return value
        raise self.error(*where, problem=f"{rule}.")

    # --- parts -------------------------------------------------------------------------------------

    def _operation(self, name: str, value: Any) -> Part:
        if not NAME.fullmatch(name):
            raise self.error(
                ORDERS, name, problem="a name has letters, digits, - and _, beginning with a letter."
            )
        return self._part(value, ORDERS, name)

    def _part(self, value: Any, *where: str) -> Part:
        known = PART_WORDS.get(where[0], STEP)
        place = ("steps", self.name, *where)
        part = read_part(self.recipe, place, value, known, STAGES.get(where[0], where[-1]))
        self._check_made(output(part.stage), part.named, *where)
        return part

    def _check_made(self, made: type[Artifact], stage: str, *where: str) -> None:
        if where[0] not in STAGES and not issubclass(made, Model):
            raise self.error(
                *where, problem=f"{stage} makes a {made.kind}, and here a model is made; take another stage."
            )

    def _probe(self) -> Mapping[str, Any] | None:
        if "probe" not in self.words:
            return None
        said = self._mapping(
            "probe", rule="must be a mapping with the options that differ: `{with: {epochs: 1}}`"
        )
        if said.keys() != {"with"} or not isinstance(said["with"], dict):
            raise self.error(
                "probe", problem="has only `with`, the options that differ: `{with: {epochs: 1}}`."
            )
        return said["with"]

    def _check_belonging(self) -> None:
        for part, needed in (("probe", "heal"), ("probe", "select"), ("measure", "select")):
            if part in self.words and needed not in self.words:
                raise self.error(
                    part, problem=f"there is no `{needed}:` that it belongs to; add it, or remove this."
                )
        if "select" in self.words and not {"probe", "finish"} & self.words.keys():
            raise self.error(
                "select",
                problem="nothing comes behind it; add `finish:`, or `probe:` (a short healing before it).",
            )

    # --- orders ------------------------------------------------------------------------------------

    def _orders(self, operations: Mapping[str, Part]) -> tuple[Order, ...]:
        names = tuple(operations)
        if "only" in self.words:
            return self._listed(names)
        count = sum(perm(len(names), length) for length in range(1, len(names) + 1))
        if count > MOST:  # before they are written down: ten operations have ten million
            raise self._too_many(f"{len(names)} operations have {count:,} orders")
        lengths = range(1, len(names) + 1)
        return tuple(order for length in lengths for order in permutations(names, length))

    def _listed(self, names: Sequence[str]) -> tuple[Order, ...]:
        only = self.words["only"]
        if not isinstance(only, list) or not only or not all(isinstance(one, list) and one for one in only):
            raise self.error("only", problem=f"must be a list of orders, such as [[{', '.join(names)}]].")
        for index, order in enumerate(only):
            for one in order:
                if one not in names:
                    raise self.error(
                        "only", index, problem=f"no operation '{one}'. {did_you_mean(str(one), names)}"
                    )
            if len(set(order)) < len(order):
                raise self.error(
                    "only", index, problem=f"names an operation twice; give it two names in `{ORDERS}`."
                )
        return tuple(dict.fromkeys(map(tuple, only)))

    def _check_count(
        self, orders: Sequence[Order], operations: Mapping[str, Part], parts: Mapping[str, Part]
    ) -> None:
        finishes = parts["finish"].branches if "finish" in parts else 1
        count = finishes * sum(prod(operations[one].branches for one in order) for order in orders)
        if count > MOST:
            raise self._too_many(f"{len(orders)} orders with their amounts are {count:,} candidates")

    def _too_many(self, what: str) -> BadRequest:
        way = "try fewer operations or amounts, or list the orders that are worth it: `only: [[a, b], [b]]`."
        return self.error(ORDERS, problem=f"{what}, and {MOST} are the most; {way}")

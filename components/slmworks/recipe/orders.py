"""Orders: operations on a model in every order, written out as plain steps before anything is planned.

    small:
      from: {model: teacher, data: curate}
      orders:
        cut: {stage: prune, uses: layers, sweep: [{with: {keep: 4}}, {with: {keep: 3}}]}
        thin: {stage: factorize, uses: svd, with: {budget: 0.8}}
      heal: {stage: distill, uses: logit-kd}
      finish: {stage: quantize, uses: onnx-dynamic}

makes the steps `small_cut`, `small_thin`, `small_cut_thin` and `small_thin_cut`, and those that lead to them.
What several orders begin with is made once. `small` stands for all of them, as a step with a sweep does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slmworks.contract.catalog import plugin, stage_class
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import ports
from slmworks.recipe.orders_block import Block, Order, Part, read_block
from slmworks.recipe.recipe import NAME, ORDERS, Recipe, Step, read_step
from slmworks.recipe.yaml_file import Where


def written_out(recipe: Recipe) -> Recipe:
    """The recipe with plain steps in the place of each step with `orders:`; BadRequest names its place."""
    for name, words in recipe.orders.items():
        recipe = _Writing(recipe, read_block(recipe, name, words)).added()
    return replace(recipe, orders={}) if recipe.orders else recipe


@dataclass
class _Writing:
    recipe: Recipe
    block: Block
    steps: dict[str, Step] = field(default_factory=dict)
    words: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    places: dict[str, Mapping[Where, Where]] = field(default_factory=dict)
    read: set[str] = field(default_factory=lambda: {"model"})
    """Ports of the block's `from` that some step takes."""

    def added(self) -> Recipe:
        block = self.block
        if "select" in block.parts:
            self._select()
        candidates = {"_".join(order): self._candidate(order) for order in block.orders}
        if unread := [port for port in block.given if port not in self.read]:
            raise self._error(
                block.name, "from", unread[0], problem="none of the steps that it makes takes it; remove it."
            )
        return replace(
            self.recipe,
            steps={**self.recipe.steps, **self.steps},
            places={**self.recipe.places, **self.places},
            gathered={**self.recipe.gathered, block.name: candidates},
        )

    def _error(self, *where: str, problem: object) -> BadRequest:
        return BadRequest(f"{self.recipe.at('steps', *where)}: {problem}")

    # --- chains ------------------------------------------------------------------------------------

    def _called(self, order: Order, part: str = "") -> str:
        """The name of an order's step; of its candidate without a part."""
        return "_".join([self.block.name, *order, *([part] if part else [])])

    def _grown(self, order: Order) -> str:
        """The step behind an order's operations, each of them healed; with a probe only for a while."""
        before = self._grown(order[:-1]) if order[1:] else str(self.block.given["model"])
        operation, parts = self.block.operations[order[-1]], self.block.parts
        is_last = "heal" not in parts and "finish" not in parts
        made = self._step(self._called(order, "" if is_last else operation.named), operation, before)
        if self.block.probe is not None:
            return self._step(self._called(order, "probe"), parts["heal"], made, self.block.probe)
        if "heal" in parts:
            return self._step(self._called(order, "heal" if "finish" in parts else ""), parts["heal"], made)
        return made

    def _candidate(self, order: Order) -> str:
        """The step that an order ends in; behind a selection it is made of what goes on."""
        last, parts = self._grown(order), self.block.parts
        if self.block.probe is not None:
            last = self._step(
                self._called(order, "heal" if "finish" in parts else ""), parts["heal"], last, selected=True
            )
        if "finish" in parts:
            last = self._step(self._called(order), parts["finish"], last, selected="select" in parts)
        return last

    def _select(self) -> None:
        """The reports of all orders, and the step that selects by them."""
        measure = self.block.parts.get("measure") or self._usual_measure()
        reports = [
            self._step(self._called(order, "measure"), measure, self._grown(order))
            for order in self.block.orders
        ]
        self._write(f"{self.block.name}_select", self.block.parts["select"], {"reports": reports})

    def _usual_measure(self) -> Part:
        """Quality on what candidates are chosen on, and of them alone."""
        words = {"uses": "quality", "with": {"splits": ["validation"], "trivial": False}}
        return Part(words, ("steps", self.block.name, "select"), stage_class("evaluate"), "evaluate")

    # --- steps -------------------------------------------------------------------------------------

    def _step(
        self,
        name: str,
        part: Part,
        model: str,
        options: Mapping[str, Any] | None = None,
        *,
        selected: bool = False,
    ) -> str:
        """A step through which the model goes on, with what else it takes of the block's `from`; its name."""
        takes = _ports_of(part)
        going_on = "student" if "student" in takes else "model"
        given = {"teacher": self.block.given["model"], **self.block.given, going_on: model}
        inputs = {port: given[port] for port in takes if port in given} | part.words.get("from", {})
        self.read.update(port for port in takes if port in self.block.given)
        return self._write(name, part, inputs, options or {}, selected=selected)

    def _write(
        self,
        name: str,
        part: Part,
        inputs: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
        *,
        selected: bool = False,
    ) -> str:
        if name in self.recipe.steps or name in self.recipe.orders:
            raise self._error(
                name, problem=f"'{self.block.name}' makes a step of this name; rename one of them."
            )
        if not NAME.fullmatch(name):
            raise self._error(
                self.block.name,
                problem=f"would make a step '{name}', longer than 63 letters; take shorter names.",
            )
        changed = options or {}
        words = {
            **{word: part.words[word] for word in ("uses", "sweep") if word in part.words},
            "stage": part.named,
            "from": dict(inputs),
            "with": {**part.words.get("with", {}), **changed},
            **({"when": f"{self.block.name}_select"} if selected else {}),
        }
        if name in self.steps:
            if words != self.words[name]:
                raise self._error(
                    self.block.name,
                    ORDERS,
                    problem=f"two of its steps would be called '{name}'; rename an operation.",
                )
            return name  # what another order begins with
        self.words[name] = words
        self.places[name] = self._places(part, changed)
        self.steps[name] = read_step(name, words, replace(self.recipe, places=self.places))
        return name

    def _places(self, part: Part, changed: Mapping[str, Any]) -> dict[Where, Where]:
        """Where the words of a step are written: its part's, with ports and changed options elsewhere."""
        top: Where = ("steps", self.block.name)
        own = part.words.get("from", {})
        return {
            (): part.where,
            ("from",): (*top, "from"),
            **{("from", port): (*part.where, "from", port) for port in own},
            **{("with", option): (*top, "probe", "with", option) for option in changed},
        }


def _ports_of(part: Part) -> list[str]:
    """Ports of a part's stage that some variant of it takes; all of them where its plugin isn't known."""
    variants = part.words.get("sweep") or [{}]
    named = [one.get("uses", part.words.get("uses", part.stage.default)) for one in variants]
    try:
        known = [plugin(part.named, one).load() if one else part.stage for one in named]
    except BadRequest:  # said with its place when the step is planned
        known = [part.stage]
    return [port for port in ports(part.stage) if any(port in ports(one) for one in known)]

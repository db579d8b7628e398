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
from dataclasses import dataclass, replace
from typing import Any

from slmworks.contract.catalog import stage_class
from slmworks.recipe.orders_block import Block, Order, read_block
from slmworks.recipe.parts import Part
from slmworks.recipe.recipe import ORDERS, Recipe
from slmworks.recipe.step_writer import PROBED, StepWriter


def write_orders(recipe: Recipe, name: str, words: Mapping[str, Any]) -> Recipe:
    """The recipe with the plain steps of this step with `orders:`; BadRequest names its place."""
    block = read_block(recipe, name, words)
    return _Writing(block, StepWriter(recipe, name, ORDERS, block.given, {"model"})).added()


@dataclass
class _Writing:
    block: Block
    writer: StepWriter

    def added(self) -> Recipe:
        block = self.block
        if "select" in block.parts:
            self._select()
        candidates = {"_".join(order): self._candidate(order) for order in block.orders}
        recipe = self.writer.added()
        return replace(recipe, gathered={**recipe.gathered, block.name: candidates})

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
        self.writer.write(f"{self.block.name}_select", self.block.parts["select"], {"reports": reports})

    def _usual_measure(self) -> Part:
        """Quality on what candidates are chosen on, and of them alone."""
        words = {"uses": "quality", "with": PROBED}
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
        going_on = "student" if "student" in part.ports else "model"
        given = {"teacher": self.block.given["model"], **self.block.given, going_on: model}
        return self.writer.step(
            name,
            part,
            given,
            options,
            at={one: ("steps", self.block.name, "probe", "with", one) for one in options or {}},
            when=f"{self.block.name}_select" if selected else None,
        )

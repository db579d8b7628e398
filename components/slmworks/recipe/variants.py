"""The variants of a step: its plugin with validated options, once, or once for each entry of its sweep."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slmworks.contract.catalog import BrokenPlugin, plugin, plugins, stage_class
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.options import OptionError, configure
from slmworks.contract.stage import Stage, ports
from slmworks.recipe.recipe import Recipe, Step, seed_problem


@dataclass(frozen=True)
class Variant:
    """One way in which a step is run."""

    label: str
    """Unique within the sweep, and fit for a file's name; empty without a sweep."""
    plugin: str
    configured: Stage
    """The plugin with its validated options."""
    seed: int
    where: tuple[str | int, ...]
    """Its place within the step; empty without a sweep."""


def variants(recipe: Recipe, name: str, step: Step, stage: str) -> list[Variant]:
    """The variants of this step; BadRequest with its place for a plugin or an option that is none."""
    return _Reading(recipe, name, step, stage).variants()


def takes_seed(plugin: Stage | type[Stage]) -> bool:
    """True for a plugin with an option `seed`, which stands in place of a step's word."""
    return "seed" in (plugin if isinstance(plugin, type) else type(plugin)).model_fields


def draws(stage: str, plugin: Stage | type[Stage]) -> bool:
    """False for tasks that a seed would change nothing of: fetches, and those that are run every time."""
    return plugin.cacheable and all(port.kind is not None for port in ports(stage_class(stage)).values())


@dataclass(frozen=True)
class _Reading:
    recipe: Recipe
    name: str
    step: Step
    stage: str

    def variants(self) -> list[Variant]:
        if not self.step.sweep:
            return [self._variant("", self.step.uses, self.step.options, self.step.seed, ())]
        named = labels(self.step)
        return [
            self._variant(
                label,
                entry.get("uses", self.step.uses),
                {**self.step.options, **entry.get("with", {})},
                entry.get("seed", self.step.seed),
                ("sweep", index),
            )
            for index, (entry, label) in enumerate(zip(self.step.sweep, named, strict=True))
        ]

    def _variant(
        self,
        label: str,
        uses: str | None,
        options: Mapping[str, Any],
        seed: int,
        where: tuple[str | int, ...],
    ) -> Variant:
        name = uses or self._default()
        try:
            chosen = plugin(self.stage, name).load()
        except BrokenPlugin:
            raise
        except BadRequest as error:
            raise self._error(*where, "uses", problem=error) from None
        try:
            variant = Variant(label, name, configure(chosen, name, options), seed, where)
        except OptionError as error:
            place = where if error.where and error.where[0] in self._own(where) else ()
            raise self._error(*place, "with", *error.where, problem=error.problem) from None
        self._refuse_needless_seed(variant)
        return variant

    def _refuse_needless_seed(self, variant: Variant) -> None:
        """BadRequest for a seed where nothing is drawn, or where an option chooses it."""
        if problem := seed_problem(variant.seed):  # of a recipe that was made or changed in Python
            raise self._error("seed", problem=problem)
        swept = variant.where and "seed" in self.step.sweep[int(variant.where[1])]
        if not (variant.seed or swept):
            return
        place = (*(variant.where if swept else ()), "seed")
        if takes_seed(variant.configured):
            problem = f"{variant.plugin} has an option of its own for it: with: {{seed: {variant.seed}}}."
            raise self._error(*place, problem=problem)
        if not draws(self.stage, variant.configured):
            raise self._error(*place, problem=f"{self.stage} draws nothing at random; remove it.")

    def _own(self, where: tuple[str | int, ...]) -> Mapping[str, Any]:
        """The options that are written in the variant itself."""
        return dict(self.step.sweep[int(where[1])].get("with", {})) if where else {}

    def _default(self) -> str:
        known, usual = plugins(self.stage), stage_class(self.stage).default
        if usual in known:
            return str(usual)
        if len(known) == 1:
            return next(iter(known))
        if not known:
            raise self._error(problem=f"no plugin for {self.stage} is installed; install one that offers it.")
        raise self._error(problem=f"say which plugin: `uses: …`. {did_you_mean('', known)}")

    def _error(self, *where: str | int, problem: object) -> BadRequest:
        return BadRequest(f"{self.recipe.at('steps', self.name, *where)}: {problem}")


def labels(step: Step) -> list[str]:
    """A short, unique, file-safe name for each variant of a sweep."""
    plugin_names = [entry.get("uses", step.uses) or "" for entry in step.sweep]
    seeds = [{"seed": entry["seed"]} if "seed" in entry else {} for entry in step.sweep]
    changed = [{**entry.get("with", {}), **seed} for entry, seed in zip(step.sweep, seeds, strict=True)]
    varying = {k for opts in changed for k in opts if any(o.get(k) != opts[k] for o in changed)}
    several = len(set(plugin_names)) > 1
    found = [
        ",".join(
            ([name] if several or not varying else [])
            + [f"{key}={_word(opts[key])}" for key in opts if key in varying]
        )
        for name, opts in zip(plugin_names, changed, strict=True)
    ]
    if len(set(plugin_names)) == len(plugin_names):
        found = plugin_names
    found = [re.sub(r"[^A-Za-z0-9_=,.-]", "-", label) for label in found]
    unique = len(set(found)) == len(found) and all(0 < len(label) <= 60 for label in found)
    return found if unique else [f"v{number + 1}" for number in range(len(found))]


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(_word(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)

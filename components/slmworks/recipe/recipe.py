"""A recipe: steps as plain data, with six keys a step and no expressions.

    steps:
      student: {stage: distill, uses: logit-kd, from: {teacher: teacher, data: curate}, with: {epochs: 2}}

Reading checks the shape of the file and keeps the line of every key; `slmworks.recipe.lower` checks its
meaning. YAML 1.2, duplicate keys refused, no anchors, tags or merges.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.recipe.yaml_file import Where, load, place, read_text

WORDS = ("stage", "uses", "with", "from", "when", "seed", "sweep")
VARIANT = ("uses", "with", "seed")
"""Words of a sweep's variant."""
TOP = ("name", "description", "steps")
ORDERS = "orders"
"""The word of a step that stands for many: see `slmworks.recipe.orders`."""
CANDIDATES = "candidates"
"""The word of another one: see `slmworks.recipe.choice`."""
TAKEN = "run"
"""Reserved name: a run's own record has it."""
SEEDS = 2**32
"""Seeds are below it: what numpy's and llama.cpp's generators take."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Step:
    """One step as written."""

    stage: str | None = None
    """Stage; None: the step's name is the stage's."""
    uses: str | None = None
    """Plugin; None: the stage's default."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The step's `with`."""
    inputs: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """The step's `from`: port -> step, outside reference, or several of them."""
    when: str | None = None
    """The step that selects candidates: only tasks whose candidate goes on run. None: all."""
    seed: int = 0
    """Seed of every random choice of the step's tasks."""
    sweep: tuple[Mapping[str, Any], ...] = ()
    """Variants: each a mapping with `uses`, `with` and/or `seed`."""


@dataclass(frozen=True)
class Recipe:
    """A recipe file, read."""

    name: str
    steps: Mapping[str, Step]
    description: str = ""
    folder: Path = field(default_factory=Path)
    """Outside references that are local paths are relative to it."""
    file: str = "recipe"
    """The file's name as the person gave it."""
    text: str = ""
    """The file's text, logged as the root of the lineage."""
    lines: Mapping[Where, int] = field(default_factory=dict)
    blocks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Steps with `orders:` or `candidates:` as written; `slmworks.recipe.blocks` makes them plain."""
    gathered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Name of a step with `orders:` -> order -> the step that makes it. Who reads from it reads from each."""
    places: Mapping[str, Mapping[Where, Where]] = field(default_factory=dict)
    """Step that was made of another one's words -> words -> where they are written."""
    edits: tuple[Mapping[str, Any], ...] = ()
    """Options that were changed for one run: step, option, what it was and is, whether a gate's."""

    def at(self, *where: str | int) -> str:
        """A place for an error message: `pipelines/my.yaml:14 steps.student.with.temprature`."""
        return place(self.file, self.lines, self._written(where))

    def _written(self, where: Where) -> Where:
        """Where the words of a step are written: in its own place, mostly."""
        name, words = "".join(map(str, where[1:2])), where[2:]
        if where[:1] != ("steps",) or name not in self.places:
            return where
        known = self.places[name]
        longest = max((one for one in known if words[: len(one)] == one), key=len)
        return (*known[longest], *words[len(longest) :])

    @classmethod
    def read(cls, path: str | Path) -> "Recipe":
        """Read a recipe file."""
        return cls.parse(read_text(path, "recipe"), file=str(path), folder=Path(path).parent)

    @classmethod
    def parse(cls, text: str, *, file: str = "recipe", folder: Path | None = None) -> "Recipe":
        """Read a recipe from text."""
        value, lines = load(text, file, "a recipe", needs="`name` and `steps`")
        draft = cls("", {}, folder=folder or Path(), file=file, text=text, lines=lines)
        return _recipe(value, draft)


def seed_problem(value: Any) -> str:
    """What is wrong with a seed; empty for a good one."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < SEEDS:
        return ""
    several = "; for several: sweep: [{seed: 0}, {seed: 1}]" if isinstance(value, list) else ""
    return f"must be a whole number from 0 to {SEEDS - 1}{several}."


def _recipe(value: Any, draft: Recipe) -> Recipe:
    top = _mapping(value, draft, (), "a recipe is a mapping with `name` and `steps`")
    for key in top:
        if key not in TOP:
            raise BadRequest(f"{draft.at(key)}: no such word in a recipe. {did_you_mean(key, TOP)}")
    for key in ("name", "steps"):
        if key not in top:
            raise BadRequest(f"{draft.at()}: a recipe needs `{key}:` at the top.")
    name = top["name"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadRequest(f"{draft.at('name')}: must be letters, digits, - and _, beginning with a letter.")
    description = top.get("description", "")
    if not isinstance(description, str):
        raise BadRequest(f"{draft.at('description')}: must be text.")
    steps = _mapping(top["steps"], draft, ("steps",), "must be a mapping of step names to steps")
    if not steps:
        raise BadRequest(f"{draft.at('steps')}: there are no steps; add one.")
    blocks = {
        key: step
        for key, step in steps.items()
        if isinstance(step, dict) and not {ORDERS, CANDIDATES}.isdisjoint(step)
    }
    for key in blocks:
        _check_name(key, draft)
    return Recipe(
        name=name,
        steps={key: read_step(key, step, draft) for key, step in steps.items() if key not in blocks},
        blocks=blocks,
        description=description,
        folder=draft.folder,
        file=draft.file,
        text=draft.text,
        lines=draft.lines,
    )


def _check_name(name: str, draft: Recipe) -> None:
    where: Where = ("steps", name)
    if not NAME.fullmatch(name):
        raise BadRequest(
            f"{draft.at(*where)}: a step's name has letters, digits, - and _, beginning with a letter."
        )
    if name == TAKEN:
        raise BadRequest(f"{draft.at(*where)}: no step can be called '{TAKEN}'; a run's own record is.")


def read_step(name: str, value: Any, draft: Recipe) -> Step:
    """One step of its words; BadRequest with the place that `draft` knows for each of them."""
    where: Where = ("steps", name)
    _check_name(name, draft)
    words = _mapping(
        {} if value is None else value, draft, where, f"a step is a mapping of {', '.join(WORDS)}"
    )
    for key in words:
        if key not in WORDS:
            raise BadRequest(f"{draft.at(*where, key)}: no such word in a step. {did_you_mean(key, WORDS)}")
    for key in ("stage", "uses", "when"):
        if key in words and not isinstance(words[key], str):
            raise BadRequest(f"{draft.at(*where, key)}: must be a name.")
    return Step(
        stage=words.get("stage"),
        uses=words.get("uses"),
        options=_mapping(words.get("with", {}), draft, (*where, "with"), "must be a mapping of options"),
        inputs=_inputs(words.get("from", {}), draft, (*where, "from")),
        when=words.get("when"),
        seed=_require_seed(words.get("seed", 0), draft, (*where, "seed")),
        sweep=_sweep(words.get("sweep"), draft, (*where, "sweep")),
    )


def _inputs(value: Any, draft: Recipe, where: Where) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {}
    for port, given in _mapping(value, draft, where, "must be a mapping of ports to steps").items():
        if isinstance(given, str):
            found[port] = given
        elif isinstance(given, list) and given and all(isinstance(one, str) for one in given):
            found[port] = tuple(given)
        else:
            raise BadRequest(
                f"{draft.at(*where, port)}: must name a step or an outside reference, or list several."
            )
    return found


def _sweep(value: Any, draft: Recipe, where: Where) -> tuple[Mapping[str, Any], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value:
        raise BadRequest(
            f"{draft.at(*where)}: must be a list of variants, such as [{{uses: a}}, {{uses: b}}] or "
            "[{seed: 0}, {seed: 1}]."
        )
    for index, variant in enumerate(value):
        rule = "a variant is a mapping of `uses`, `with` and/or `seed`"
        words = _mapping(variant, draft, (*where, index), rule)
        for key in words:
            if key not in VARIANT:
                raise BadRequest(
                    f"{draft.at(*where, index, key)}: a variant has only `uses`, `with` and `seed`. "
                    f"{did_you_mean(key, VARIANT)}"
                )
        if not isinstance(words.get("uses", ""), str):
            raise BadRequest(f"{draft.at(*where, index, 'uses')}: must be a name.")
        _mapping(words.get("with", {}), draft, (*where, index, "with"), "must be a mapping of options")
        _require_seed(words.get("seed", 0), draft, (*where, index, "seed"))
    return tuple(value)


def _require_seed(value: Any, draft: Recipe, where: Where) -> int:
    if problem := seed_problem(value):
        raise BadRequest(f"{draft.at(*where)}: {problem}")
    return int(value)


def _mapping(value: Any, draft: Recipe, where: Where, rule: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise BadRequest(f"{draft.at(*where)}: {rule}, not {_kind(value)}.")


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "nothing")

"""The model that a first recipe begins with: its tokenizer and its layers."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.cli.console import say
from slmworks.contract.errors import BadRequest
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks_text.conversations.token_lengths import Measure, Words
from slmworks_text.start.of_recipe import model_folder
from slmworks_text.start.recipe_text import Facts, recipe_text, student_layers
from slmworks_text.start.tokens import measure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slmworks.cli.places import Places

POSITIONS = 512
"""Tokens that encoders of BERT's kind can read."""


@dataclass(frozen=True)
class Teacher:
    """What a recipe must know of its teacher."""

    measure: Measure
    layers: "Sequence[int]"
    """Those that a student begins with."""
    positions: int
    """Tokens that it can read."""

    @classmethod
    def of(cls, facts: Facts, folder: Path, places: "Places") -> "Teacher":
        """Fetch an encoder as the recipe's run will; without it lengths are in words."""
        if not facts.kind.has_layers:
            if facts.model:
                raise BadRequest("--teacher: conversations become a generator's recipe; change its `base`.")
            return cls(Words(), facts.layers, POSITIONS)
        draft = replace(facts, layers=(0,)) if facts.model else facts  # its layers aren't known yet
        planned = plan(Recipe.parse(recipe_text(draft), file="recipe.yaml", folder=folder))
        found = model_folder(planned, places)
        measure = measure_of(found)
        if measure.unit == "words":
            say("note   no tokenizer of the teacher is at hand: lengths are in words")
        if not facts.model:
            return cls(measure, facts.layers, POSITIONS)
        config = _config(found, facts.model)
        layers = student_layers(int(config["num_hidden_layers"]))
        return cls(measure, layers, int(config.get("max_position_embeddings", POSITIONS)))


def source_of(given: str, folder: Path) -> str:
    """A teacher as the recipe names it: a folder of this machine by its path from the recipe's."""
    return beside(folder, Path(given)) if given and Path(given).exists() else given


def beside(folder: Path, path: Path) -> str:
    """A path from the recipe's folder, always with a sign by which it is one."""
    found = os.path.relpath(path.resolve(), folder.resolve())
    return found if "/" in found else f"./{found}"


def _config(folder: Path | None, teacher: str) -> dict[str, Any]:
    files = sorted(folder.rglob("config.json")) if folder else []
    config = dict(json.loads(files[0].read_text(encoding="utf-8"))) if files else {}
    if "num_hidden_layers" not in config:
        raise BadRequest(
            f"--teacher {teacher}: can't be had, or its config.json doesn't say how many layers it has; name "
            "an encoder in Hugging Face's form."
        )
    return config

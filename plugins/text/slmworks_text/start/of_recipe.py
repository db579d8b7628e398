"""The data of a recipe: its curate steps are run, and its pretrained model is fetched for the tokenizer."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slmworks.cli.console import say
from slmworks.contract.artifact import Artifact, Dataset
from slmworks.contract.errors import BadRequest
from slmworks_text.start.curated import STAGE, card_of

if TYPE_CHECKING:
    from slmworks.cli.display import Plain
    from slmworks.cli.places import Places
    from slmworks.contract.manifest import Manifest
    from slmworks.recipe.plan import Plan, PlannedTask
    from slmworks_text.conversations.token_lengths import Measure


def show_recipe(
    recipe: Path, places: "Places", *, as_json: bool, cards: Path | None = None, against: Path | None = None
) -> int:
    """Print the data of every curate step; returns the exit code of what had to be run."""
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks_text.start.tokens import measure_of

    planned = plan(Recipe.read(recipe))
    steps = [task for task in planned if task.stage == STAGE]
    if not steps:
        raise BadRequest(f"{recipe}: no step curates data; name a recipe with a {STAGE} step, or a file.")
    code, made = run_tasks(planned, [task.id for task in steps], places, quiet=as_json)
    if code:
        return code
    measure = measure_of(model_folder(planned, places, quiet=as_json))
    found = {}
    for task in steps:
        digest = made[task.id].digest
        data = Artifact.open(places.store.folder(digest), digest=digest)
        assert isinstance(data, Dataset)
        found[task.id] = replace(data, summary=made[task.id].summary)
    return show_data_sets(
        found, places,
        as_json=as_json, cards=cards, against=against,
        called=planned.recipe.name, measure=measure, max_length=_max_length(planned),
    )  # fmt: skip


def show_data_sets(
    found: "Mapping[str, Dataset]",
    places: "Places",
    *,
    as_json: bool,
    cards: Path | None,
    against: Path | None,
    called: str = "",
    measure: "Measure | None" = None,
    max_length: int | None = None,
) -> int:
    """Print data sets by their steps, write their cards, and compare each with another one.

    `called`: the recipe's name. `max_length`: tokens above which a model cuts a text.
    """
    from slmworks_text.start.data_cards import address_of, drifted, show_drift, write
    from slmworks_text.start.shown import seen, show
    from slmworks_text.start.tokens import measure_of

    looks = {}
    for step, data in found.items():
        card = card_of(data) | (drifted(data, against, places) if against else {})
        looks[step] = seen(data, card, measure or measure_of(None))
        if cards:
            folder = cards / step if len(found) > 1 else cards
            name = " · ".join(filter(None, (called, step)))
            write(folder, data, card, name, address=address_of(data, places), summary=data.summary or None)
    if as_json:
        shown: Any = {step: one.as_json() for step, one in looks.items()}
        click.echo(json.dumps(shown if called else shown[""], indent=1, ensure_ascii=False))
        return 0
    for step, one in looks.items():
        say(f"{step}:" if len(looks) > 1 else "")
        show(one, max_length)
        if "drift" in one.card:
            show_drift(one.card["drift"])
    return 0


def run_tasks(
    planned: "Plan", ids: list[str], places: "Places", *, quiet: bool = False
) -> "tuple[int, dict[str, Manifest]]":
    """Run these tasks and what they need, as `slmworks run` does; their results by task."""
    from slmworks.cli.display import observer
    from slmworks.engines.local import Run
    from slmworks.machine.cores import usable_cores

    screen: Silent | Plain = Silent() if quiet else observer()
    running = Run(planned.until(ids), places.store, usable_cores(), screen, engine=places.engine)
    try:
        code = running.execute()
    finally:
        screen.close()
    for outcome in running.outcomes.values():
        if outcome.state == "failed":
            say(f"slmworks: {outcome.error}", err=True)
    return code, {one: found.manifest for one, found in running.outcomes.items() if found.manifest}


def model_folder(planned: "Plan", places: "Places", *, quiet: bool = False) -> Path | None:
    """The folder of the first model that the recipe fetches; None where it can't be had."""
    fetches = [task for task in planned if task.brings and _is_pretrained(task)]
    if not fetches:
        return None
    code, made = run_tasks(planned, [fetches[0].id], places, quiet=quiet)
    return places.store.folder(made[fetches[0].id].digest) if code == 0 else None


class Silent:
    """A display that shows nothing: the output is for programs."""

    def began(self, run: object) -> None:
        """Nothing."""

    def started(self, task_id: str) -> None:
        """Nothing."""

    def event(self, task_id: str, event: object) -> None:
        """Nothing."""

    def ended(self, task_id: str, outcome: object, seconds: float) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def _is_pretrained(task: "PlannedTask") -> bool:
    return all(source.kind in ("local", "pypi", "hf", "url") for source in task.sources.values())


def _max_length(planned: "Plan") -> int | None:
    found = (task.options.get("max_length") for task in planned if task.options.get("max_length"))
    return next(found, None)
